import type { Stats } from "node:fs"
import { mkdir, open, rename, rm, stat, statfs } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { Result } from "../result.ts"
import { clearAbandoned, clearOlder, ownDraft } from "./drafts.ts"
import type { Embedded, EmbeddedFile } from "./embedded.ts"
import { undoFilter } from "./filters.ts"

/** Written last, so a folder without it is not whole. */
const doneName = ".ok"

/** Beside the files themselves: room for folders, and for the database of a box on the same disk to breathe. */
const spareBytes = 16 * 1024 ** 2

/** Two starts at once, and somebody who clears the cache meanwhile: each of them costs one more turn. */
const turnsMax = 3

/** Two files decompress side by side; more would need more memory at once than a small box likes to give. */
const atOnceMax = 2

/**
 * Unpacks what is embedded into `<cache>/<id>`, or finds it there. Draft folder, every file synced, the mark, one rename: whoever
 * is killed in between leaves a draft that nobody takes for whole, and whoever comes second takes what the first has made. A
 * folder that is damaged is made anew.
 * @returns the folder
 */
export async function unpack(embedded: Embedded, cache: string): Promise<Result<string>> {
  const folder = join(cache, embedded.id)
  try {
    for (let turn = 0; turn < turnsMax; turn++) {
      if (await isWhole(folder, embedded.files)) return await trusted(folder, cache)
      await mkdir(cache, { recursive: true, mode: 0o755 })
      await clearAbandoned(cache)
      const room = await checkRoom(cache, embedded.files)
      if (room.kind === "failed") return room
      await makeWhole(embedded, folder)
    }
  } catch (error) {
    return { kind: "failed", why: explain(error, cache, embedded.files) }
  }
  return { kind: "failed", why: `${folder} is changed by somebody else while it is made: remove it, then start again` }
}

/** Every start looks: somebody may have cleared up a file, or a disk may have lost its end. */
async function isWhole(folder: string, files: readonly EmbeddedFile[]): Promise<boolean> {
  const sizes = await Promise.all([doneName, ...files.map(({ path }) => path)].map((path) => sizeOf(join(folder, path))))
  const [done, ...found] = sizes
  return done !== undefined && files.every(({ bytes }, i) => found[i] === bytes)
}

async function sizeOf(path: string): Promise<number | undefined> {
  const found = await statIfThere(path)
  return found?.isFile() === true ? found.size : undefined
}

/** What others may write is not loaded as code into this process. */
async function trusted(folder: string, cache: string): Promise<Result<string>> {
  for (const path of [cache, folder]) {
    const { uid, mode } = await stat(path)
    const owned = uid === 0 || uid === process.getuid?.()
    if (owned && (mode & 0o022) === 0) continue
    const whose = owned ? "may be written by other users" : `belongs to user ${uid}`
    return {
      kind: "failed",
      why:
        `${path} ${whose}, and the program would load libraries from it: ` +
        `remove it, or chown and chmod go-w it, or name another folder with --cache-dir or GATEHOUSE_CACHE`,
    }
  }
  return { kind: "ok", value: folder }
}

async function checkRoom(cache: string, files: readonly EmbeddedFile[]): Promise<Result<void>> {
  const { bavail, bsize } = await statfs(cache)
  const freeBytes = bavail * bsize
  return freeBytes >= totalBytes(files) + spareBytes
    ? { kind: "ok", value: undefined }
    : { kind: "failed", why: noRoom(cache, files, freeBytes) }
}

async function makeWhole(embedded: Embedded, folder: string): Promise<void> {
  const cache = dirname(folder)
  const draft = join(cache, ownDraft(embedded.id, "draft"))
  try {
    await writeDraft(embedded, draft)
    // Only now, and asked again: another start may have mended it meanwhile.
    if (!(await isWhole(folder, embedded.files))) await setAside(folder, join(cache, ownDraft(embedded.id, "broken")))
    const taken = await renameUnlessThere(draft, folder)
    if (taken) await syncFolder(cache)
    if (taken) await clearOlder(cache, embedded.id)
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

async function writeDraft({ id, files, payload }: Embedded, draft: string): Promise<void> {
  await rm(draft, { recursive: true, force: true })
  const folders = new Set(files.map(({ path }) => dirname(join(draft, path))))
  for (const folder of folders) await mkdir(folder, { recursive: true, mode: 0o755 })
  // The largest first: it decides how long the whole takes.
  const waiting = files.toSorted((a, b) => b.bytes - a.bytes)
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      await writeSynced(join(draft, file.path), await unpackFile(payload, file))
    }
  }
  await Promise.all(Array.from({ length: atOnceMax }, work))
  await writeSynced(join(draft, doneName), Buffer.from(`${id}\n`))
  for (const folder of [...folders, draft]) await syncFolder(folder)
}

/** One file of the payload, with the bytes its hash tells. Throws when the program itself is damaged. */
async function unpackFile(payload: string, file: EmbeddedFile): Promise<Uint8Array> {
  const frame = await Bun.file(payload)
    .slice(file.packedAt, file.packedAt + file.packedBytes)
    .bytes()
  const unpacked = await Bun.zstdDecompress(frame).catch(() => undefined)
  const bytes = unpacked && undoFilter(unpacked, file.filter)
  const sha256 = bytes && new Bun.CryptoHasher("sha256").update(bytes).digest("hex")
  if (bytes === undefined || sha256 !== file.sha256) throw new DamagedProgram(file.path)
  return bytes
}

class DamagedProgram extends Error {
  constructor(path: string) {
    super(`${process.execPath} is damaged: ${path} inside it is not what was built. Download it again and compare its .sha256`)
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o644)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The rename and the files' names must survive a power cut. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r")
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function setAside(folder: string, aside: string): Promise<void> {
  try {
    await rename(folder, aside)
  } catch (error) {
    if (codeOf(error) === "ENOENT") return
    throw error
  }
  await rm(aside, { recursive: true, force: true })
}

/** `false` when another start was faster, or took the draft for abandoned. */
async function renameUnlessThere(draft: string, folder: string): Promise<boolean> {
  try {
    await rename(draft, folder)
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOENT") return false
    throw error
  }
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    const code = codeOf(error)
    if (code === "ENOENT" || code === "ENOTDIR") return undefined
    throw error
  }
}

const readOnlyCodes: readonly string[] = ["EROFS", "EACCES", "EPERM", "ENOTDIR", "EEXIST"]
const fullCodes: readonly string[] = ["ENOSPC", "EDQUOT", "EFBIG"]

function explain(error: unknown, cache: string, files: readonly EmbeddedFile[]): string {
  const code = codeOf(error) ?? ""
  if (error instanceof DamagedProgram) return error.message
  if (fullCodes.includes(code)) return noRoom(cache, files)
  const what = error instanceof Error ? error.message : String(error)
  if (!readOnlyCodes.includes(code)) return `the cache folder ${cache} cannot be filled: ${what}`
  return (
    `the cache folder ${cache} cannot be written (${what}). The program unpacks its libraries there at its first start: ` +
    "name a folder that this user may write with --cache-dir or GATEHOUSE_CACHE, or start it once as somebody who may"
  )
}

function noRoom(cache: string, files: readonly EmbeddedFile[], freeBytes?: number): string {
  const needed = Math.ceil((totalBytes(files) + spareBytes) / 1e6)
  const free = freeBytes === undefined ? "" : ` and has ${Math.floor(freeBytes / 1e6)} MB`
  return (
    `the cache folder ${cache} needs ${needed} MB${free}: ` +
    "make room on its disk, or name a folder on another one with --cache-dir or GATEHOUSE_CACHE"
  )
}

function totalBytes(files: readonly EmbeddedFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined
}
