import { readFile } from "node:fs/promises"
import { join } from "node:path"
import sharp, { type Sharp } from "sharp"
import { projectRoot } from "../../../app/base/paths.ts"

export type SeedFormat = "jpeg" | "png" | "webp"

/** A sound picture that damaged ones are made from. */
export interface Seed {
  readonly name: string
  readonly format: SeedFormat
  readonly bytes: Uint8Array
}

/**
 * One face of a group photograph of the development package @vladmandic/face-api, stored in every way a decoder has code of its
 * own for. Small, so that ten thousand damaged copies are looked at in minutes; one large one, so that time counts as well.
 */
export async function pictureSeeds(): Promise<Seed[]> {
  const group = await readFile(join(projectRoot, "node_modules/@vladmandic/face-api/demo/sample6.jpg"))
  const face = await sharp(group).extract({ left: 1340, top: 80, width: 490, height: 490 }).resize(240, 200).png().toBuffer()
  const ways: Readonly<Record<string, Sharp>> = {
    "jpeg baseline": sharp(face).jpeg({ quality: 80 }),
    "jpeg progressive": sharp(face).jpeg({ quality: 80, progressive: true }),
    "jpeg 4:4:4, optimised": sharp(face).jpeg({ chromaSubsampling: "4:4:4", optimiseCoding: true }),
    "jpeg grey": sharp(face).grayscale().jpeg(),
    "jpeg CMYK": sharp(face).toColourspace("cmyk").jpeg(),
    "jpeg turned, with profile": sharp(face).withMetadata({ orientation: 6 }).withIccProfile("p3").jpeg(),
    "png colour": sharp(face).png(),
    "png interlaced": sharp(face).png({ progressive: true }),
    "png palette": sharp(face).png({ palette: true }),
    "png 16 bits": sharp(face).toColourspace("rgb16").png(),
    "png alpha": sharp(face).ensureAlpha(0.7).png(),
    "png with profile": sharp(face).withIccProfile("p3").png(),
    "webp lossy": sharp(face).webp({ quality: 70 }),
    "webp lossless": sharp(face).webp({ lossless: true }),
    "webp alpha": sharp(face).ensureAlpha(0.7).webp({ quality: 70 }),
    "webp turned, with profile": sharp(face).withMetadata({ orientation: 6 }).withIccProfile("p3").webp(),
  }
  const seeds = await Promise.all(
    Object.entries(ways).map(async ([name, encoder]): Promise<Seed> => {
      const format = name.split(" ", 1)[0] as SeedFormat
      return { name, format, bytes: await encoder.toBuffer() }
    }),
  )
  const large = await sharp(group).resize(1920).jpeg({ progressive: true }).toBuffer()
  return [...seeds, { name: "jpeg progressive, 1920 px", format: "jpeg", bytes: large }]
}
