import { createRequire } from "node:module"

type JpegTurbo = typeof import("@julusian/jpeg-turbo")

/**
 * libjpeg-turbo, from the binary inside the package: the package's own loader looks for a test runner's globals and stumbles
 * over those of Bun's.
 */
const binary = `@julusian/jpeg-turbo/prebuilds/jpeg-turbo-${process.platform}-${process.arch}/node-napi-v10.node`
const turbo: JpegTurbo = createRequire(import.meta.url)(binary)

/**
 * Decodes into `out` as red, green, blue. Throws when libjpeg-turbo meets anything it would warn about, and when the picture
 * does not fit.
 */
export function decompressRgb(picture: Uint8Array, out: Buffer): { readonly width: number; readonly height: number } {
  const bytes = Buffer.from(picture.buffer, picture.byteOffset, picture.byteLength)
  return turbo.decompressSync(bytes, out, { format: turbo.FORMAT_RGB })
}
