import sharp from "sharp"
import { alter } from "../demo/alter.ts"
import { readDemoPhoto } from "../demo/people.ts"

/** What both machines are asked, byte for byte the same. */
export interface Pictures {
  /** One face, to enrol. */
  readonly first: Uint8Array
  /** Her and another woman, who is not enrolled, as a poorer camera would have taken them, decoded by libjpeg-turbo. */
  readonly second: Uint8Array
  /** The same as WebP, decoded by libvips. */
  readonly webp: Uint8Array
}

/** Cut out of a group picture of the development package @vladmandic/face-api; small, as an emulated processor looks at them. */
export async function takePictures(): Promise<Pictures> {
  const group = await readDemoPhoto("sample6.jpg")
  const first = await sharp(group).extract({ left: 1340, top: 80, width: 490, height: 650 }).jpeg({ quality: 90 }).toBuffer()
  const both = await sharp(group).extract({ left: 1040, top: 60, width: 820, height: 640 }).jpeg({ quality: 95 }).toBuffer()
  const poorer = { turnDegrees: 4, brightness: 0.8, blurPx: 0.8, widthPx: 560, jpegQuality: 70 }
  const second = (await alter(both, poorer)).picture
  return { first, second, webp: await sharp(second).webp({ quality: 90 }).toBuffer() }
}

/** How far the pixels of two pictures are apart on average, of 255 levels; infinite where they have not the same size. */
export async function meanDifference(a: Uint8Array, b: Uint8Array): Promise<number> {
  const [left, right] = await Promise.all([a, b].map((picture) => sharp(picture).removeAlpha().raw().toBuffer()))
  if (left === undefined || right === undefined || left.length !== right.length) return Number.POSITIVE_INFINITY
  let sum = 0
  for (let i = 0; i < left.length; i++) sum += Math.abs((left[i] ?? 0) - (right[i] ?? 0))
  return sum / left.length
}
