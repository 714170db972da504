import sharp from "sharp"
import type { Box, ImageSize } from "../../face/geometry.ts"

/** Hair, ears and chin go with a face. */
const widened = 1.6
const jpegQuality = 80
const grey = { channels: 3, background: "#808080" } as const

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
  const patches = boxes.flatMap((box) => {
    const [w, h] = [box.width * widened * scale, box.height * widened * scale]
    const [x, y] = [(box.x + box.width / 2) * scale - w / 2, (box.y + box.height / 2) * scale - h / 2]
    const [left, top] = [Math.max(0, Math.floor(x)), Math.max(0, Math.floor(y))]
    const [right, bottom] = [Math.min(width, Math.ceil(x + w)), Math.min(height, Math.ceil(y + h))]
    if (right <= left || bottom <= top) return []
    return [{ input: { create: { ...grey, width: right - left, height: bottom - top } }, left, top }]
  })
  return picture.composite(patches).jpeg({ quality: jpegQuality }).toBuffer()
}
