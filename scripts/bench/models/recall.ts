import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import type { Box } from "../../../app/face/geometry.ts"
import type { OpenStages } from "./stages.ts"

/** Widths of a reference face in pixels: from this to the next. */
export const widthsPx = [0, 12, 20, 30, 45, 70, 110, Number.POSITIVE_INFINITY] as const

/** A photograph and the faces that the reference sees in it. */
export interface Judged {
  readonly name: string
  readonly picture: Uint8Array
  readonly faces: readonly Box[]
}

export interface Recall {
  /** For each range of widths: found, and how many there are. */
  readonly found: readonly number[]
  readonly all: readonly number[]
  /** Boxes that fit no reference face, of at least the asked width. */
  readonly others: number
}

/** Two boxes of one face: detectors agree on the middle and differ on forehead and ears. */
const overlapMin = 0.35

/** Every face a reference detector finds, however small: pictures up to 640 px are enlarged for it. */
export async function judge(reference: OpenStages, folders: readonly string[]): Promise<Judged[]> {
  const judged: Judged[] = []
  for (const folder of folders) {
    for (const name of (await readdir(folder)).filter((file) => /\.(jpe?g|png)$/.test(file)).sort()) {
      const picture = await readFile(join(folder, name))
      judged.push({ name, picture, faces: await detect(reference, picture, 4) })
    }
  }
  return judged
}

/** @param faceWidthPxMin what the detector is asked for; smaller faces are not counted */
export async function measureRecall(detector: OpenStages, judged: readonly Judged[], faceWidthPxMin: number): Promise<Recall> {
  const ranges = widthsPx.length - 1
  const [found, all] = [new Array<number>(ranges).fill(0), new Array<number>(ranges).fill(0)]
  let others = 0
  for (const { picture, faces } of judged) {
    const boxes = await detect(detector, picture, faceWidthPxMin)
    others += boxes.filter((box) => !faces.some((face) => overlap(box, face) >= overlapMin)).length
    for (const face of faces) {
      if (face.width < faceWidthPxMin) continue
      const range = widthsPx.findLastIndex((from) => face.width >= from)
      all[range]! += 1
      if (boxes.some((box) => overlap(box, face) >= overlapMin)) found[range]! += 1
    }
  }
  return { found, all, others }
}

async function detect(stages: OpenStages, picture: Uint8Array, faceWidthPxMin: number): Promise<Box[]> {
  const faces = await stages.detect(await stages.decode(picture), faceWidthPxMin)
  return faces.map(({ box }) => box)
}

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y)
  if (width <= 0 || height <= 0) return 0
  return (width * height) / (a.width * a.height + b.width * b.height - width * height)
}
