import { existsSync } from "node:fs"
import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises"
import { join } from "node:path"
import { z } from "zod"
import type { Result } from "../base/result.ts"
import { readManifest } from "./file.ts"
import { makeBackup, syncFolder } from "./make.ts"
import { restoreBackup } from "./restore.ts"
import type { Shelf, ShelvedBackup } from "./shelf.ts"

/** What became of the kept backups that are not sealed: their names. */
export interface ForgottenBackups {
  readonly rewritten: readonly string[]
  /** Which could not be written anew, and hold what they held. */
  readonly left: readonly string[]
}

/** Takes people out of a data folder, and says whether anything was. */
export type Forget = (dataFolder: string) => Promise<Result<boolean>>

const workSuffix = ".forgetting-"

/**
 * Writes each kept backup that is not sealed anew, without the people whom `forget` takes out of a data folder made of it. Number,
 * name and time stay. Needs as much room as the largest of them, and as much time as a restore and a backup of each: work for a
 * process of its own.
 */
export async function forgetInBackups(
  { folder, list }: Pick<Shelf, "folder" | "list">,
  forget: Forget,
): Promise<ForgottenBackups> {
  const rewritten: string[] = []
  const left: string[] = []
  await sweep(folder)
  for (const backup of await list()) {
    const file = join(folder, backup.name)
    const manifest = await readManifest(file)
    // One that cannot be read is none, and from a sealed one the keys were taken.
    if (manifest.kind === "failed" || manifest.value.keys !== undefined) continue
    const work = `${file}${workSuffix}${process.pid}`
    try {
      const forgotten = await rewrite(file, work, backup, forget)
      if (forgotten.kind === "failed") left.push(backup.name)
      else if (forgotten.value) rewritten.push(backup.name)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  }
  return { rewritten, left }
}

async function rewrite(
  file: string,
  work: string,
  { number, createdAtMs }: ShelvedBackup,
  forget: Forget,
): Promise<Result<boolean>> {
  await mkdir(work, { mode: 0o700 })
  const restored = await restoreBackup(file, work, { replace: false, backupsFolder: "backups" })
  if (restored.kind === "failed") return restored
  const forgotten = await forget(work)
  if (forgotten.kind === "failed" || !forgotten.value) return forgotten
  const anew = join(work, "anew.backup")
  const made = await makeBackup(work, anew, number)
  if (made.kind === "failed") return made
  await utimes(anew, createdAtMs / 1000, createdAtMs / 1000)
  // The box may have let it leave meanwhile.
  if (!existsSync(file)) return { kind: "ok", value: true }
  await rename(anew, file)
  await syncFolder(join(file, ".."))
  return { kind: "ok", value: true }
}

/**
 * `forgetInBackups` in a child process of this very program.
 * @param command starts this program, see `selfCommand`
 */
export async function forgetInBackupsElsewhere(
  command: readonly string[],
  dataFolder: string,
  shelfFolder: string,
): Promise<ForgottenBackups> {
  const args = ["people", "forget-in-backups", "--data", dataFolder, "--shelf", shelfFolder]
  const child = Bun.spawn([...command, ...args], { stdin: "ignore", stdout: "pipe", stderr: "pipe" })
  const [told, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (code === 0) return forgottenSchema.parse(JSON.parse(told))
  throw new Error(`backups could not be written anew: ${said.trim().split("\n").at(-1) ?? `exit code ${code}`}`)
}

const forgottenSchema = z.object({ rewritten: z.array(z.string()), left: z.array(z.string()) })

/** What a process left that was killed. */
async function sweep(folder: string): Promise<void> {
  if (!existsSync(folder)) return
  for (const name of await readdir(folder)) {
    const [, pid] = name.split(workSuffix)
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue
    const path = join(folder, name)
    if ((await stat(path)).isDirectory()) await rm(path, { recursive: true, force: true })
  }
}
