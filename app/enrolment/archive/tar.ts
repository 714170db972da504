import { Readable, Transform } from "node:stream"
import { createGunzip } from "node:zlib"
import { createTarDecoder, type ParsedTarEntry } from "modern-tar"
import type { Content, Source } from "../item.ts"
import { chunksOf, firstBytes, type OpenFile } from "./bytes.ts"
import { type ArchiveLimits, tooLargePicture, unpackedBytesMax, whyTooMuch, wordsOf } from "./limits.ts"
import { archiveSource, type Damaged, type OpenArchive } from "./source.ts"

/** A tar file, packed by gzip or not: read from its beginning to its end, each time. */
export function tarSource(file: OpenFile, limits: ArchiveLimits): Source {
  return archiveSource(() => openTar(file), limits)
}

export function isGzip(first: Uint8Array): boolean {
  return first[0] === 0x1f && first[1] === 0x8b
}

async function openTar(openFile: OpenFile): Promise<OpenArchive | Damaged> {
  const size = await bytesOf(openFile)
  const file = Readable.from(chunksOf(openFile), { objectMode: false })
  const unpacked = isGzip(await firstBytes(openFile, 2)) ? gunzip(file, size) : file
  const entries = webStream(unpacked)
    .pipeThrough(createTarDecoder({ strict: true }))
    .getReader()
  let present: ParsedTarEntry | undefined

  return {
    kind: "ok",
    bytes: size,
    async next() {
      try {
        for (;;) {
          // What nobody reads is in the way of what comes after.
          await present?.body.cancel()
          present = undefined
          const { done, value } = await entries.read()
          if (done) return { kind: "end" }
          present = value
          const { name, size: unpackedBytes, type } = value.header
          if (type === undefined || type === "file") return { kind: "entry", path: name, unpackedBytes }
        }
      } catch (error) {
        return damaged(error)
      }
    },
    async read(limits) {
      const entry = present
      present = undefined
      if (entry === undefined) return { kind: "failed", why: "nothing was asked for" }
      return await readEntry(entry, limits)
    },
    async [Symbol.asyncDispose]() {
      await entries.cancel().catch(() => undefined)
      unpacked.destroy()
      file.destroy()
    },
  }
}

async function bytesOf(openFile: OpenFile): Promise<number> {
  await using file = await openFile()
  return file.bytes
}

async function readEntry({ header, body }: ParsedTarEntry, limits: ArchiveLimits): Promise<Content | Damaged> {
  try {
    if (header.size > limits.imageBytesMax) {
      await body.cancel()
      return tooLargePicture(header.size, limits)
    }
    return { kind: "picture", bytes: new Uint8Array(await new Response(body).arrayBuffer()) }
  } catch (error) {
    return damaged(error)
  }
}

function damaged(error: unknown): Damaged {
  return { kind: "failed", why: `the tar file cannot be read: ${wordsOf(error)}` }
}

/** Stops where an archive unpacks to more than pictures do, also behind its end. */
function gunzip(file: Readable, archiveBytes: number): Readable {
  let bytes = 0
  const counter = new Transform({
    transform(chunk: Uint8Array, _, done) {
      bytes += chunk.length
      if (bytes > unpackedBytesMax(archiveBytes)) done(new Error(whyTooMuch(archiveBytes)))
      else done(null, chunk)
    },
  })
  const gunzipped = createGunzip()
  file.on("error", (error) => gunzipped.destroy(error))
  gunzipped.on("error", (error) => counter.destroy(error))
  counter.on("close", () => {
    gunzipped.destroy()
    file.destroy()
  })
  return file.pipe(gunzipped).pipe(counter)
}

function webStream(readable: Readable): ReadableStream<Uint8Array> {
  const chunks = readable[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next()
        if (done === true) controller.close()
        else controller.enqueue(value as Uint8Array)
      },
    },
    { highWaterMark: 0 },
  )
}
