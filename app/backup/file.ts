import { createHash } from "node:crypto"
import { type FileHandle, open } from "node:fs/promises"
import { z } from "zod"
import { assert } from "../base/assert.ts"
import type { Result } from "../base/result.ts"
import type { WrappedKey } from "../vault/keys.ts"
import { clearSlots, type SlotsPlace, slotAlignBytes, slotBytes, slotsOf, writeSlot } from "./key-slots.ts"

/**
 * A backup in one file: the payload, then what there is to know of it. The payload of an unsealed one is a database that any
 * SQLite opens, for SQLite ignores what follows its last page. That of a sealed one is a stream (app/vault/stream.ts), and the
 * wrapped data keys of its rows stand behind it (key-slots.ts).
 *
 *     payload | (zeros | key slots) | manifest, JSON | SHA-256 of the manifest, 32 bytes | its length, uint32 LE | "GATEBAK1"
 */
const manifestSchema = z.object({
  /** Of this very layout; 2 has key slots. A reader refuses one that it does not know; keys may be added without a new one. */
  format: z.literal([1, 2]),
  program: z.string(),
  /** Wall time; as wrong as the clock was. */
  createdAtMs: z.int(),
  /** Counts up within a data folder, so that order does not depend on clocks; 0 for one that was asked for by name. */
  number: z.int().min(0),
  schema: z.int().min(1),
  /** Of each table, as it lies in the payload. */
  rows: z.record(z.string(), z.int().min(0)),
  payload: z.object({
    bytes: z.int().min(1),
    /** Hex, of the payload as it lies here. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    /** "none" is a plain database, "aes" and "gm" are streams sealed by that suite. */
    sealing: z.enum(["none", "aes", "gm"]),
  }),
  /** Of a sealed one. */
  keys: z.object({ at: z.int().min(1), count: z.int().min(0) }).optional(),
})
export type Manifest = z.output<typeof manifestSchema>

/** What is known of a backup before its payload is sealed. */
export type Described = Omit<Manifest, "payload" | "keys">

const magic = Buffer.from("GATEBAK1")
const tailBytes = 32 + 4 + magic.length
/** Far more than any manifest: a length beyond it is damage. */
const manifestBytesMax = 1024 * 1024
const pieceBytes = 1024 * 1024

/**
 * Appends what follows the payload to a file that holds the payload so far, and syncs it.
 * @param keys of a sealed one, in the order of their owners
 */
export async function appendManifest(
  path: string,
  described: Described,
  sealing: Manifest["payload"]["sealing"],
  keys?: readonly WrappedKey[],
): Promise<Manifest> {
  await using file = await open(path, "r+")
  const { size } = await file.stat()
  const payload = { bytes: size, sha256: await hashOf(file, size), sealing }
  const place = keys && { at: Math.ceil(size / slotAlignBytes) * slotAlignBytes, count: keys.length }
  const manifest: Manifest = { ...described, payload, ...(place && { keys: place }) }
  const text = Buffer.from(JSON.stringify(manifest))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  const ending = Buffer.concat([text, createHash("sha256").update(text).digest(), length, magic])
  if (place !== undefined && keys !== undefined) await writeSlots(file, place, keys)
  await file.write(ending, 0, ending.length, place === undefined ? size : endOf(place))
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
    const { payload, keys } = parsed.data
    if ((keys === undefined ? payload.bytes : endOf(keys)) !== size - tailBytes - length) return damaged(path)
    return { kind: "ok", value: parsed.data }
  } catch (error) {
    return { kind: "failed", why: whyUnread(path, error) }
  }
}

function whyUnread(path: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined
  if (code === "ENOENT") return `there is no ${path}: name the file that gatehouse backup wrote, with its whole path`
  if (code === "EACCES") return `${path} may not be read by this user: run it as the one who may, or change the file's owner`
  return `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`
}

/** Reads the whole payload and holds it against the manifest, and every slot against its checksum. */
export async function verifyPayload(path: string, { payload, keys }: Manifest): Promise<Result<void>> {
  await using file = await open(path, "r")
  if ((await hashOf(file, payload.bytes)) !== payload.sha256) return damaged(path)
  if (keys === undefined) return { kind: "ok", value: undefined }
  const gap = await bytesAt(file, payload.bytes, keys.at - payload.bytes)
  if (gap.some((byte) => byte !== 0)) return damaged(path)
  for await (const slots of slotsOf(file, keys)) if (slots.includes("damaged")) return damaged(path)
  return { kind: "ok", value: undefined }
}

/** Writes the payload into a new file, readable by this user alone, and syncs it. */
export async function extractPayload(path: string, { payload }: Manifest, into: string): Promise<void> {
  await using file = await open(path, "r")
  await using draft = await open(into, "wx", 0o600)
  for await (const piece of pieces(file, payload.bytes)) await draft.writeFile(piece)
  await draft.sync()
}

/** The keys that are still there; those that were taken out are only counted. Of a file that was verified. */
export async function readKeys(
  path: string,
  place: SlotsPlace,
): Promise<{ readonly keys: readonly WrappedKey[]; readonly shredded: number }> {
  await using file = await open(path, "r")
  const keys: WrappedKey[] = []
  let shredded = 0
  for await (const slots of slotsOf(file, place))
    for (const slot of slots) {
      assert(slot !== "damaged", "the file was verified before")
      if (slot === undefined) shredded++
      else keys.push(slot)
    }
  return { keys, shredded }
}

/**
 * Takes the keys of these owners out of a sealed backup, for good: it is on the disk when this returns. Nothing else of the file
 * changes, and it is whole at every moment. How many keys there were.
 */
export async function shredKeys(path: string, place: SlotsPlace, isOut: (owner: string) => boolean): Promise<number> {
  await using file = await open(path, "r+")
  return await clearSlots(file, place, isOut)
}

function endOf({ at, count }: SlotsPlace): number {
  return at + count * slotBytes
}

async function writeSlots(file: FileHandle, { at }: SlotsPlace, keys: readonly WrappedKey[]): Promise<void> {
  const pageSlots = pieceBytes / slotBytes
  for (let from = 0; from < keys.length; from += pageSlots) {
    const page = Buffer.concat(keys.slice(from, from + pageSlots).map(writeSlot))
    await file.write(page, 0, page.length, at + from * slotBytes)
  }
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
