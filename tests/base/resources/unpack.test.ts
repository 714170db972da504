import { describe, expect, test } from "bun:test"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import type { Embedded } from "../../../app/base/resources/embedded.ts"
import { unpack } from "../../../app/base/resources/unpack.ts"
import { tempFolder } from "../../support/shared.ts"
import { embed, startUnpacking } from "./support.ts"

function expectWhole({ id, files }: Embedded, cache: string): void {
  // Nothing else: no draft, no folder set aside.
  expect(readdirSync(cache)).toEqual([id])
  for (const { path, sha256 } of files) {
    const bytes = readFileSync(join(cache, id, path))
    expect(new Bun.CryptoHasher("sha256").update(bytes).digest("hex")).toBe(sha256)
  }
}

async function whyFailed(embedded: Embedded, cache: string): Promise<string> {
  const unpacked = await unpack(embedded, cache)
  if (unpacked.kind === "ok") throw new Error(`it was unpacked into ${unpacked.value}`)
  return unpacked.why
}

describe("what is embedded is unpacked once", () => {
  test("and found by the next start", async () => {
    using folder = tempFolder()
    const embedded = await embed(folder)
    const cache = folder.file("deep/cache")
    expect(await unpack(embedded, cache)).toEqual({ kind: "ok", value: join(cache, embedded.id) })
    expectWhole(embedded, cache)
    const { mtimeMs } = statSync(join(cache, embedded.id, "sets.json"))
    expect(await unpack(embedded, cache)).toMatchObject({ kind: "ok" })
    expect(statSync(join(cache, embedded.id, "sets.json")).mtimeMs).toBe(mtimeMs)
  })

  test.each(["models/b.onnx", ".ok"])("a folder that lost the end of %s is made anew", async (path) => {
    using folder = tempFolder()
    const embedded = await embed(folder)
    const cache = folder.file("cache")
    await unpack(embedded, cache)
    if (path === ".ok") await Bun.file(join(cache, embedded.id, path)).delete()
    else truncateSync(join(cache, embedded.id, path), 5)
    expect(await unpack(embedded, cache)).toMatchObject({ kind: "ok" })
    expectWhole(embedded, cache)
  })

  test("two first starts at once leave one whole folder", async () => {
    using folder = tempFolder()
    const embedded = await embed(folder)
    for (let pair = 0; pair < 3; pair++) {
      const cache = folder.file(`cache-${pair}`)
      const both = await Promise.all([startUnpacking(folder, cache).ended, startUnpacking(folder, cache).ended])
      expect(both.map((ended) => ended?.kind)).toEqual(["ok", "ok"])
      expectWhole(embedded, cache)
    }
  })

  test("a kill at any moment leaves nothing that the next start takes for whole, and nothing behind", async () => {
    using folder = tempFolder()
    const embedded = await embed(folder)
    const cache = folder.file("cache")
    let killedHalfWay = 0
    for (let round = 0; round < 60 && killedHalfWay < 8; round++) {
      const unpacking = startUnpacking(folder, cache)
      // A draft is there: from now on it is in the midst of it.
      const giveUpAt = Date.now() + 5000
      while (!draftsIn(cache).length && !existsSync(join(cache, embedded.id)) && Date.now() < giveUpAt) await Bun.sleep(1)
      await Bun.sleep(Math.random() * 30)
      unpacking.kill()
      if ((await unpacking.ended) === undefined && draftsIn(cache).length > 0) killedHalfWay += 1
      expect(draftsIn(cache).length).toBeLessThanOrEqual(1) // The next one sweeps up after the one before.
      if (existsSync(join(cache, embedded.id))) await Bun.$`rm -rf ${join(cache, embedded.id)}`
    }
    expect(killedHalfWay).toBeGreaterThan(0)
    expect(await unpack(embedded, cache)).toMatchObject({ kind: "ok" })
    expectWhole(embedded, cache)
  })

  test("of other versions the two newest stay", async () => {
    using folder = tempFolder()
    const cache = folder.file("cache")
    for (const [age, version] of ["0.9.0", "0.8.0", "0.7.0"].entries()) {
      const other = join(cache, `${version}-x64-0123456789abcdef`)
      mkdirSync(other, { recursive: true })
      utimesSync(other, 1_000_000 - age, 1_000_000 - age)
    }
    mkdirSync(join(cache, "somebody-elses"))
    const embedded = await embed(folder)
    await unpack(embedded, cache)
    const kept = ["0.8.0-x64-0123456789abcdef", "0.9.0-x64-0123456789abcdef", embedded.id, "somebody-elses"]
    expect(readdirSync(cache).sort()).toEqual(kept.sort())
  })
})

describe("what keeps it from being unpacked is said with the remedy", () => {
  test("a cache folder that cannot be", async () => {
    using folder = tempFolder()
    const embedded = await embed(folder)
    writeFileSync(folder.file("file"), "")
    expect(await whyFailed(embedded, folder.file("file/cache"))).toMatch(/cannot be written.*--cache-dir or GATEHOUSE_CACHE/)
  })

  test("no room", async () => {
    using folder = tempFolder()
    const embedded = await embed(folder)
    const huge = { ...embedded, files: embedded.files.map((file) => ({ ...file, bytes: 2 ** 45 })) }
    expect(await whyFailed(huge, folder.file("cache"))).toMatch(/needs \d+ MB and has \d+ MB: make room/)
    expect(readdirSync(folder.file("cache"))).toEqual([])
  })

  test("a program that was damaged on its way", async () => {
    using folder = tempFolder()
    const embedded = await embed(folder)
    const bytes = await Bun.file(embedded.payload).bytes()
    bytes.fill(0, 1000, 2000)
    await Bun.write(embedded.payload, bytes)
    expect(await whyFailed(embedded, folder.file("cache"))).toMatch(/is damaged: .*\.so inside it.*\.sha256/)
    expect(readdirSync(folder.file("cache"))).toEqual([])
  })

  test("a folder that others may write", async () => {
    using folder = tempFolder()
    const embedded = await embed(folder)
    const cache = folder.file("cache")
    await unpack(embedded, cache)
    chmodSync(join(cache, embedded.id), 0o777)
    expect(await whyFailed(embedded, cache)).toMatch(/may be written by other users.*chmod go-w/)
  })

  test("a disk that fills up in the midst", async () => {
    using folder = tempFolder()
    const embedded = await embed(folder)
    // A limit of the shell for files stands for the disk: the room that was looked up is not there when it is needed.
    const limited = ["sh", "-c", 'ulimit -f 8192; trap "" XFSZ; exec "$@"', "limited"]
    const ended = await startUnpacking(folder, folder.file("cache"), limited).ended
    expect(ended).toMatchObject({ kind: "failed", why: expect.stringMatching(/needs \d+ MB.*make room/) })
    expect(readdirSync(folder.file("cache"))).toEqual([])
    expect(await unpack(embedded, folder.file("cache"))).toMatchObject({ kind: "ok" })
  })
})

function draftsIn(cache: string): string[] {
  if (!existsSync(dirname(cache)) || !existsSync(cache)) return []
  return readdirSync(cache).filter((name) => name.endsWith(".draft"))
}
