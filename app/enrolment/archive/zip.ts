import { promisify } from "node:util"
import { crc32, inflateRaw } from "node:zlib"
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from "yauzl"
import type { Content, Source } from "../item.ts"
import type { ArchiveFile, OpenFile } from "./bytes.ts"
import { hostilePath } from "./layout.ts"
import { type ArchiveLimits, tooLargePicture, unreadable, wordsOf } from "./limits.ts"
import { archiveSource, type Damaged, type OpenArchive } from "./source.ts"

const inflate = promisify(inflateRaw)

const stored = 0
const deflated = 8
/** What deflate may add to a picture that does not get smaller. */
const packedOverheadBytes = 64 * 1024

/** A zip file: the list at its end is read entry by entry, and each picture by itself, in the thread pool. */
export function zipSource(file: OpenFile, limits: ArchiveLimits): Source {
  return archiveSource(() => openZip(file), limits)
}

/** Only ever asked for pieces: streams are not read by us. */
class FileReader extends RandomAccessReader {
  private readonly file: ArchiveFile

  constructor(file: ArchiveFile) {
    super()
    this.file = file
  }

  override read(buffer: Buffer, offset: number, length: number, position: number, done: (error: Error | null) => void): void {
    this.file.read(position, length).then(
      (bytes) => {
        buffer.set(bytes, offset)
        done(bytes.length < length ? new Error("it ends in the middle") : null)
      },
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    )
  }

  override close(done: (error: Error | null) => void): void {
    this.file[Symbol.asyncDispose]().then(
      () => done(null),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    )
  }
}

async function openZip(openFile: OpenFile): Promise<OpenArchive | Damaged> {
  const file = await openFile()
  let zip: ZipFile
  try {
    zip = await fromRandomAccessReaderPromise(new FileReader(file), file.bytes, { lazyEntries: true, autoClose: false })
  } catch (error) {
    await file[Symbol.asyncDispose]()
    return { kind: "failed", why: `it is no zip file that can be read: ${wordsOf(error)}` }
  }
  const entries = zip.eachEntry()
  let present: Entry | undefined
  return {
    kind: "ok",
    bytes: zip.fileSize,
    async next() {
      try {
        const { done, value } = await entries.next()
        if (done === true) return { kind: "end" }
        present = value
        return { kind: "entry", path: value.fileName, unpackedBytes: value.uncompressedSize }
      } catch (error) {
        const words = wordsOf(error)
        // These three end with the path itself, which may be somebody's name.
        const isPath = /^(absolute path|invalid relative path|invalid characters in fileName)/.test(words)
        return { kind: "failed", why: isPath ? hostilePath : `the list of the zip file cannot be read: ${words}` }
      }
    },
    read: async (limits) =>
      present === undefined ? unreadable("nothing was asked for") : readEntry(zip, file, present, limits),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  }
}

async function readEntry(zip: ZipFile, file: ArchiveFile, entry: Entry, limits: ArchiveLimits): Promise<Content> {
  const { compressedSize, uncompressedSize, compressionMethod } = entry
  if (uncompressedSize > limits.imageBytesMax) return tooLargePicture(uncompressedSize, limits)
  if (compressedSize > limits.imageBytesMax + packedOverheadBytes) return tooLargePicture(compressedSize, limits)
  if (entry.isEncrypted()) return unreadable("it is encrypted")
  if (compressionMethod !== stored && compressionMethod !== deflated)
    return unreadable(`it is packed by method ${compressionMethod}; stored and deflated ones are read`)
  try {
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true })
    const packed = await file.read(fileDataStart, compressedSize)
    if (packed.length < compressedSize) return unreadable("the zip file ends before this picture does")
    const bytes = compressionMethod === stored ? packed : await unpack(packed, uncompressedSize)
    if (bytes.length !== uncompressedSize || crc32(bytes) !== entry.crc32)
      return unreadable("what is in the zip file is not what its list says (size or checksum)")
    return { kind: "picture", bytes }
  } catch (error) {
    return unreadable(`it cannot be unpacked: ${wordsOf(error)}`)
  }
}

/** The declared size is a claim: what unpacks to more is stopped there, with an error. */
function unpack(packed: Uint8Array, declaredBytes: number): Promise<Uint8Array> {
  return inflate(packed, { maxOutputLength: Math.max(1, declaredBytes) })
}
