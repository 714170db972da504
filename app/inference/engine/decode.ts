import type { Pixels } from "../../face/pixels.ts"
import { imagePxMax, type Orientation, type Refusal, readHeader } from "./header.ts"
import { decompressRgb } from "./jpeg-turbo.ts"
import { trimMetadata } from "./trim.ts"
import { sharp } from "./vips.ts"

export type Decoded = { readonly kind: "ok"; readonly pixels: Pixels } | Refusal

export interface PictureDecoder {
  /** The pixels belong to the decoder and hold until the next call. */
  decode(picture: Uint8Array): Promise<Decoded>
}

/** Larger buffers are given back after use: 24 MB hold the 8 megapixels of a 4K camera. */
const keptBytesMax = 8_000_000 * 3

/**
 * JPEG goes through libjpeg-turbo into a buffer that is there already; whatever that cannot do (CMYK, arithmetic coding, a
 * harmless flaw it stops at) and the other formats go through libvips.
 */
export function createPictureDecoder(): PictureDecoder {
  let stored: Buffer = Buffer.alloc(0)
  let upright: Buffer = Buffer.alloc(0)

  return {
    async decode(original) {
      if (stored.length > keptBytesMax) stored = Buffer.alloc(0)
      if (upright.length > keptBytesMax) upright = Buffer.alloc(0)
      const header = readHeader(original)
      if (header.kind === "refused") return header
      const picture = trimMetadata(original, header.format)
      const { width, height, orientation } = header
      if (header.format !== "jpeg") return decodeByVips(picture)
      stored = atLeast(stored, width * height * 3)
      if (!decodeJpegInto(stored, picture, width, height)) return decodeByVips(picture)
      if (orientation === 1) return { kind: "ok", pixels: { data: stored, width, height } }
      upright = atLeast(upright, width * height * 3)
      return { kind: "ok", pixels: turnUpright({ data: stored, width, height }, orientation, upright) }
    },
  }
}

/** False when libjpeg-turbo refuses the file or finds another picture in it than its header promised. */
function decodeJpegInto(out: Buffer, picture: Uint8Array, width: number, height: number): boolean {
  try {
    const decoded = decompressRgb(picture, out)
    return decoded.width === width && decoded.height === height
  } catch {
    // Its message names no cause; libvips decides about this file and words the refusal.
    return false
  }
}

/** Fails on a picture that ends early, and lets pass what every viewer shows, such as stray bytes between two segments. */
async function decodeByVips(picture: Uint8Array): Promise<Decoded> {
  try {
    const { data, info } = await sharp(picture, { failOn: "truncated", limitInputPixels: imagePxMax, autoOrient: true })
      .flatten({ background: "white" })
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true })
    const { width, height, channels } = info
    if (channels === 3) return { kind: "ok", pixels: { data, width, height } }
    if (channels === 1) return { kind: "ok", pixels: { data: greyToRgb(data), width, height } }
    return { kind: "refused", reason: "bad_image", why: `${channels} channels after decoding` }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { kind: "refused", reason: "bad_image", why: why.split("\n")[0] ?? why }
  }
}

function greyToRgb(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3)
  for (let from = 0, to = 0; from < grey.length; from++, to += 3) {
    const value = grey[from]!
    rgb[to] = value
    rgb[to + 1] = value
    rgb[to + 2] = value
  }
  return rgb
}

/**
 * Walking the stored picture with other steps gives the upright one: for each orientation where the upright picture's first
 * pixel lies, and how far apart its neighbours to the right and below are, in stored pixels.
 */
export function turnUpright({ data, width, height }: Pixels, orientation: Orientation, out: Uint8Array): Pixels {
  const last = { x: width - 1, y: (height - 1) * width }
  const walk = {
    1: { first: 0, right: 1, below: width },
    2: { first: last.x, right: -1, below: width },
    3: { first: last.x + last.y, right: -1, below: -width },
    4: { first: last.y, right: 1, below: -width },
    5: { first: 0, right: width, below: 1 },
    6: { first: last.y, right: -width, below: 1 },
    7: { first: last.x + last.y, right: -width, below: -1 },
    8: { first: last.x, right: width, below: -1 },
  } as const
  const { first, right, below } = walk[orientation]
  const lies = orientation >= 5
  const [uprightWidth, uprightHeight] = lies ? [height, width] : [width, height]
  let to = 0
  for (let y = 0; y < uprightHeight; y++) {
    let from = (first + y * below) * 3
    for (let x = 0; x < uprightWidth; x++, from += right * 3, to += 3) {
      out[to] = data[from]!
      out[to + 1] = data[from + 1]!
      out[to + 2] = data[from + 2]!
    }
  }
  return { data: out, width: uprightWidth, height: uprightHeight }
}

function atLeast(buffer: Buffer, bytes: number): Buffer {
  return buffer.length >= bytes ? buffer : Buffer.allocUnsafe(bytes)
}
