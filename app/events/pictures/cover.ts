import sharp from "sharp"
import type { Box, ImageSize } from "../../face/geometry.ts"

/** Hair, ears and chin go with a face. */
const widened = 1.6
const jpegQuality = 80

/**
 * A snapshot with these faces under grey: not blurred, for what is blurred can be guessed back.
 * @param snapshot made by one of our own engines: pictures from outside are never decoded in this process
 * @param frame the size in whose pixels `boxes` are
 */
export async function coverFaces(snapshot: Uint8Array, frame: ImageSize, boxes: readonly Box[]): Promise<Uint8Array> {
  if (boxes.length === 0) return snapshot
  const picture = sharp(snapshot)
  const { width, height } = await picture.metadata()
  const scale = width / frame.width
  const rectangles = boxes.map((box) => {
    const [w, h] = [box.width * widened * scale, box.height * widened * scale]
    const [x, y] = [(box.x + box.width / 2) * scale - w / 2, (box.y + box.height / 2) * scale - h / 2]
    return `<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="#808080"/>`
  })
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${rectangles.join("")}</svg>`
  return picture
    .composite([{ input: Buffer.from(svg) }])
    .jpeg({ quality: jpegQuality })
    .toBuffer()
}
