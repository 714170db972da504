import { loadNative } from "../../base/resources/native.ts"
import type { Pixels } from "../../face/pixels.ts"

type Package = typeof import("@julusian/jpeg-turbo")

/** The binary tells how much it wrote; the package's own types are those of its wrapper. */
type JpegTurbo = Omit<Package, "compressSync"> & {
  compressSync(...asked: Parameters<Package["compressSync"]>): { readonly size: number }
}

/**
 * libjpeg-turbo, from the binary inside the package: the package's own loader looks for a test runner's globals and stumbles
 * over those of Bun's.
 */
const turbo = loadNative(
  `@julusian/jpeg-turbo/prebuilds/jpeg-turbo-${process.platform}-${process.arch}/node-napi-v10.node`,
) as JpegTurbo

/**
 * Decodes into `out` as red, green, blue. Throws when libjpeg-turbo meets anything it would warn about, and when the picture
 * does not fit.
 */
export function decompressRgb(picture: Uint8Array, out: Buffer): { readonly width: number; readonly height: number } {
  const bytes = Buffer.from(picture.buffer, picture.byteOffset, picture.byteLength)
  return turbo.decompressSync(bytes, out, { format: turbo.FORMAT_RGB })
}

/** A JPEG of its own. `halved`: colour at half the resolution, which the eye does not miss. */
export function compressRgb(
  { data, width, height }: Pixels,
  { quality, colour }: { readonly quality: number; readonly colour: "full" | "halved" },
): Uint8Array {
  const bytes = Buffer.from(data.buffer, data.byteOffset, width * height * 3)
  const subsampling = colour === "full" ? turbo.SAMP_444 : turbo.SAMP_420
  const out = Buffer.allocUnsafe(turbo.bufferSize({ width, height, subsampling }))
  const { size } = turbo.compressSync(bytes, out, { format: turbo.FORMAT_RGB, width, height, subsampling, quality })
  // A copy: the buffer has room for the worst case, forty times what is needed.
  return new Uint8Array(out.subarray(0, size))
}
