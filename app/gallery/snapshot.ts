import { createHash, randomBytes } from "node:crypto"
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs"
import { dirname } from "node:path"
import { z } from "zod"
import type { SealKey } from "../vault/seal.ts"
import { openWhole, sealPieces } from "../vault/stream.ts"
import type { Suite } from "../vault/suite.ts"
import { openSuite } from "../vault/suites.ts"
import type { SnapshotKey, SnapshotSealing } from "./index-messages.ts"

/**
 * A graph on the disk, so that a start need not build it again. It holds links and numbers of faces, no vectors: those come from
 * SQLite at every start, and each is compared with the fingerprint that the graph has of it.
 *
 * magic (8 bytes) · SHA-256 of all that follows (32) · length of the head (4, little-endian) · head (JSON) · links
 *
 * In a sealed folder all of that is a stream (app/vault/stream.ts): who is near whom tells much of who is alike.
 */
const magic = Buffer.from("GHINDEX1", "latin1")
const hashBytes = 32
const bodyAt = magic.length + hashBytes

const headSchema = z.strictObject({
  space: z.string(),
  /** Every change up to this one was known when it was made. */
  seq: z.int().nonnegative(),
})

export type ReadSnapshot =
  | { readonly kind: "ok"; readonly links: Uint8Array; readonly seq: number }
  /** `why` is absent when there is no file: nothing is wrong then. */
  | { readonly kind: "none"; readonly why?: string }

/** @param lastSeq of the database: a snapshot that knows more belongs to another one, or to a later state of it */
export function readSnapshot({ path, space, sealing }: SnapshotKey, lastSeq: number): ReadSnapshot {
  let bytes: Uint8Array
  try {
    const file = readFileSync(path)
    const opened =
      sealing === undefined ? ({ kind: "opened", plain: file } as const) : openWhole(keyOf(sealing), labelOf(space), file)
    if (opened.kind !== "opened") return none(refusals[opened.kind])
    bytes = opened.plain
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { kind: "none" }
    return { kind: "none", why: error instanceof Error ? error.message : String(error) }
  }
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (all.length < bodyAt + 4 || !all.subarray(0, magic.length).equals(magic)) return none("it is no snapshot of an index")
  const body = all.subarray(bodyAt)
  if (!sha256(body).equals(all.subarray(magic.length, bodyAt))) return none("its checksum does not match")
  const headEnd = 4 + body.readUInt32LE(0)
  const head = parseHead(body.subarray(4, headEnd).toString("utf8"))
  if (head === undefined) return none("its head cannot be read")
  if (head.space !== space) return none(`it is of ${head.space}`)
  if (head.seq > lastSeq) return none("it knows changes that the database does not have")
  return { kind: "ok", links: body.subarray(headEnd), seq: head.seq }
}

/** The file is there whole, or as it was before. Throws what the disk says. @returns its length */
export function writeSnapshot({ path, space, sealing }: SnapshotKey, seq: number, links: Uint8Array): number {
  const head = Buffer.from(JSON.stringify({ space, seq } satisfies z.output<typeof headSchema>))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(head.length)
  const body = Buffer.concat([length, head, links])
  const plain = Buffer.concat([magic, sha256(body), body])
  const pieces = sealing === undefined ? [plain] : sealPieces(keyOf(sealing), labelOf(space), plain)
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const draft = `${path}.${randomBytes(4).toString("hex")}.draft`
  let bytes: number
  try {
    bytes = writeWhole(draft, pieces)
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
  syncFolder(folder) // The rename itself must survive a power cut.
  return bytes
}

const refusals = {
  unknown_format: "it is not sealed",
  wrong_key: "it is sealed by another key",
  tampered: "it was changed after it was sealed",
  truncated: "some of it is missing",
} as const

const labelOf = (space: string) => `index ${space}`

/** Opened once for each thread: finding the quickest library of a suite takes some milliseconds. */
const suites = new Map<SnapshotSealing["suite"], Suite>()

function keyOf({ suite: name, id, bytes }: SnapshotSealing): SealKey {
  const suite = suites.get(name) ?? openSuite(name).suite
  suites.set(name, suite)
  return { suite, id, bytes }
}

/** @returns how many bytes it wrote */
function writeWhole(path: string, pieces: Iterable<Uint8Array>): number {
  const file = openSync(path, "wx", 0o600)
  let total = 0
  try {
    for (const bytes of pieces) {
      for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
      total += bytes.length
    }
    fsyncSync(file)
    return total
  } finally {
    closeSync(file)
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r")
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function parseHead(text: string): z.output<typeof headSchema> | undefined {
  try {
    return headSchema.parse(JSON.parse(text))
  } catch {
    return undefined // Whoever calls says so; the checksum held, so a newer program may have written it.
  }
}

function none(why: string): ReadSnapshot {
  return { kind: "none", why }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest()
}
