import { createHash } from "node:crypto"
import { makeZip } from "client-zip"
import { type HeldFile, jsonFile } from "../base/holding.ts"

/** One entry of `manifest.json`, which says of each file how long it is and what it hashes to. */
interface Entry {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

/**
 * The files as one zip, with a manifest at its end. A file is asked for when the one before has been sent: memory holds one or
 * two of them.
 */
export function zipWithManifest(files: AsyncIterable<HeldFile>, about: object, atMs: number): ReadableStream<Uint8Array> {
  const reader = makeZip(entries(files, about, new Date(atMs))).getReader()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      // Whoever asked has left. The library ends its source by throwing into it, and tells us of that.
      await reader.cancel(leftEarly).catch((error: unknown) => {
        if (error !== leftEarly) throw error
      })
    },
  })
}

const leftEarly = new Error("nobody reads the rest")

async function* entries(files: AsyncIterable<HeldFile>, about: object, lastModified: Date) {
  const told: Entry[] = []
  for await (const { name, bytes } of files) {
    told.push({ name, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") })
    yield { name, input: copyOf(bytes), lastModified }
  }
  const manifest = jsonFile("manifest.json", { ...about, files: told })
  yield { name: manifest.name, input: copyOf(manifest.bytes), lastModified }
}

/** The library takes views of plain buffers alone. */
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes)
}
