import { open } from "node:fs/promises"

/** What somebody sent, wherever and however it lies: read here and there. */
export interface ArchiveFile extends AsyncDisposable {
  readonly bytes: number
  /** Fewer than `length` only at the end. */
  read(at: number, length: number): Promise<Uint8Array>
}

export type OpenFile = () => Promise<ArchiveFile>

/** A file as it is. */
export function fileAt(path: string): OpenFile {
  return async () => {
    const file = await open(path, "r")
    const { size } = await file.stat()
    return {
      bytes: size,
      async read(at, length) {
        const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, at)
        return buffer.subarray(0, bytesRead)
      },
      [Symbol.asyncDispose]: () => file.close(),
    }
  }
}

const chunkBytes = 256 * 1024

/** The bytes of a file in order, each chunk in a buffer of its own. Read as they are asked for. */
export async function* chunksOf(openFile: OpenFile): AsyncGenerator<Uint8Array> {
  await using file = await openFile()
  for (let at = 0; ; ) {
    const chunk = await file.read(at, chunkBytes)
    if (chunk.length === 0) return
    yield chunk
    at += chunk.length
  }
}

/** The first bytes of a file, fewer where it is shorter. */
export async function firstBytes(openFile: OpenFile, bytes: number): Promise<Uint8Array> {
  await using file = await openFile()
  return await file.read(0, bytes)
}
