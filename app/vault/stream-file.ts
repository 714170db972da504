import { createReadStream } from "node:fs"
import { open, rm } from "node:fs/promises"
import type { SealKey } from "./seal.ts"
import { type OpenedStream, openStream, pieceBytes, readStreamHeader, type StreamHeader, sealStream } from "./stream.ts"

/** Files hold their streams from the first byte to the last. Memory stays flat, whatever their size. */

/** Into a new file, readable by this user alone and on the disk when this returns. */
export async function sealFile(key: SealKey, label: string, from: string, to: string, attached?: Uint8Array): Promise<void> {
  await using draft = await open(to, "wx", 0o600)
  for await (const bytes of sealStream(key, label, read(from), attached)) await draft.writeFile(bytes)
  await draft.sync()
}

/**
 * Into a new file, as above; there is none when the answer is another than `opened`.
 * @param fromBytes how much of the file is the stream, where more follows it
 */
export async function openFile(
  key: SealKey,
  label: string,
  from: string,
  to: string,
  fromBytes?: number,
): Promise<OpenedStream> {
  await using draft = await open(to, "wx", 0o600)
  const opened = await openStream(key, label, read(from, fromBytes), (plain) => draft.writeFile(plain))
  if (opened.kind === "opened") await draft.sync()
  else await rm(to)
  return opened
}

/** Opens all of it and hands nothing over: whether it would open. */
export function readFile(key: SealKey, label: string, path: string, bytes?: number): Promise<OpenedStream> {
  return openStream(key, label, read(path, bytes), () => Promise.resolve())
}

/** `undefined` for a file that is no sealed stream. */
export function readFileHeader(path: string): Promise<StreamHeader | undefined> {
  return readStreamHeader(read(path))
}

function read(path: string, bytes?: number): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: 4 * pieceBytes, ...(bytes !== undefined && { end: bytes - 1 }) })
}
