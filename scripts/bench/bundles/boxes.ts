import { Database } from "bun:sqlite"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { z } from "zod"
import { silentLog } from "../../../app/base/log.ts"
import { projectRoot } from "../../../app/base/paths.ts"
import { nowTickMs } from "../../../app/base/ticks.ts"
import { type OpenedFolder, openBoxFolder } from "../../../app/box/open.ts"
import { exitCodes } from "../../../app/cli/outcome.ts"
import { readConfig } from "../../../app/config/config.ts"
import { parseSpace } from "../../../app/face/embedding.ts"
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
  /** Of all its threads: on a machine with others at work it tells more. */
  readonly processorMs: number
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
    const told = schema.safeParse(JSON.parse(text))
    if (!told.success) throw new Error(`${argv.join(" ")} ended with ${code}: ${trouble}`)
    const used = child.resourceUsage()
    return { code, ms, peakBytes: used?.maxRSS ?? 0, processorMs: Number(used?.cpuTime.total ?? 0) / 1000, told: told.data }
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
    /** Whether the command refuses the file, as one that cannot be taken. */
    async isRefused(name: string, file: string): Promise<boolean> {
      const { code } = await run(z.object({ error: z.unknown() }), "bundle", "import", file, "--data", dataOf(name))
      return code === exitCodes.failed
    },
    importInto: (name: string, file: string) => run(importTold, "bundle", "import", file, "--data", dataOf(name)),
    /** What any command on this data folder takes. */
    openAndClose: (name: string) => run(z.array(z.unknown()), "people", "erasures", "--data", dataOf(name)),
    digestOf,

    /** Kills the command at once, when it has brought so many records and a little more. How many the box holds then. */
    async killWhileImporting(name: string, file: string, records: number, afterMs: number): Promise<number> {
      using watched = watch(dataOf(name))
      const { held } = watched
      const wanted = held() + records
      const child = start(["bundle", "import", file, "--data", dataOf(name)])
      while (held() < wanted && child.exitCode === null) await Bun.sleep(1)
      await Bun.sleep(afterMs)
      child.kill("SIGKILL")
      await child.exited
      return held()
    },

    /** How many records the box holds. */
    heldBy(name: string): number {
      using watched = watch(dataOf(name))
      return watched.held()
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

/** Looks into the database of another process. */
function watch(dataFolder: string): { held(): number } & Disposable {
  const database = new Database(join(dataFolder, "gatehouse.db"), { readonly: true })
  const count = database.query<{ held: number | null }, []>("select sum(rows) as held from sync_counts")
  return { held: () => count.get()?.held ?? 0, [Symbol.dispose]: () => database.close() }
}

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
