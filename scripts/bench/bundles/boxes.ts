import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { z } from "zod"
import { silentLog } from "../../../app/base/log.ts"
import { projectRoot } from "../../../app/base/paths.ts"
import { nowTickMs } from "../../../app/base/ticks.ts"
import { type OpenedFolder, openBoxFolder } from "../../../app/box/open.ts"
import { readConfig } from "../../../app/config/config.ts"
import { parseSpace } from "../../../app/face/embedding.ts"
import { openSyncStore } from "../../../app/sync/store/open.ts"
import type { SuiteName } from "../../../app/vault/suite.ts"
import { createStickFolders } from "../../../tests/sync/bundle/folders.ts"
import { fillGallery } from "../search/fill.ts"
import { readSpread, vectorSource } from "../search/vectors.ts"

export interface BenchOptions {
  readonly faces: number
  readonly suite: SuiteName
}

/** A command that ran to its end. */
export interface Ran<Told> {
  readonly code: number
  readonly ms: number
  /** Resident, at its highest. */
  readonly peakBytes: number
  readonly told: Told
}

const exportTold = z.object({ file: z.string(), records: z.number(), bytes: z.number() })
const importTold = z.object({ kind: z.string(), changed: z.number(), known: z.number() })

/**
 * Four boxes of a site; the first has all faces, one a person, enrolled before it joined.
 * @param folder where they are made, and the stick
 */
export async function createBundleBench(folder: string, { faces, suite }: BenchOptions) {
  const stick = join(folder, "stick")
  await mkdir(stick)
  const spread = await readSpread()
  const space = parseSpace(spread.space)
  if (space === undefined) throw new Error(`${spread.space} is not a space`)
  const source = vectorSource("faces", spread)
  const names = ["gate-1", "gate-2", "gate-3", "gate-4"]
  const dataOf = (name: string) => join(folder, name)
  await withFolder(dataOf("gate-1"), ({ store, vault }) =>
    fillGallery(store, vault, { space, dimension: source.dimension, faces, facesPerPerson: 1, vectors: source.gallery }),
  )
  const boxes = await createStickFolders(folder, names, suite)
  const boxCalled = (name: string) => boxes[names.indexOf(name)]!

  async function run<Told>(schema: z.ZodType<Told>, ...argv: readonly string[]): Promise<Ran<Told>> {
    const startTickMs = nowTickMs()
    const child = start(argv)
    const [text, trouble, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    const ms = nowTickMs() - startTickMs
    const told = schema.safeParse(JSON.parse(text.slice(0, text.indexOf("\n}") + 2) || "null"))
    if (!told.success) throw new Error(`${argv.join(" ")} ended with ${code}: ${trouble}`)
    return { code, ms, peakBytes: child.resourceUsage()?.maxRSS ?? 0, told: told.data }
  }
  const start = (argv: readonly string[]) =>
    Bun.spawn([process.execPath, join(projectRoot, "app/main.ts"), ...argv, "--json"], { stdout: "pipe", stderr: "pipe" })

  /** Records as the box holds them: which versions of what. */
  async function digestOf(name: string): Promise<string> {
    const hash = new Bun.CryptoHasher("sha256")
    await withFolder(dataOf(name), ({ store }) => {
      const select = store.prepare<{ entity: Uint8Array; version: string }>(
        "select entity, kind || origin || sequence as version from sync_rows where entity > ? order by entity limit 1000",
      )
      for (let after: Uint8Array = new Uint8Array(); ; ) {
        const page = select.all(after)
        for (const { entity, version } of page) hash.update(entity).update(version)
        const last = page.at(-1)
        if (last === undefined) return
        after = Uint8Array.from(last.entity)
      }
    })
    return hash.digest("hex")
  }

  return {
    exportFrom: (name: string) => run(exportTold, "bundle", "export", "--to", stick, "--data", dataOf(name)),
    importInto: (name: string, file: string) => run(importTold, "bundle", "import", file, "--data", dataOf(name)),
    digestOf,

    /** How many records. */
    async heldBy(name: string): Promise<number> {
      let held = 0
      await withFolder(dataOf(name), ({ store, vault }) => {
        const { people, faces: all, parts } = openSyncStore(store, vault).counts()
        held = people + all + parts
      })
      return held
    },

    /** Kills the command at once, so long after it began. */
    async killWhileImporting(name: string, file: string, afterMs: number): Promise<void> {
      const child = start(["bundle", "import", file, "--data", dataOf(name)])
      // Bun itself takes this long to load the program.
      await Bun.sleep(startMs + afterMs)
      child.kill("SIGKILL")
      await child.exited
    },

    /** Whether so many people, drawn evenly, are the first that a search with their own vector finds. */
    findsAll: (name: string, samples: number) =>
      boxCalled(name).use(async ({ gallery }) => {
        for (let i = 0; i < samples; i++) {
          const person = Math.floor((i * faces) / samples)
          const [found] = await gallery.search(space, source.gallery(person, 1), 1)
          if (found?.name !== `Person ${person}`) return false
        }
        return true
      }),
  }
}

const startMs = 400

async function withFolder(dataFolder: string, work: (folder: OpenedFolder) => void): Promise<void> {
  const config = readConfig({ dataFolder })
  if (config.kind === "failed") throw new Error(config.why)
  const opened = openBoxFolder(config.value, { log: silentLog })
  if (opened.kind !== "ok") throw new Error(opened.why)
  try {
    work(opened.value)
  } finally {
    opened.value.store.close()
  }
}
