import { createHash } from "node:crypto"
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { silentLog } from "../../../app/base/log.ts"
import { projectRoot } from "../../../app/base/paths.ts"
import { parseSpace, type Space } from "../../../app/face/embedding.ts"
import { loadHnswlib } from "../../../app/gallery/hnswlib.ts"
import { openSpaceIndex, type SpaceIndex } from "../../../app/gallery/index.ts"
import { startIndexWorker } from "../../../app/gallery/index-thread.ts"
import { searchShared } from "../../../app/gallery/search-shared.ts"
import { buildWidth, floatsKeptMaxDefault, linksPerNode, scannedMaxDefault } from "../../../app/gallery/shared-index.ts"
import { readSnapshot } from "../../../app/gallery/snapshot.ts"
import type { VectorSource } from "./vectors.ts"

/** An index library with the gallery of a run in it. Labels are places in the gallery, from 1. */
export interface Engine {
  readonly built: Built
  /** The nearest labels; `width` is how widely a graph is searched. */
  search(vector: Float32Array, count: number, width: number): readonly number[] | Promise<readonly number[]>
  /** Writes it to the disk and reads it back, with what that took. */
  saveAndLoad(): Promise<{ readonly saveS: number; readonly loadS: number; readonly bytes: number }>
  close(): Promise<void>
}

export const engineNames = ["exact", "box", "shared", "hnswlib", "usearch-f16", "usearch-i8"] as const
export type EngineName = (typeof engineNames)[number]

/** Widths that make no difference to it. */
export const isExact = (name: EngineName) => name === "exact"

const pageFaces = 10_000

/** What was built once is taken from `cache` (a folder of this very gallery) by a later run, with the time it took then. */
export async function buildEngine(name: EngineName, source: VectorSource, faces: number, cache: string): Promise<Engine> {
  await mkdir(cache, { recursive: true })
  switch (name) {
    case "exact":
      return await buildShared(source, faces)
    case "shared":
      return await buildShared(source, faces, join(cache, "shared"), join(cache, "box", snapshotFile))
    case "box":
      return await buildBox(source, faces, join(cache, "box"))
    case "hnswlib":
      return await buildHnswlib(source, faces, join(cache, "hnswlib"))
    case "usearch-f16":
      return await buildUsearch(source, faces, "f16")
    case "usearch-i8":
      return await buildUsearch(source, faces, "i8")
  }
}

export const builtSchema = z.strictObject({
  seconds: z.number(),
  /** Processor time by that: how many cores worked. */
  cores: z.number(),
})
export type Built = z.output<typeof builtSchema>

const nothingBuilt: Built = { seconds: 0, cores: 0 }

/** What building took, now or when `path` was made. */
async function builtOnce(path: string, known: () => Promise<void> | void, build: () => Promise<void> | void): Promise<Built> {
  const note = Bun.file(`${path}.built`)
  if (await note.exists()) {
    await known()
    return builtSchema.parse(await note.json())
  }
  const built = await timeBuilding(build)
  await Bun.write(note, JSON.stringify(built))
  return built
}

async function timeBuilding(build: () => Promise<void> | void): Promise<Built> {
  const startTickMs = performance.now()
  const cpu = process.cpuUsage()
  await build()
  const seconds = secondsSince(startTickMs)
  const { user, system } = process.cpuUsage(cpu)
  return { seconds, cores: (user + system) / 1e6 / seconds }
}

function library() {
  const loaded = loadHnswlib()
  if (loaded.kind === "failed") throw new Error(loaded.why)
  return loaded
}

/**
 * Our part of the addon, called straight: what the box adds to it is the difference to `box`.
 * @param boxSnapshot taken where it is there, so that both search one graph
 */
async function buildShared(source: VectorSource, faces: number, path?: string, boxSnapshot?: string): Promise<Engine> {
  const graph = path !== undefined
  const { shared } = library()
  const make = () => {
    const index = shared.create(source.dimension, true, linksPerNode, buildWidth)
    for (let from = 0; from < faces; from += pageFaces) {
      const count = Math.min(pageFaces, faces - from)
      shared.append(
        index,
        Float64Array.from({ length: count }, (_, i) => from + i + 1),
        source.gallery(from, count),
      )
    }
    return index
  }
  let index = make()
  const take = async (file: string) => {
    const why = shared.loadLinks(index, await readFile(file))
    if (why !== "") throw new Error(why)
  }
  const build = async (file: string) => {
    const taken = boxSnapshot === undefined ? undefined : readSnapshot({ path: boxSnapshot, space: benchSpace(source) }, 0)
    if (taken?.kind === "ok") {
      const why = shared.loadLinks(index, taken.links)
      if (why !== "") throw new Error(why)
    }
    while (shared.build(index, availableParallelism(), 1000));
    await writeFile(file, shared.saveLinks(index))
  }
  const built =
    path === undefined
      ? nothingBuilt
      : await builtOnce(
          path,
          () => take(path),
          () => build(path),
        )
  return {
    built,
    search: (vector, count, width) => searchShared(shared, index, { vector, count, width }).labels,
    saveAndLoad: () =>
      inFolder(async (folder) => {
        const saveTickMs = performance.now()
        const links = shared.saveLinks(index)
        await writeFile(join(folder, "links"), links)
        const saveS = secondsSince(saveTickMs)
        shared.close(index)
        index = make()
        const loadTickMs = performance.now()
        if (graph) await take(join(folder, "links"))
        return { saveS, loadS: secondsSince(loadTickMs), bytes: links.length }
      }),
    close: async () => shared.close(index),
  }
}

const snapshotFile = "bench.graph"

function benchSpace({ dimension }: VectorSource): Space {
  const space = parseSpace(`bench@00000000/${dimension}`)
  if (space === undefined) throw new Error("not a space")
  return space
}

/** The index as the gallery has it: threads, changes, snapshots; only SQLite is played by the generator. */
async function buildBox(source: VectorSource, faces: number, folder: string): Promise<Engine> {
  const space = benchSpace(source)
  let page: { readonly from: number; readonly vectors: Float32Array } | undefined
  const open = async (): Promise<SpaceIndex> => {
    const index = openSpaceIndex(space, {
      vectorsAfter(number, limit) {
        const first = number - (number % pageFaces)
        if (page?.from !== first) page = { from: first, vectors: source.gallery(first, Math.min(pageFaces, faces - first)) }
        const { from, vectors } = page
        const bytesEach = source.dimension * 4
        const count = Math.max(0, Math.min(limit, faces - number, from + pageFaces - number))
        return Array.from({ length: count }, (_, i) => ({
          number: number + i + 1,
          vector: new Uint8Array(vectors.buffer, (number - from + i) * bytesEach, bytesEach),
        }))
      },
      vectorAt: (number) => new Uint8Array(source.gallery(number - 1, 1).buffer),
      changesSince: () => [],
      lastSeq: () => 0,
      facesCount: () => faces,
      startWorker: startIndexWorker,
      snapshotPath: join(folder, snapshotFile),
      scannedMax: scannedMaxDefault,
      floatsKeptMax: floatsKeptMaxDefault,
      log: silentLog,
    })
    await index.started
    return index
  }
  const wholly = async (index: SpaceIndex) => {
    while (index.status().state !== "ready") await Bun.sleep(20)
    // It is ready before the last few are in the graph.
    await index.settled()
  }
  let index = await open()
  const built = await builtOnce(
    folder,
    () => wholly(index),
    () => wholly(index),
  )
  const snapshotDue = faces > scannedMaxDefault
  return {
    built,
    search: async (vector, count) => (await index.search(vector, count))?.labels ?? [],
    async saveAndLoad() {
      const path = join(folder, snapshotFile)
      const saveTickMs = performance.now()
      while (snapshotDue && !(await Bun.file(path).exists())) await Bun.sleep(10)
      const saveS = secondsSince(saveTickMs)
      await index.close()
      const loadTickMs = performance.now()
      index = await open()
      await wholly(index)
      return { saveS, loadS: secondsSince(loadTickMs), bytes: snapshotDue ? (await stat(path)).size : 0 }
    },
    close: () => index.close(),
  }
}

/** The package's own class (our AVX2 build of it), in one thread, as its documentation shows. */
async function buildHnswlib(source: VectorSource, faces: number, path: string): Promise<Engine> {
  const { hnswlib } = library()
  const make = () => new hnswlib.HierarchicalNSW("ip", source.dimension)
  let graph = make()
  const fill = () => {
    graph.initIndex(faces, 16, 200, 100)
    for (let from = 0; from < faces; from += pageFaces) {
      const count = Math.min(pageFaces, faces - from)
      const vectors = source.gallery(from, count)
      for (let i = 0; i < count; i++)
        graph.addPoint(Array.from(vectors.subarray(i * source.dimension, (i + 1) * source.dimension)), from + i + 1)
    }
    graph.writeIndexSync(path)
  }
  const built = await builtOnce(path, () => void graph.readIndexSync(path), fill)
  return {
    built,
    search(vector, count, width) {
      graph.setEf(width)
      return graph.searchKnn(Array.from(vector), count).neighbors
    },
    saveAndLoad: () =>
      inFolder(async (folder) => {
        const copy = join(folder, "index")
        const saveTickMs = performance.now()
        graph.writeIndexSync(copy)
        const saveS = secondsSince(saveTickMs)
        const loadTickMs = performance.now()
        graph = make()
        graph.readIndexSync(copy)
        return { saveS, loadS: secondsSince(loadTickMs), bytes: (await stat(copy)).size }
      }),
    close: () => Promise.resolve(),
  }
}

interface UsearchIndex {
  add(keys: BigUint64Array, vectors: Float32Array, threads: number): void
  search(vector: Float32Array, count: number, threads: number): { readonly keys: BigUint64Array }
  save(path: string): void
  load(path: string): void
}

async function buildUsearch(source: VectorSource, faces: number, quantization: "f16" | "i8"): Promise<Engine> {
  const { Index } = await loadUsearch()
  const make = (width: number): UsearchIndex =>
    new Index({
      // Not "ip": eight-bit codes have no scale there.
      ...{ metric: "cos", quantization, dimensions: source.dimension, multi: false },
      ...{ connectivity: linksPerNode, expansion_add: buildWidth, expansion_search: width },
    })
  const first = make(64)
  const built = await timeBuilding(() => {
    for (let from = 0; from < faces; from += pageFaces) {
      const count = Math.min(pageFaces, faces - from)
      first.add(
        BigUint64Array.from({ length: count }, (_, i) => BigInt(from + i + 1)),
        source.gallery(from, count),
        availableParallelism(),
      )
    }
  })
  const folder = await mkdtemp("/tmp/gatehouse-bench-usearch-")
  const path = join(folder, "index")
  const saveTickMs = performance.now()
  first.save(path)
  const saveS = secondsSince(saveTickMs)
  const checksum = sha256(await readFile(path))
  /** It reads whatever it is given and dies of a file that was cut off, so the file is checked first. */
  const load = async (width: number) => {
    if (sha256(await readFile(path)) !== checksum) throw new Error(`${path} is damaged`)
    const index = make(width)
    index.load(path)
    return index
  }
  let of = { width: 64, index: first }
  return {
    built,
    async search(vector, count, width) {
      if (of.width !== width) of = { width, index: await load(width) }
      return Array.from(of.index.search(vector, count, 1).keys, Number)
    },
    async saveAndLoad() {
      const loadTickMs = performance.now()
      of = { width: of.width, index: await load(of.width) }
      return { saveS, loadS: secondsSince(loadTickMs), bytes: (await stat(path)).size }
    },
    close: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Below .cache: it is no part of the product, and its binary asks for a newer C library than our oldest box has. */
async function loadUsearch(): Promise<{ readonly Index: new (options: object) => UsearchIndex }> {
  const place = join(projectRoot, ".cache/bench/search-peers")
  const own = join(import.meta.dir, "peers")
  await mkdir(place, { recursive: true })
  for (const file of await readdir(own)) await cp(join(own, file), join(place, file))
  await Bun.$`${process.execPath} install --frozen-lockfile --ignore-scripts --cwd ${place}`.quiet()
  return createRequire(join(place, "package.json"))("usearch") as { readonly Index: new (options: object) => UsearchIndex }
}

async function inFolder<Value>(work: (folder: string) => Promise<Value>): Promise<Value> {
  const folder = await mkdtemp("/tmp/gatehouse-bench-search-")
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex")
}

function secondsSince(startTickMs: number): number {
  return (performance.now() - startTickMs) / 1000
}
