import { createHash } from "node:crypto"
import { existsSync, readdirSync } from "node:fs"
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from "node:fs/promises"
import { join } from "node:path"
import { BrokenSeal } from "../vault/broken.ts"
import { openSealedFile } from "../vault/random-access.ts"
import type { SealKey } from "../vault/seal.ts"
import { sealStream } from "../vault/stream.ts"
import { readFileHeader, sealFile } from "../vault/stream-file.ts"
import { type ArchiveFile, fileAt } from "./archive/bytes.ts"
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
  /** What was sent, as it was sent, however it lies on the disk. Throws where that was changed. */
  open(id: string): Promise<ArchiveFile>
  receive(id: string, upload: Upload): Promise<Spooled>
  remove(id: string): Promise<void>
  /** Removes what no job needs: uploads that were cut off by a kill. Seals what came before there was a key. */
  sweep(needed: readonly string[]): Promise<void>
  heldBytes(): number
}

/** Below the data folder. */
export const spoolFolder = "enrolments"

/** What a sealed archive is, for whoever opens the stream. */
const label = "enrolment"

/** What is not yet on disk must not pile up: the database's own fsync would wait for all of it. */
const syncEveryBytes = 8 * 1024 * 1024
/** An upload that does not say its size is given room in steps. */
const holdMoreBytes = 1024 * 1024

/** Archives that wait or are worked off, by their paths below the data folder. */
export function spooledFiles(dataFolder: string): readonly string[] {
  const folder = join(dataFolder, spoolFolder)
  return existsSync(folder) ? readdirSync(folder).map((name) => join(spoolFolder, name)) : []
}

export function createSpool(
  folder: string,
  { spoolBytesMax, diskFreeBytesMin }: Pick<EnrolmentsOptions, "spoolBytesMax" | "diskFreeBytesMin">,
  keyOf: (id: string) => SealKey | undefined = () => undefined,
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
    let stopped: Spooled | undefined

    /** To the end of the upload, or to what stops it. */
    async function* received(): AsyncGenerator<Uint8Array> {
      for (;;) {
        const step = await upload.next()
        if (step.kind === "end") return
        if (step.kind !== "bytes") {
          stopped = step
          return
        }
        bytes += step.bytes.length
        const heldForIt = held.get(id) ?? 0
        if (bytes > heldForIt) {
          const more = bytes - heldForIt + holdMoreBytes
          stopped = bytes > spoolBytesMax ? tooLarge : await obstacle(more)
          if (stopped !== undefined) return
          held.set(id, heldForIt + more)
        }
        hash.update(step.bytes)
        yield step.bytes
      }
    }

    const key = keyOf(id)
    await writeSynced(file, key === undefined ? received() : sealStream(key, label, received()))
    if (stopped !== undefined) return stopped
    await file.sync()
    held.set(id, bytes)
    return { kind: "spooled", bytes, sha256: hash.digest() }
  }

  async function openArchive(id: string): Promise<ArchiveFile> {
    const key = keyOf(id)
    if (key === undefined) return await fileAt(pathOf(id))()
    const opened = await openSealedFile(key, label, pathOf(id))
    if (opened.kind === "opened") return opened.file
    throw new BrokenSeal(`${pathOf(id)} is not what was sealed there (${opened.kind}): send the archive again`)
  }

  /** An archive of before the folder was sealed. */
  async function sealPresent(id: string): Promise<void> {
    const key = keyOf(id)
    if (key === undefined || (await readFileHeader(pathOf(id))) !== undefined) return
    const draft = `${pathOf(id)}.draft`
    await rm(draft, { force: true })
    await sealFile(key, label, pathOf(id), draft)
    await rename(draft, pathOf(id))
    await syncFolder(folder)
  }

  return {
    pathOf,
    open: openArchive,
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
      for (const id of needed) {
        if (!existsSync(pathOf(id))) continue
        await sealPresent(id)
        held.set(id, (await stat(pathOf(id))).size)
      }
    },
  }
}

async function writeSynced(file: FileHandle, source: AsyncIterable<Uint8Array>): Promise<void> {
  let unsynced = 0
  for await (const bytes of source) {
    await writeAll(file, bytes)
    unsynced += bytes.length
    if (unsynced < syncEveryBytes) continue
    await file.datasync()
    unsynced = 0
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
