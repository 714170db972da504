import { createHash } from "node:crypto"
import { type FileHandle, open } from "node:fs/promises"
import { z } from "zod"
import type { Result } from "../base/result.ts"

/**
 * A backup in one file: the payload, then what there is to know of it. The payload of an unsealed one is a database that any
 * SQLite opens, for SQLite ignores what follows its last page.
 *
 *     payload | manifest, JSON | SHA-256 of the manifest, 32 bytes | length of the manifest, uint32 LE | "GATEBAK1"
 */
const manifestSchema = z.object({
  /** Of this very layout. A reader refuses one that it does not know; keys may be added without a new one. */
  format: z.literal(1),
  program: z.string(),
  /** Wall time; as wrong as the clock was. */
  createdAtMs: z.int(),
  /** Counts up within a data folder, so that order does not depend on clocks; 0 for one that was asked for by name. */
  number: z.int().min(0),
  schema: z.int().min(1),
  rows: z.record(z.string(), z.int().min(0)),
  payload: z.object({
    bytes: z.int().min(1),
    /** Hex, of the payload as it lies here. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    /** The name of what it was sealed with; "none" is a plain database. */
    sealing: z.string(),
  }),
})
export type Manifest = z.output<typeof manifestSchema>

const magic = Buffer.from("GATEBAK1")
const tailBytes = 32 + 4 + magic.length
/** Far more than any manifest: a length beyond it is damage. */
const manifestBytesMax = 1024 * 1024
const pieceBytes = 1024 * 1024

/** Appends the manifest to a file that holds the payload so far, and syncs it. */
export async function appendManifest(path: string, given: Omit<Manifest, "payload">, sealing: string): Promise<Manifest> {
  await using file = await open(path, "r+")
  const { size } = await file.stat()
  const manifest: Manifest = { ...given, payload: { bytes: size, sha256: await hashOf(file, size), sealing } }
  const text = Buffer.from(JSON.stringify(manifest))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  const ending = Buffer.concat([text, createHash("sha256").update(text).digest(), length, magic])
  await file.write(ending, 0, ending.length, size)
  await file.sync()
  return manifest
}

/** What a file says of itself. The payload is not looked at yet. */
export async function readManifest(path: string): Promise<Result<Manifest>> {
  try {
    await using file = await open(path, "r")
    const { size } = await file.stat()
    const tail = await bytesAt(file, Math.max(0, size - tailBytes), Math.min(size, tailBytes))
    if (tail.length < tailBytes || !tail.subarray(36).equals(magic))
      return {
        kind: "failed",
        why: `${path} is no backup of Gatehouse, or its end is missing: copy it again, or take another one`,
      }
    const length = tail.readUInt32LE(32)
    if (length > manifestBytesMax || length + tailBytes > size) return damaged(path)
    const text = await bytesAt(file, size - tailBytes - length, length)
    if (!createHash("sha256").update(text).digest().equals(tail.subarray(0, 32))) return damaged(path)
    const parsed = manifestSchema.safeParse(JSON.parse(text.toString()))
    if (!parsed.success)
      return {
        kind: "failed",
        why: `${path} was made by another version of Gatehouse: restore it with that one (${z.prettifyError(parsed.error)})`,
      }
    if (parsed.data.payload.bytes !== size - tailBytes - length) return damaged(path)
    return { kind: "ok", value: parsed.data }
  } catch (error) {
    return { kind: "failed", why: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** Reads the whole payload and holds it against the manifest. */
export async function verifyPayload(path: string, { payload }: Manifest): Promise<Result<void>> {
  await using file = await open(path, "r")
  return (await hashOf(file, payload.bytes)) === payload.sha256 ? { kind: "ok", value: undefined } : damaged(path)
}

/** Writes the payload into a new file, readable by this user alone, and syncs it. */
export async function extractPayload(path: string, { payload }: Manifest, into: string): Promise<void> {
  await using file = await open(path, "r")
  await using draft = await open(into, "wx", 0o600)
  for await (const piece of pieces(file, payload.bytes)) await draft.writeFile(piece)
  await draft.sync()
}

function damaged(path: string): { readonly kind: "failed"; readonly why: string } {
  return { kind: "failed", why: `${path} is damaged: its checksum is another; copy it again, or take another backup` }
}

async function hashOf(file: FileHandle, bytes: number): Promise<string> {
  const hash = createHash("sha256")
  for await (const piece of pieces(file, bytes)) hash.update(piece)
  return hash.digest("hex")
}

async function* pieces(file: FileHandle, bytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes; at += pieceBytes) yield await bytesAt(file, at, Math.min(pieceBytes, bytes - at))
}

async function bytesAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await file.read(buffer, 0, length, at)
  return buffer.subarray(0, bytesRead)
}
