import { readFile } from "node:fs/promises"
import { join } from "node:path"
import sharp from "sharp"
import { projectRoot } from "../../../app/base/paths.ts"

/** A photograph to ask about. */
export interface Picture {
  readonly name: string
  readonly jpeg: Buffer
}

const demoFolder = join(projectRoot, "node_modules/@vladmandic/face-api/demo")

/** The group photographs of the development package @vladmandic/face-api as they are: 1920 px wide, 3 to 5 faces each. */
export async function groupPictures(): Promise<Picture[]> {
  const names = [1, 2, 3, 4, 5, 6].map((number) => `sample${number}.jpg`)
  return await Promise.all(names.map(async (name) => ({ name, jpeg: await readFile(join(demoFolder, name)) })))
}

/** Quality and sub-sampling of an ordinary network camera: 230 KB for this scene. */
const cameraQuality = 85

/**
 * A 1080p camera frame with one face, about 150 px wide: one woman of a group photograph, beside her parts of two other
 * photographs that show nobody. Every pixel is a photograph's, so decoding costs what a real frame's does.
 */
export async function cameraFrame(): Promise<Picture> {
  const part = (name: string, area: { left: number; top: number; width: number; height: number }, widthPx: number) =>
    sharp(join(demoFolder, name)).extract(area).resize({ width: widthPx, height: 1080, fit: "cover" }).toBuffer()
  const parts = [
    { input: await part("sample3.jpg", { left: 0, top: 200, width: 560, height: 1080 }, 560), left: 0, top: 0 },
    { input: await part("sample6.jpg", { left: 0, top: 240, width: 620, height: 1080 }, 620), left: 560, top: 0 },
    { input: await part("sample5.jpg", { left: 0, top: 20, width: 500, height: 730 }, 740), left: 1180, top: 0 },
  ]
  const jpeg = await sharp({ create: { width: 1920, height: 1080, channels: 3, background: "black" } })
    .composite(parts)
    .jpeg({ quality: cameraQuality })
    .toBuffer()
  return { name: "camera frame", jpeg }
}

/** Start of image, then a comment of eight bytes: 0xFFFE, length 10 (with the length itself). */
const commentHead = Buffer.from([0xff, 0xd8, 0xff, 0xfe, 0x00, 0x0a])
const commentBytes = 8
let nextNumber = 1

/** The same photograph in other bytes, so that no cache of whole pictures answers in place of the engines. */
export function asNeverSeen({ jpeg }: Picture): Uint8Array<ArrayBuffer> {
  const fresh = new Uint8Array(commentHead.length + commentBytes + jpeg.length - 2)
  fresh.set(commentHead)
  const number = (nextNumber++).toString(36).padStart(commentBytes, "0")
  for (let at = 0; at < commentBytes; at++) fresh[commentHead.length + at] = number.charCodeAt(at)
  fresh.set(jpeg.subarray(2), commentHead.length + commentBytes)
  return fresh
}
