import { join } from "node:path"
import { unreachable } from "../../base/assert.ts"
import type { Result } from "../../base/result.ts"
import { nowTickMs } from "../../base/ticks.ts"
import type { AnalyzedFace } from "../../face/face.ts"
import type { ImageSize } from "../../face/geometry.ts"
import type { AnalyzeOptions } from "../../inference/wire.ts"
import type { Analyze } from "../../pipeline/analyze.ts"

/**
 * LFW's people are about 100 px wide in pictures of 250 px; some stand further back. Several faces are looked at, for the person
 * meant stands in the middle and is not always the largest.
 */
const analyzeOptions: AnalyzeOptions = { faceWidthPxMin: 40, facesMax: 10, embed: "all" }

/** Nobody waits at a camera: a picture may take its time behind the others. */
const deadlineMs = 60_000

/** Two pictures for each of four engines: one in work, one waiting. */
const pictureCountAtOnce = 8

/** The unit vector of the face nearest the centre, for each file in which one was found. Stops at the first file it cannot read. */
export async function embedCentreFaces(
  analyze: Analyze,
  folder: string,
  files: readonly string[],
  done: () => void = () => {},
): Promise<Result<ReadonlyMap<string, Float32Array>>> {
  const vectors = new Map<string, Float32Array>()
  const left = files.values()
  let why: string | undefined
  const embedFromQueue = async () => {
    for (const file of left) {
      const vector = await embedCentreFace(analyze, join(folder, file))
      if (vector.kind === "failed") why ??= vector.why
      if (why !== undefined) return
      if (vector.kind === "ok" && vector.value !== undefined) vectors.set(file, vector.value)
      done()
    }
  }
  await Promise.all(Array.from({ length: pictureCountAtOnce }, embedFromQueue))
  return why === undefined ? { kind: "ok", value: vectors } : { kind: "failed", why }
}

async function embedCentreFace(analyze: Analyze, path: string): Promise<Result<Float32Array | undefined>> {
  const file = Bun.file(path)
  if (!(await file.exists()))
    return { kind: "failed", why: `there is no picture ${path}; does the list belong to this folder?` }
  const answer = await analyze({
    picture: await file.bytes(),
    options: analyzeOptions,
    deadlineTickMs: nowTickMs() + deadlineMs,
  })
  switch (answer.kind) {
    case "ok":
      return { kind: "ok", value: nearestCentre(answer.faces, answer.image)?.embedding }
    case "refused":
      return { kind: "failed", why: `${path}: ${answer.why}` }
    case "unavailable":
      return { kind: "failed", why: `${path}: ${answer.why}` }
    case "overloaded":
    case "expired":
    case "superseded":
    case "abandoned":
      return { kind: "failed", why: `${path}: the engines did not keep up; try --engines with a smaller number` }
    default:
      return unreachable(answer)
  }
}

export function nearestCentre(faces: readonly AnalyzedFace[], image: ImageSize): AnalyzedFace | undefined {
  const offCentre = ({ box }: AnalyzedFace) =>
    Math.hypot(box.x + box.width / 2 - image.width / 2, box.y + box.height / 2 - image.height / 2)
  return faces.toSorted((a, b) => offCentre(a) - offCentre(b))[0]
}
