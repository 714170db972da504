import { open } from "node:fs/promises"

const chunkBytes = 256 * 1024

/** The bytes of a file in order, each chunk in a buffer of its own. Read as they are asked for. */
export async function* chunksOf(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  await using file = await open(path, "r")
  for (;;) {
    const buffer = new Uint8Array(chunkBytes)
    const { bytesRead } = await file.read(buffer, 0, chunkBytes, null)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}

/** The first bytes of a file, fewer where it is shorter. */
export async function firstBytes(path: string, bytes: number): Promise<Uint8Array> {
  await using file = await open(path, "r")
  const { bytesRead, buffer } = await file.read(new Uint8Array(bytes), 0, bytes, 0)
  return buffer.subarray(0, bytesRead)
}
