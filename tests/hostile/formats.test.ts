import { afterAll, beforeAll, expect, test } from "bun:test"
import { gzipSync } from "node:zlib"
import sharp from "sharp"
import { type RunningBox, startBox } from "../support/box.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"

let folder: TempFolder
let box: RunningBox

beforeAll(async () => {
  folder = tempFolder()
  box = await startBox(folder.path, { GATEHOUSE_ENGINES: "1" })
})

afterAll(async () => {
  await box[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const pixels = () => sharp({ create: { width: 64, height: 48, channels: 3, background: "#406080" } })

/** Whole files where our tools can write one, else as much of the format as a reader would go by. */
const others: Readonly<Record<string, () => Promise<Uint8Array> | Uint8Array>> = {
  GIF: () => pixels().gif().toBuffer(),
  TIFF: () => pixels().tiff().toBuffer(),
  SVG: () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"><rect width="64" height="48"/></svg>'),
  HEIF: () => Buffer.concat([Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic"), Buffer.alloc(2000)]),
  AVIF: () => pixels().avif().toBuffer(),
  PDF: () => Buffer.from("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"),
  VIPS: () => Buffer.concat([Buffer.from([0x08, 0xf2, 0xa6, 0xb6]), Buffer.alloc(64 + 64 * 48 * 3)]),
  raw: () => Buffer.concat([Buffer.from("II*\0\x10\0\0\0CR\x02\0"), Buffer.alloc(2000)]),
}

test.each(Object.entries(others))("%s is told apart and refused with 415, whatever it is called", async (_name, file) => {
  const body = Uint8Array.from(await file())
  for (const type of ["image/jpeg", "image/png", "image/webp", "application/octet-stream"]) {
    const asked = await box.ask("/v1/recognize", { method: "POST", body, headers: { "content-type": type } })
    expect([asked.status, ((await asked.json()) as { error: { code: string } }).error.code]).toEqual([
      415,
      "unsupported_media_type",
    ])
  }
})

test("a body that grows by a thousand is not even opened", async () => {
  const body = gzipSync(new Uint8Array(100_000_000))
  const headers = { "content-type": "image/jpeg", "content-encoding": "gzip" }
  const asked = await box.ask("/v1/recognize", { method: "POST", body, headers })
  expect(asked.status).toBe(415)
})

test("loaders that are not needed are off, should a file ever get past the header", async () => {
  const probe = `
    const { sharp } = await import("./app/inference/engine/vips.ts")
    const files = JSON.parse(await Bun.stdin.text())
    for (const [name, base64] of Object.entries(files)) {
      const opened = await sharp(Buffer.from(base64, "base64")).raw().toBuffer().then(() => "opened", () => "refused")
      console.log(name, opened)
    }`
  const made: Record<string, string> = { JPEG: (await pixels().jpeg().toBuffer()).toString("base64") }
  for (const name of ["GIF", "TIFF", "SVG", "AVIF", "PDF"]) made[name] = Buffer.from(await others[name]!()).toString("base64")
  // A process of its own: what is switched off stays off for all that follows.
  const child = Bun.spawn([process.execPath, "-e", probe], { stdin: new Blob([JSON.stringify(made)]), stdout: "pipe" })
  const printed = (await new Response(child.stdout).text()).trim().split("\n")
  expect(printed).toEqual(["JPEG opened", "GIF refused", "TIFF refused", "SVG refused", "AVIF refused", "PDF refused"])
})
