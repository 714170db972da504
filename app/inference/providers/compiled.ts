import { mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { syncFolder } from "../../base/replace-file.ts"
import { clearAbandoned, ownDraft, startTicks } from "../../base/resources/drafts.ts"
import type { ModelManifest } from "../manifest.ts"
import type { AcceleratedPlan, InputShapes, MachineVersions } from "./plan.ts"
import type { CompiledPlaces } from "./requests.ts"

/**
 * The engines that TensorRT compiles, which takes minutes: kept in a folder by the name of all that they depend on, made under
 * another name and renamed when they have given right answers. Whoever opens one leaves a note; a note whose process is gone while
 * the one that started it lives tells of a crash.
 */

/** After so many crashes in a row what is in the cache is deleted and made anew … */
const crashesBeforeAnew = 2
/** … and after so many there is no use in it. */
const crashesMax = 3

/** Compiled forms of one model that stay besides the newest: for other settings, or versions to go back to. */
const olderMax = 2

/** All that a compiled engine depends on; a change in any of it makes another name. */
export interface CompiledKey {
  /** `role/name/version`. */
  readonly model: string
  /** Of each file. */
  readonly sha256: readonly string[]
  readonly versions: MachineVersions
  readonly deviceId: number
  readonly fp16: boolean
  readonly workspaceBytes: number
  readonly shapes: Readonly<Record<string, InputShapes>>
}

export function compiledKey(manifest: ModelManifest, plan: AcceleratedPlan, shapes: CompiledKey["shapes"]): CompiledKey {
  const { fp16, workspaceBytes } = plan.tensorrt
  return {
    model: `${manifest.role}/${manifest.name}/${manifest.version}`,
    sha256: manifest.files.map((file) => file.sha256),
    versions: plan.versions,
    deviceId: plan.deviceId,
    fp16,
    workspaceBytes,
    shapes,
  }
}

/** Name of the folder of a compiled model: the same key gives the same, in whatever order its parts stand. */
export function compiledName(key: CompiledKey): string {
  const hash = new Bun.CryptoHasher("sha256")
    .update(JSON.stringify(sorted(key)))
    .digest("hex")
    .slice(0, 16)
  return `${key.model.replaceAll("/", "-")}-${hash}`
}

/** A place for a compiled model, from now until `keep` or `drop`. */
export interface CompiledPlace {
  readonly places: CompiledPlaces
  /** It is compiled already. */
  readonly found: boolean
  /** It has given right answers. */
  keep(): Promise<void>
  /** It has not, and nobody crashed. What was found and is dropped twice in a row is removed: it may be damaged. */
  drop(): Promise<void>
}

export type OpenedCompiled =
  | { readonly kind: "ok"; readonly place: CompiledPlace }
  | { readonly kind: "refused"; readonly why: string; readonly remedy: string }

/** Whoever did this must be told apart from whoever does it next, and its starter as well. */
export interface Attempt {
  readonly pid: number
  readonly parentPid: number
}

const ownAttempt: Attempt = { pid: process.pid, parentPid: process.ppid }

/**
 * @param folder of all compiled models; made where it is not there, for this user alone
 * @param attempt who is about to use it; this process when not said
 */
export async function openCompiled(folder: string, key: CompiledKey, attempt = ownAttempt): Promise<OpenedCompiled> {
  const name = compiledName(key)
  const kept = join(folder, name)
  const notes = `${kept}${attemptsSuffix}`
  const timings = join(folder, timingsName(key))
  const failure = await makeFolders(folder, notes)
  if (failure !== undefined) return failure
  await clearAbandoned(folder)
  const crashes = await countCrashes(notes)
  if (crashes >= crashesMax)
    return {
      kind: "refused",
      why: `compiling ${key.model} for TensorRT, or loading what was compiled, ended its process ${crashes} times in a row`,
      remedy: `the processor serves; after a change to the machine's TensorRT, driver or memory: gatehouse warm --again`,
    }
  if (crashes >= crashesBeforeAnew) await Promise.all([kept, timings].map((path) => rm(path, { recursive: true, force: true })))

  const note = join(notes, noteName(attempt))
  const doubt = join(notes, doubtName)
  await writeFile(note, "")
  await mkdir(timings, { recursive: true })
  const found = await isThere(kept)
  const engines = found ? kept : join(folder, ownDraft(name, "draft"))
  if (!found) {
    await rm(engines, { recursive: true, force: true })
    await mkdir(engines, { mode: 0o700 })
    await writeFile(join(engines, "key.json"), `${JSON.stringify(key, undefined, 2)}\n`)
  }
  return {
    kind: "ok",
    place: {
      places: { engines, timings },
      found,
      async keep() {
        if (!found) {
          await syncAll(engines)
          // Somebody else may have been as quick, with the same result.
          await rename(engines, kept).catch(() => rm(engines, { recursive: true, force: true }))
          await syncFolder(folder)
        }
        await rm(notes, { recursive: true, force: true })
        await clearOlder(folder, key.model, name)
      },
      async drop() {
        if (!found) await rm(engines, { recursive: true, force: true })
        else if (await isThere(doubt))
          await Promise.all([kept, timings, doubt].map((path) => rm(path, { recursive: true, force: true })))
        // The accelerator may have had an accident, and to compile anew takes minutes.
        else await writeFile(doubt, "")
        await rm(note, { force: true })
      },
    },
  }
}

/**
 * Holds on to the crashes of processes that this one has started, for those who come after it: whoever sees an engine end asks for
 * this before it ends itself.
 */
export async function noteCrashes(folder: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => [])
  for (const name of names) if (name.endsWith(attemptsSuffix)) await countCrashes(join(folder, name))
}

const compiledEntry = /^(?:detector|landmarks|embedder)-.+-[0-9a-f]{16}(?:\.attempts|\.\d+-\d+\.draft)?$|^timings-[0-9a-f]{16}$/

/** Removes what is ours in the folder, and nothing else: somebody may have named one that holds more. */
export async function clearCompiled(folder: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => [])
  for (const name of names) if (compiledEntry.test(name)) await rm(join(folder, name), { recursive: true, force: true })
}

/** What was measured on one machine with one version; a crash may come of it. */
function timingsName({ versions }: CompiledKey): string {
  return `timings-${new Bun.CryptoHasher("sha256")
    .update(JSON.stringify(sorted(versions)))
    .digest("hex")
    .slice(0, 16)}`
}

async function makeFolders(folder: string, notes: string): Promise<Extract<OpenedCompiled, { kind: "refused" }> | undefined> {
  const remedy = "name a folder of this user's own with inference.tensorrt.cacheFolder, or --cache-dir (GATEHOUSE_CACHE)"
  try {
    await mkdir(notes, { recursive: true, mode: 0o700 })
    // A compiled engine is a program for the accelerator: nobody else may put one here.
    const { uid, mode } = await stat(folder)
    if (uid !== process.getuid?.())
      return { kind: "refused", why: `${folder}, for compiled engines, belongs to user ${uid}`, remedy }
    // Not mended here: somebody may have named a folder that holds more, and of the system's own.
    if ((mode & 0o022) !== 0) {
      const why = `${folder}, for compiled engines, is one that others than its owner may write`
      return { kind: "refused", why, remedy: `chmod go-w ${folder}, or ${remedy}` }
    }
    return undefined
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { kind: "refused", why: `compiled engines cannot be kept: ${why}`, remedy }
  }
}

const attemptsSuffix = ".attempts"
const crashPrefix = "crash-"
/** Its owner was refused last time. */
const doubtName = "doubted"

/**
 * Notes of processes that are gone. Where the starter is gone as well, the box was stopped or lost its power, which says nothing
 * about the engine.
 */
async function countCrashes(notes: string): Promise<number> {
  let crashes = 0
  for (const name of await readdir(notes)) {
    if (name.startsWith(crashPrefix)) {
      crashes += 1
      continue
    }
    if (name === doubtName) continue
    const [, pid, ticks, parentPid, parentTicks] = /^(\d+)-(\d+)-(\d+)-(\d+)$/.exec(name) ?? []
    if (pid !== undefined && startTicks(Number(pid)) === ticks) continue
    const starterLives = parentPid !== undefined && startTicks(Number(parentPid)) === parentTicks
    const path = join(notes, name)
    if (starterLives) {
      crashes += 1
      await rename(path, join(notes, `${crashPrefix}${name}`))
    } else await rm(path, { force: true })
  }
  return crashes
}

function noteName({ pid, parentPid }: Attempt): string {
  return [pid, startTicks(pid) ?? 0, parentPid, startTicks(parentPid) ?? 0].join("-")
}

/** Compiled for other settings or versions: each is as large as its network, or larger. */
async function clearOlder(folder: string, model: string, own: string): Promise<void> {
  const prefix = `${model.replaceAll("/", "-")}-`
  const isCompiled = new RegExp(`^${RegExp.escape(prefix)}[0-9a-f]{16}$`)
  const names = (await readdir(folder)).filter((name) => name !== own && isCompiled.test(name))
  const dated = await Promise.all(
    // Another engine may be about the same.
    names.map(async (name) => ({ name, changedMs: (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
  )
  for (const { name } of dated.toSorted((a, b) => b.changedMs - a.changedMs).slice(olderMax))
    await rm(join(folder, name), { recursive: true, force: true })
}

/** Half of it after a power cut would look whole. */
async function syncAll(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const file = await open(join(folder, name), "r")
    await file.sync().finally(() => file.close())
  }
  await syncFolder(folder)
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, of]) => [key, sorted(of)]),
  )
}
