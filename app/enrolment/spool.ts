import { createHash } from "node:crypto"
import { existsSync } from "node:fs"
import { type FileHandle, mkdir, open, readdir, rm, stat, statfs } from "node:fs/promises"
import { join } from "node:path"
import type { EnrolmentsOptions } from "./options.ts"

/** A body on its way in, piece by piece: what is not asked for stays with the sender. */
export interface Upload {
  /** What the sender says it is; absent when it does not know. */
  readonly declaredBytes: number | undefined
  next(): Promise<UploadStep>
}

export type UploadStep = { readonly kind: "bytes"; readonly bytes: Uint8Array } | { readonly kind: "end" } | UploadFailure

export type UploadFailure =
  /** The connection ended before the body did. */
  | { readonly kind: "cut" }
  /** Nothing came for too long. */
  | { readonly kind: "too_slow" }

export type Spooled =
  | { readonly kind: "spooled"; readonly bytes: number; readonly sha256: Uint8Array }
  | { readonly kind: "too_large"; readonly bytesMax: number }
  /** Other archives have the room now. */
  | { readonly kind: "no_room"; readonly why: string }
  | { readonly kind: "disk_full"; readonly why: string }
  | UploadFailure

/** Archives lie here from their upload to the end of their job. They hold pictures of people: nobody else may read them. */
export interface Spool {
  pathOf(id: string): string
  receive(id: string, upload: Upload): Promise<Spooled>
  remove(id: string): Promise<void>
  /** Removes what no job needs: uploads that were cut off by a kill. */
  sweep(needed: readonly string[]): Promise<void>
  heldBytes(): number
}

/** What is not yet on disk must not pile up: the database's own fsync would wait for all of it. */
const syncEveryBytes = 8 * 1024 * 1024
/** An upload that does not say its size is given room in steps. */
const holdMoreBytes = 1024 * 1024

export function createSpool(
  folder: string,
  { spoolBytesMax, diskFreeBytesMin }: Pick<EnrolmentsOptions, "spoolBytesMax" | "diskFreeBytesMin">,
): Spool {
  const tooLarge: Spooled = { kind: "too_large", bytesMax: spoolBytesMax }
  const held = new Map<string, number>()
  const heldBytes = () => held.values().reduce((sum, bytes) => sum + bytes, 0)
  const pathOf = (id: string) => join(folder, `${id}.upload`)

  async function remove(id: string): Promise<void> {
    await rm(pathOf(id), { force: true })
    held.delete(id)
  }

  /** What speaks against so many more bytes; `undefined` when they fit. */
  async function obstacle(bytes: number): Promise<Spooled | undefined> {
    if (bytes > spoolBytesMax) return tooLarge
    if (heldBytes() + bytes > spoolBytesMax) {
      const why = `${heldBytes()} of the ${spoolBytesMax} bytes for archives (enrolments.spoolBytesMax) are taken by others that wait`
      return { kind: "no_room", why }
    }
    const { bavail, bsize } = await statfs(folder)
    const freeBytes = bavail * bsize - diskFreeBytesMin
    if (bytes <= freeBytes) return undefined
    const why = `${bytes} bytes do not fit: the disk of the data folder has ${Math.max(0, freeBytes)} left for archives (enrolments.diskFreeBytesMin stays free)`
    return { kind: "disk_full", why }
  }

  async function write(id: string, upload: Upload, file: FileHandle): Promise<Spooled> {
    const hash = createHash("sha256")
    let bytes = 0
    let unsynced = 0
    for (;;) {
      const step = await upload.next()
      if (step.kind === "cut" || step.kind === "too_slow") return step
      if (step.kind === "end") break
      bytes += step.bytes.length
      const heldForIt = held.get(id) ?? 0
      if (bytes > heldForIt) {
        const more = bytes - heldForIt + holdMoreBytes
        const found = bytes > spoolBytesMax ? tooLarge : await obstacle(more)
        if (found !== undefined) return found
        held.set(id, heldForIt + more)
      }
      hash.update(step.bytes)
      await writeAll(file, step.bytes)
      unsynced += step.bytes.length
      if (unsynced >= syncEveryBytes) {
        await file.datasync()
        unsynced = 0
      }
    }
    await file.sync()
    held.set(id, bytes)
    return { kind: "spooled", bytes, sha256: hash.digest() }
  }

  return {
    pathOf,
    heldBytes,
    remove,

    async receive(id, upload) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const found = await obstacle(upload.declaredBytes ?? 0)
      if (found !== undefined) return found
      held.set(id, upload.declaredBytes ?? 0)
      let spooled: Spooled | undefined
      try {
        await using file = await open(pathOf(id), "wx", 0o600)
        spooled = await write(id, upload, file)
        if (spooled.kind === "spooled") await syncFolder(folder)
        return spooled
      } catch (error) {
        const why = fullDisk(error)
        if (why === undefined) throw error
        return { kind: "disk_full", why }
      } finally {
        if (spooled?.kind !== "spooled") await remove(id)
      }
    },

    async sweep(needed) {
      if (!existsSync(folder)) return
      const kept = new Set(needed.map(pathOf))
      for (const name of await readdir(folder)) {
        const path = join(folder, name)
        if (!kept.has(path)) await rm(path, { recursive: true, force: true })
      }
      for (const id of needed) if (existsSync(pathOf(id))) held.set(id, (await stat(pathOf(id))).size)
    },
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) written += (await file.write(bytes, written)).bytesWritten
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, "r")
  await handle.sync()
}

function fullDisk(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined
  if (code !== "ENOSPC" && code !== "EDQUOT" && code !== "EIO") return undefined
  return `the disk of the data folder takes no more (${code}): free some space, and look at the system's log`
}
