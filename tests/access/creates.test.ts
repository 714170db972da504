import { expect, test } from "bun:test"
import { type Creates, openCreates } from "../../app/access/creates.ts"
import { openStore, type Store } from "../../app/store/store.ts"
import { tempFolder } from "../support/shared.ts"
import { testVaultOf } from "../support/vault.ts"

const dayMs = 24 * 60 * 60 * 1000
const requestHash = new Uint8Array(32).fill(7)

function openBox(rowsMax?: number) {
  const folder = tempFolder()
  const opened = openStore(folder.file("box.db"))
  if (opened.kind === "failed") throw new Error(opened.why)
  const clock = { nowMs: 1_700_000_000_000 }
  const { store } = opened
  const open = () => openCreates(store, testVaultOf(store), () => clock.nowMs, rowsMax)
  return {
    ...{ store, clock, open, creates: open() },
    [Symbol.dispose]: () => {
      store.close()
      folder[Symbol.dispose]()
    },
  }
}

function record({ store, creates }: { store: Store; creates: Creates }, key: string, note?: unknown): void {
  store.transact(() => creates.record(key, { requestHash, entityId: `made by ${key.slice(0, 1)}`, note }))
}

const rows = (store: Store) => store.prepare<{ count: number }>("select count(*) as count from creates").get()?.count

test("what was made is found by its key, with its note, by a later process too", () => {
  using box = openBox()
  record(box, "a", [{ box: { x: 1.5 } }])
  record(box, "b")
  expect(box.creates.find("a")).toEqual({ requestHash, entityId: "made by a", note: [{ box: { x: 1.5 } }] })
  expect(box.open().find("b")).toEqual({ requestHash, entityId: "made by b", note: undefined })
  expect(box.creates.find("A")).toBeUndefined()
})

test("a record that is rolled back with its entity is not there, and a key is recorded once", () => {
  using box = openBox()
  const broken = () =>
    box.store.transact(() => {
      box.creates.record("a", { requestHash, entityId: "1", note: undefined })
      throw new Error("half way")
    })
  expect(broken).toThrow("half way")
  expect(box.creates.find("a")).toBeUndefined()
  record(box, "a")
  expect(() => record(box, "a")).toThrow("UNIQUE")
})

test("it is kept for 24 hours, and then the key is free", () => {
  using box = openBox()
  record(box, "a")
  box.clock.nowMs += dayMs - 1
  expect(box.creates.find("a")).toBeDefined()
  box.clock.nowMs += 1
  expect(box.creates.find("a")).toBeUndefined()
  record(box, "a", "anew")
  expect(box.creates.find("a")?.note).toBe("anew")
  box.clock.nowMs += dayMs
  record(box, "b")
  expect(rows(box.store)).toBe(1)
})

test("there is room for so many, and the oldest leave first", () => {
  using box = openBox(3)
  for (const key of ["a", "b", "c", "d", "e"]) record(box, key)
  expect(["a", "b", "c", "d", "e"].filter((key) => box.creates.find(key) !== undefined)).toEqual(["c", "d", "e"])
  expect(rows(box.store)).toBe(3)
})

test("a key is one request's at a time", () => {
  using box = openBox()
  const first = box.creates.claim("a")
  expect(first).toBeDefined()
  expect(box.creates.claim("a")).toBeUndefined()
  expect(box.creates.claim("b")).toBeDefined()
  first?.[Symbol.dispose]()
  expect(box.creates.claim("a")).toBeDefined()
})

test("the keys themselves are not kept", () => {
  using box = openBox()
  record(box, "a visit")
  const row = box.store.prepare<Record<string, unknown>>("select * from creates").get() ?? {}
  const texts = Object.values(row).map((value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value),
  )
  expect(texts.filter((text) => text.includes("visit"))).toEqual([])
  expect(texts).toContain("made by a")
})
