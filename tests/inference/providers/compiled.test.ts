import { expect, test } from "bun:test"
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  type CompiledKey,
  type CompiledPlace,
  compiledName,
  noteCrashes,
  openCompiled,
} from "../../../app/inference/providers/compiled.ts"
import { tempFolder } from "../../support/shared.ts"

const key: CompiledKey = {
  model: "embedder/mobilefacenet/1",
  sha256: ["f02e"],
  versions: { runtime: "1.23.0", tensorrt: "10.3.0", cuda: "12.6", computeCapability: "8.7", l4t: "R36.4.3" },
  deviceId: 0,
  fp16: true,
  workspaceBytes: 2 ** 30,
  shapes: {},
}

async function opened(
  folder: string,
  of: CompiledKey = key,
  attempt?: { pid: number; parentPid: number },
): Promise<CompiledPlace> {
  const result = await openCompiled(folder, of, attempt)
  if (result.kind === "refused") throw new Error(result.why)
  return result.place
}

/** A process that is gone, whose number says nothing to anybody. */
async function goneProcess(): Promise<number> {
  const child = Bun.spawn(["/bin/true"])
  await child.exited
  return child.pid
}

/** As an engine would that this process starts, and that ends in the midst of it. */
async function crashIn(folder: string): Promise<void> {
  const child = Bun.spawn(["sleep", "60"])
  await openCompiled(folder, key, { pid: child.pid, parentPid: process.pid })
  child.kill("SIGKILL")
  await child.exited
}

test("what is compiled is found again by all that it depends on", async () => {
  using temp = tempFolder()
  const first = await opened(temp.path)
  expect(first.found).toBe(false)
  writeFileSync(join(first.places.engines, "a.engine"), "compiled")
  await first.keep()
  const again = await opened(temp.path, {
    ...key,
    versions: Object.fromEntries(Object.entries(key.versions).reverse()) as CompiledKey["versions"],
  })
  expect(again.found).toBe(true)
  expect(existsSync(join(again.places.engines, "a.engine"))).toBe(true)
  await again.keep()
  const others: CompiledKey[] = [
    { ...key, sha256: ["f02f"] },
    { ...key, versions: { ...key.versions, runtime: "1.24.0" } },
    { ...key, versions: { ...key.versions, tensorrt: "10.7.0" } },
    { ...key, versions: { ...key.versions, cuda: "12.8" } },
    { ...key, versions: { ...key.versions, computeCapability: "7.2" } },
    { ...key, versions: { ...key.versions, l4t: "R36.4.4" } },
    { ...key, fp16: false },
    { ...key, workspaceBytes: 2 ** 29 },
    { ...key, deviceId: 1 },
    { ...key, shapes: { "a.onnx": { input: { min: [1], opt: [1], max: [2] } } } },
  ]
  expect(new Set([key, ...others].map(compiledName)).size).toBe(others.length + 1)
  for (const other of others) {
    const place = await opened(temp.path, other)
    expect(place.found).toBe(false)
    await place.drop()
  }
})

test("a box that was stopped, or lost its power, says nothing about the engine", async () => {
  using temp = tempFolder()
  for (let count = 0; count < 5; count++)
    await opened(temp.path, key, { pid: await goneProcess(), parentPid: await goneProcess() })
  const place = await opened(temp.path)
  expect(place.found).toBe(false)
  await place.keep()
})

test("after two crashes what is there is made anew, after three it is left alone until somebody mends it", async () => {
  using temp = tempFolder()
  const first = await opened(temp.path)
  writeFileSync(join(first.places.engines, "bad.engine"), "ends its process when it is loaded")
  writeFileSync(join(first.places.timings, "bad.timing"), "so does this")
  await first.keep()

  await crashIn(temp.path)
  const second = await opened(temp.path)
  expect(second.found).toBe(true)
  await second.drop()
  await crashIn(temp.path)
  const anew = await opened(temp.path)
  expect(anew.found).toBe(false)
  expect(readdirSync(anew.places.timings)).toEqual([])
  await anew.drop()

  await crashIn(temp.path)
  const refused = await openCompiled(temp.path, key)
  expect(refused).toMatchObject({
    kind: "refused",
    why: expect.stringContaining("ended its process 3 times in a row"),
    remedy: expect.stringContaining("gatehouse warm --again"),
  })
  // Others are not concerned.
  await (await opened(temp.path, { ...key, fp16: false })).drop()
})

test("what is there and is refused twice in a row is made anew: it may have been damaged", async () => {
  using temp = tempFolder()
  const first = await opened(temp.path)
  writeFileSync(join(first.places.timings, "bad.timing"), "")
  await first.keep()
  for (const found of [true, true, false, true]) {
    const place = await opened(temp.path)
    expect(place.found).toBe(found)
    if (found) await place.drop()
    else {
      expect(readdirSync(place.places.timings)).toEqual([])
      await place.keep()
    }
  }
  // Once alone, or with right answers in between, says nothing.
  await (await opened(temp.path)).keep()
  await (await opened(temp.path)).drop()
  expect((await opened(temp.path)).found).toBe(true)
})

test("right answers clear the record", async () => {
  using temp = tempFolder()
  await crashIn(temp.path)
  await crashIn(temp.path)
  await (await opened(temp.path)).keep()
  await crashIn(temp.path)
  expect((await opened(temp.path)).found).toBe(true)
})

test("a crash is held while the one that saw it lives", async () => {
  using temp = tempFolder()
  const gone = await goneProcess()
  await opened(temp.path, key, { pid: gone, parentPid: process.pid })
  await noteCrashes(temp.path)
  const name = compiledName(key)
  expect(readdirSync(temp.file(`${name}.attempts`)).map((note) => note.startsWith("crash-"))).toEqual([true])
})

test("leftovers of processes that are gone are removed, and of older forms the newest stay", async () => {
  using temp = tempFolder()
  const gone = await goneProcess()
  mkdirSync(temp.file(`${compiledName(key)}.${gone}-1.draft`))
  for (const runtime of ["1.20.0", "1.21.0", "1.22.0", "1.23.0"]) {
    const place = await opened(temp.path, { ...key, versions: { ...key.versions, runtime } })
    await place.keep()
  }
  const names = readdirSync(temp.path).filter((name) => !name.startsWith("timings-"))
  expect(names).toHaveLength(3)
  expect(names).toContain(compiledName(key))
})

test("a folder that was there before keeps its mode, and one that others may write is refused", async () => {
  using temp = tempFolder()
  const modeOf = () => statSync(temp.path).mode & 0o7777
  chmodSync(temp.path, 0o755)
  await (await opened(temp.path)).drop()
  expect(modeOf()).toBe(0o755)
  chmodSync(temp.path, 0o1777)
  expect(await openCompiled(temp.path, key)).toMatchObject({
    kind: "refused",
    why: expect.stringContaining("others than its owner may write"),
    remedy: expect.stringContaining("chmod go-w"),
  })
  expect(modeOf()).toBe(0o1777)
})

test("a folder that cannot be used is a refusal, with the remedy", async () => {
  using temp = tempFolder()
  writeFileSync(temp.file("file"), "")
  expect(await openCompiled(temp.file("file", "below"), key)).toMatchObject({
    kind: "refused",
    why: expect.stringContaining("cannot be kept"),
    remedy: expect.stringContaining("cacheFolder"),
  })
})
