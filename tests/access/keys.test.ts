import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { type Keys, openKeys } from "../../app/access/keys.ts"
import { openStore, type Store } from "../../app/store/store.ts"
import { tempFolder } from "../support/shared.ts"

function openBox(path: string): { keys: Keys; store: Store } & Disposable {
  const opened = openStore(path)
  if (opened.kind === "failed") throw new Error(opened.why)
  return { keys: openKeys(opened.store), store: opened.store, [Symbol.dispose]: () => opened.store.close() }
}

function created(keys: Keys): string {
  const admin = keys.ensureAdminKey()
  if (admin.kind !== "created") throw new Error(admin.kind)
  return admin.key
}

test("the first start makes a key, later ones keep it", () => {
  using folder = tempFolder()
  let key: string
  {
    using box = openBox(folder.file("box.db"))
    key = created(box.keys)
    expect(key).toMatch(/^gh_[0-9A-Za-z]{43}$/)
    expect(box.keys.verify(key)).toEqual({ role: "admin" })
  }
  using box = openBox(folder.file("box.db"))
  expect(box.keys.ensureAdminKey()).toEqual({ kind: "kept" })
  expect(box.keys.verify(key)).toEqual({ role: "admin" })
})

test("only that key opens", () => {
  using folder = tempFolder()
  using box = openBox(folder.file("box.db"))
  expect(box.keys.verify("")).toBeUndefined()
  const key = created(box.keys)
  for (const wrong of ["", "gh_", key.slice(0, -1), `${key}0`, key.toLowerCase(), ` ${key}`]) {
    expect(box.keys.verify(wrong)).toBeUndefined()
  }
})

test("the key itself is nowhere on disk", () => {
  using folder = tempFolder()
  const path = folder.file("box.db")
  using box = openBox(path)
  const key = created(box.keys)
  for (const side of ["", "-wal"]) expect(readFileSync(path + side).includes(key)).toBe(false)
  const hash = new Bun.CryptoHasher("sha256").update(key).digest()
  expect(readFileSync(`${path}-wal`).includes(hash)).toBe(true)
})

test("a reset in another process counts at once in a running box", async () => {
  using folder = tempFolder()
  const path = folder.file("box.db")
  using box = openBox(path)
  const old = created(box.keys)
  const script = `
    const { openStore } = await import(process.argv[2])
    const { openKeys } = await import(process.argv[3])
    const opened = openStore(process.argv[1])
    console.log(openKeys(opened.store).resetAdminKey())
    opened.store.close()
  `
  const modules = ["../../app/store/store.ts", "../../app/access/keys.ts"].map((path) => require.resolve(path))
  const child = Bun.spawn([process.execPath, "-e", script, path, ...modules], { stderr: "inherit" })
  const fresh = (await child.stdout.text()).trim()
  expect(await child.exited).toBe(0)
  expect(fresh).toMatch(/^gh_/)
  expect(box.keys.verify(old)).toBeUndefined()
  expect(box.keys.verify(fresh)).toEqual({ role: "admin" })
})

test("a key from the environment replaces the stored one for that run alone", () => {
  using folder = tempFolder()
  let stored: string
  {
    using box = openBox(folder.file("box.db"))
    stored = created(box.keys)
  }
  {
    using box = openBox(folder.file("box.db"))
    expect(box.keys.ensureAdminKey("from the environment")).toEqual({ kind: "given" })
    expect(box.keys.verify("from the environment")).toEqual({ role: "admin" })
    expect(box.keys.verify(stored)).toBeUndefined()
    expect(() => box.keys.ensureAdminKey("")).toThrow("not empty")
  }
  using box = openBox(folder.file("box.db"))
  expect(box.keys.verify(stored)).toEqual({ role: "admin" })
  expect(box.keys.verify("from the environment")).toBeUndefined()
})

test("keys are drawn evenly from 62 characters", () => {
  using folder = tempFolder()
  using box = openBox(folder.file("box.db"))
  const drawn = Array.from({ length: 200 }, () => box.keys.resetAdminKey().slice(3)).join("")
  const counts = Map.groupBy(drawn, (character) => character)
  expect(counts.size).toBe(62)
  // Taking a byte modulo 62 would draw these eight by a fifth more often: 7 standard deviations here, and 5 are allowed.
  const firstEight = [..."01234567"].reduce((sum, character) => sum + (counts.get(character)?.length ?? 0), 0)
  const share = 8 / 62
  expect(firstEight).toBeLessThan(drawn.length * share + 5 * Math.sqrt(drawn.length * share * (1 - share)))
})
