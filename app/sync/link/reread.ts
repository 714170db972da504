import type { Box, RefusedEntry } from "../box.ts"
import type { GalleryStream } from "../hub.ts"

const streams: readonly GalleryStream[] = ["erasures", "records"]

/**
 * After other members or keys came: what was not believed for want of them is read again by the next round.
 * @param refused the last ones; when there are as many as are kept, earlier ones may have been forgotten, of either stream and
 *   whatever the last ones are, and all is read again
 * @returns whether there is something to read again
 */
export function rereadRefused(box: Box, refused: readonly RefusedEntry[], refusedMax: number): boolean {
  const isFull = refused.length >= refusedMax
  const missing = refused.filter(({ kind }) => kind === "no_key" || kind === "unknown_box")
  if (missing.length === 0 && !isFull) return false
  box.transact((tables) => {
    for (const stream of streams) {
      const sequences = missing.filter((entry) => entry.stream === stream).map(({ sequence }) => sequence)
      if (sequences.length === 0 && !isFull) continue
      const before = isFull ? 0 : Math.min(...sequences) - 1
      if (before >= tables.position(stream)) continue
      tables.setPosition(stream, before)
      // A marker behind it would prove to a verified pull that all up to there was read.
      tables.setMarkers(
        stream,
        tables.markers(stream).filter(({ sequence }) => sequence <= before),
      )
    }
  })
  return true
}
