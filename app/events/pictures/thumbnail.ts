import sharp from "sharp"

/** The engines need the cores, and nobody asks for the same picture twice in a row. */
sharp.concurrency(1)
sharp.cache(false)

const jpegQuality = 80

/**
 * The picture made smaller, never larger. JPEG in, JPEG out.
 * @param snapshot made by one of our own engines: pictures from outside are never decoded in this process
 */
export async function thumbnail(snapshot: Uint8Array, widthPx: number): Promise<Uint8Array> {
  return sharp(snapshot).resize({ width: widthPx, withoutEnlargement: true }).jpeg({ quality: jpegQuality }).toBuffer()
}
