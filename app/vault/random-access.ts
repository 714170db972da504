import { type FileHandle, open } from "node:fs/promises"
import type { Refused, SealKey } from "./seal.ts"
import { headerBytesMax, pieceBytes, pieceOpener, readStreamHeader } from "./stream.ts"
import { tagBytes } from "./suite.ts"

/** A sealed stream in a file that is read here and there, as a zip file is. */
export interface SealedFile extends AsyncDisposable {
  /** Of what was sealed. */
  readonly bytes: number
  /** Fewer than `length` only at the end. Throws where the file is not what was written. */
  read(at: number, length: number): Promise<Uint8Array>
}

export type OpenedSealedFile = { readonly kind: "opened"; readonly file: SealedFile } | { readonly kind: "truncated" } | Refused

/** Readers come back to where they were: 256 KiB. */
const piecesKept = 4

/** @param label what the stream was sealed as */
export async function openSealedFile(key: SealKey, label: string, path: string): Promise<OpenedSealedFile> {
  const handle = await open(path, "r")
  const opened = await openHandle(key, label, path, handle)
  if (opened.kind !== "opened") await handle.close()
  return opened
}

async function openHandle(key: SealKey, label: string, path: string, handle: FileHandle): Promise<OpenedSealedFile> {
  const begin = await handle.read(new Uint8Array(headerBytesMax), 0, headerBytesMax, 0)
  const header = await readStreamHeader([begin.buffer.subarray(0, begin.bytesRead)])
  if (header === undefined) return { kind: "unknown_format" }
  if (header.suite !== key.suite.name || header.keyId !== key.id) return { kind: "wrong_key", keyId: header.keyId }
  const openPiece = pieceOpener(key, label, header)
  const sealedBytes = (await handle.stat()).size - header.bytes.length
  const pieces = Math.ceil(sealedBytes / (pieceBytes + tagBytes))
  const bytes = sealedBytes - pieces * tagBytes
  if (pieces === 0 || bytes < 0) return { kind: "truncated" }
  const kept = new Map<number, Uint8Array>()
  const from = header.bytes.length

  async function sealedPiece(number: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(pieceBytes + tagBytes)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, from + number * buffer.length)
    return buffer.subarray(0, bytesRead)
  }

  async function piece(number: number): Promise<Uint8Array> {
    const present = kept.get(number)
    if (present !== undefined) return present
    const plain = openPiece(number, number === pieces - 1, await sealedPiece(number))
    if (plain === undefined) throw new Error(`${path} was changed on the disk after it was sealed`)
    const oldest = kept.keys().next().value
    if (kept.size >= piecesKept && oldest !== undefined) kept.delete(oldest)
    kept.set(number, plain)
    return plain
  }

  const end = await sealedPiece(pieces - 1)
  if (openPiece(pieces - 1, true, end) === undefined)
    return { kind: openPiece(pieces - 1, false, end) === undefined ? "tampered" : "truncated" }

  return {
    kind: "opened",
    file: {
      bytes,
      async read(at, length) {
        const to = Math.min(at + length, bytes)
        const parts: Uint8Array[] = []
        for (let from = at; from < to; ) {
          const number = Math.floor(from / pieceBytes)
          const begin = number * pieceBytes
          parts.push((await piece(number)).subarray(from - begin, Math.min(to - begin, pieceBytes)))
          from = begin + pieceBytes
        }
        return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
      },
      [Symbol.asyncDispose]: () => handle.close(),
    },
  }
}
