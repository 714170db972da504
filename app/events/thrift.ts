import { nowTickMs } from "../base/ticks.ts"
import type { NewSighting } from "./sighting.ts"

/** Of so many cameras the last picture is known; of more, those that were quiet longest are taken for new ones. */
const camerasMax = 1024

/** Which pictures need not be kept: somebody who stands before a camera is on ten that differ in nothing. */
export interface PictureThrift {
  /** Whether the picture of a sighting is to be kept. Of what it says yes to, it takes for granted that it is. */
  wants(sighting: Pick<NewSighting, "camera" | "faces">): boolean
  /** The picture was not kept after all. */
  forget(camera: string): void
}

/** @param everyMs of one camera at most one picture in this time, as long as the same people are on it; 0: every one */
export function createPictureThrift(everyMs: number): PictureThrift {
  const last = new Map<string, { readonly who: string; readonly tickMs: number }>()
  return {
    wants({ camera, faces }) {
      if (everyMs === 0) return true
      const tickMs = nowTickMs()
      const who = faces
        .map(({ decision, subjectId }) => `${decision} ${subjectId ?? ""}`)
        .toSorted()
        .join()
      const before = last.get(camera)
      if (before !== undefined && before.who === who && tickMs - before.tickMs < everyMs) return false
      // Set anew, so that the first of the map is the one that was quiet longest.
      last.delete(camera)
      last.set(camera, { who, tickMs })
      for (const quiet of last.keys()) if (last.size > camerasMax) last.delete(quiet)
      return true
    },
    forget: (camera) => void last.delete(camera),
  }
}
