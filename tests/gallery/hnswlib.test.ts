import { expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, statSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { hnswlibPath, hnswlibVariants } from "../../app/gallery/hnswlib.ts"
import { tempFolder } from "../support/shared.ts"

setDefaultTimeout(60_000)

const loadAndSearch = `
  const { loadHnswlib } = await import(process.argv[1])
  const loaded = loadHnswlib()
  if (loaded.kind === "failed") {
    console.log(JSON.stringify(loaded))
    process.exit(0)
  }
  const graph = new loaded.hnswlib.HierarchicalNSW("ip", 3)
  graph.initIndex(10)
  graph.addPoint([0, 1, 0], 7)
  graph.addPoint([1, 0, 0], 8)
  console.log(JSON.stringify({ variant: loaded.variant, note: loaded.note, found: graph.searchKnn([0.9, 0.1, 0], 1) }))
`

/** In a process of its own: which variant is loaded is settled once. */
async function load(
  environment: Record<string, string>,
): Promise<{ variant?: string; note?: string; why?: string; found?: unknown }> {
  const child = Bun.spawn([process.execPath, "-e", loadAndSearch, require.resolve("../../app/gallery/hnswlib.ts")], {
    env: { ...process.env, ...environment },
    stderr: "inherit",
  })
  return JSON.parse(await child.stdout.text())
}

const variants = hnswlibVariants(process.arch)
const foundFirst = { distances: [expect.closeTo(0.1, 5)], neighbors: [8] }

test.each(variants)("the %p variant loads and searches", async (variant) => {
  expect(await load({ GATEHOUSE_HNSWLIB: variant })).toEqual({ variant, found: foundFirst })
})

test("an unknown variant falls back to the one that runs everywhere, and says so", async () => {
  const loaded = await load({ GATEHOUSE_HNSWLIB: "avx1024" })
  expect(loaded).toEqual({ variant: variants.at(-1)!, note: expect.stringContaining("avx1024"), found: foundFirst })
})

test("an addon that was not compiled is named, with the remedy", async () => {
  using folder = tempFolder()
  const { why } = await load({ GATEHOUSE_NATIVE: folder.path })
  expect(why).toContain(folder.path)
  expect(why).toContain("run scripts/build-hnswlib.ts")
})

const enrolAndAsk = `
  const { enrol, openBox, randomFrom, randomVector, spaceOf } = await import(process.argv[1])
  await using box = await openBox({ scannedMax: 10 })
  const vectors = Array.from({ length: 50 }, () => randomVector(8, randomFrom(1)))
  for (const [i, vector] of vectors.entries()) enrol(box.gallery, "Person " + i, spaceOf(8), [vector])
  await box.reopen({ scannedMax: 10 })
  const found = await box.gallery.search(spaceOf(8), vectors[0], 50)
  console.log(JSON.stringify({ people: found.length, status: box.gallery.indexStatus()[0] }))
`

test("without the addon every answer is still right, and the status says how it was found", async () => {
  using folder = tempFolder()
  const child = Bun.spawn([process.execPath, "-e", enrolAndAsk, require.resolve("./support.ts")], {
    env: { ...process.env, GATEHOUSE_NATIVE: folder.path },
    stderr: "inherit",
  })
  expect(JSON.parse(await child.stdout.text())).toMatchObject({
    people: 50,
    status: { faces: 50, state: "ready", variant: "exact" },
  })
})

test("compiling again does nothing, and a missing compiler is one line with the remedy", async () => {
  const build = (environment: Record<string, string>) =>
    Bun.spawnSync([process.execPath, join(projectRoot, "scripts/build-hnswlib.ts")], {
      env: { ...process.env, ...environment },
    })
  const built = () => variants.map((variant) => statSync(hnswlibPath(process.arch, variant)).mtimeMs)
  expect(build({}).exitCode).toBe(0)
  const before = built()
  expect(build({}).exitCode).toBe(0)
  expect(built()).toEqual(before)

  using folder = tempFolder()
  const failed = build({ CXX: "no-such-compiler", GATEHOUSE_NATIVE: folder.path })
  expect(failed.exitCode).toBe(1)
  expect(failed.stderr.toString().trim()).toBe(
    "build-hnswlib: no-such-compiler is missing, and the index library needs a C++ compiler: install g++ (apt-get install g++)",
  )
  expect(existsSync(hnswlibPath(process.arch, variants[0]!))).toBe(true)
})
