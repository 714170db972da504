import { describe, expect, test } from "bun:test"
import { type Keys, openKeys } from "../../app/vault/keys.ts"
import { createMaterial, masterKey } from "../../app/vault/master-key.ts"
import { open, type Place, type SealKey, seal } from "../../app/vault/seal.ts"
import { firstState } from "../../app/vault/state.ts"
import type { Suite } from "../../app/vault/suite.ts"
import { tempFolder } from "../support/shared.ts"
import { type KeyRows, openKeyRows } from "./key-rows.ts"
import { flipped, testedSuites, utf8 } from "./support.ts"

const place: Place = { table: "secrets", column: "sealed", row: 1 }

function opened(suite: Suite) {
  const folder = tempFolder()
  const rows = openKeyRows(folder.file("keys.db"))
  const master = masterKey(suite, createMaterial())
  rows.create(firstState(master))
  const masters = { current: master, retired: [] }
  return {
    rows,
    master,
    masters,
    keys: openKeys(rows, masters),
    [Symbol.dispose]() {
      rows[Symbol.dispose]()
      folder[Symbol.dispose]()
    },
  }
}

function created(keys: Keys, owner: string): SealKey {
  const made = keys.create(owner)
  if (made.kind !== "created") throw new Error(made.kind)
  return made.key
}

const changeWrapped = (rows: KeyRows, owner: string, wrapped: Uint8Array) =>
  rows.store.prepare("update data_keys set wrapped = ? where owner = ?").run(wrapped, owner)

describe.each(testedSuites)("$title", (suite) => {
  test("what one process sealed another one opens", () => {
    using box = opened(suite)
    const sealed = seal(created(box.keys, "subject/1"), place, utf8("Ada"))
    const found = openKeys(box.rows, box.masters).of("subject/1")
    expect(found.kind).toBe("found")
    if (found.kind === "found") expect(open(found.key, place, sealed)).toMatchObject({ kind: "opened" })
  })

  test("each owner has a key of its own", () => {
    using box = opened(suite)
    const sealed = seal(created(box.keys, "subject/1"), place, utf8("Ada"))
    expect(open(created(box.keys, "subject/2"), place, sealed).kind).toBe("wrong_key")
  })

  test("a shredded key is gone for everybody, and a second one opens nothing of the first", () => {
    using box = opened(suite)
    const other = openKeys(box.rows, box.masters)
    const sealed = seal(created(box.keys, "subject/1"), place, utf8("Ada"))
    expect(other.of("subject/1").kind).toBe("found")
    expect(box.keys.shred("subject/1")).toBe(true)
    expect(box.keys.shred("subject/1")).toBe(false)
    for (const keys of [box.keys, other]) expect(keys.of("subject/1")).toEqual({ kind: "no_key" })
    expect(open(created(box.keys, "subject/1"), place, sealed).kind).toBe("wrong_key")
  })

  test("a key whose transaction was rolled back is never used again", () => {
    using box = opened(suite)
    const undone = () =>
      box.rows.store.transact<void>(() => {
        created(box.keys, "subject/1")
        expect(box.keys.of("subject/1").kind).toBe("found")
        throw new Error("half way")
      })
    expect(undone).toThrow("half way")
    expect(box.keys.of("subject/1")).toEqual({ kind: "no_key" })
  })

  test("every byte of a wrapped key counts", () => {
    using box = opened(suite)
    created(box.keys, "subject/1")
    const { wrapped } = box.rows.find("subject/1")!
    for (const { at, bytes } of flipped(wrapped)) {
      changeWrapped(box.rows, "subject/1", bytes)
      expect([at, openKeys(box.rows, box.masters).of("subject/1").kind]).not.toEqual([at, "found"])
    }
  })

  test("a key that was given to another owner is refused, though its own owner has just used it", () => {
    using box = opened(suite)
    created(box.keys, "subject/1")
    created(box.keys, "subject/2")
    expect(box.keys.of("subject/1").kind).toBe("found")
    box.rows.store.prepare("delete from data_keys where owner = 'subject/2'").run()
    box.rows.store.prepare("update data_keys set owner = 'subject/2'").run()
    expect(box.keys.of("subject/2")).toEqual({ kind: "tampered" })
  })

  test("under another master key nothing opens, and it is said which one is needed", () => {
    using box = opened(suite)
    created(box.keys, "subject/1")
    const stranger = masterKey(suite, createMaterial())
    const keys = openKeys(box.rows, { current: stranger, retired: [] })
    expect(keys.of("subject/1")).toEqual({ kind: "wrong_key", keyId: box.master.id })
    expect(keys.create("subject/2")).toEqual({ kind: "master_changed" })
    expect(box.rows.find("subject/2")).toBeUndefined()
  })

  test("a key that is not a person's is made when it is first asked for, once", () => {
    using box = opened(suite)
    const first = box.keys.ensure("sightings/2026-03")
    expect(first.kind).toBe("created")
    expect(box.keys.ensure("sightings/2026-03")).toMatchObject({
      kind: "found",
      key: { id: box.rows.find("sightings/2026-03")?.id },
    })
  })

  test("keys leave a full cache and are unwrapped again", () => {
    using box = opened(suite)
    const keys = openKeys(box.rows, box.masters, 2)
    const first = created(keys, "subject/1")
    for (let person = 2; person < 6; person++) created(keys, `subject/${person}`)
    for (let round = 0; round < 2; round++)
      for (let person = 1; person < 6; person++) expect(keys.of(`subject/${person}`).kind).toBe("found")
    expect(keys.of("subject/1")).toMatchObject({ key: { id: first.id, bytes: Uint8Array.from(first.bytes) } })
  })
})
