import { describe, expect, test } from "bun:test"
import { statSync } from "node:fs"
import { applyFromHub } from "../../../app/sync/apply.ts"
import { type Tables, whyShrunken } from "../../../app/sync/box.ts"
import type { Entity } from "../../../app/sync/entity.ts"
import type { Version } from "../../../app/sync/merge.ts"
import { syncHolding } from "../../../app/sync/store/holding.ts"
import { conflictsMax, refusedMax } from "../../../app/sync/store/lists.ts"
import { openSiteBox } from "../../../app/sync/store/state.ts"
import { boxA, boxB, entity, originOf, utf8Of } from "../support.ts"
import { openPlainBox, openTestSyncStore } from "./support.ts"

const wallMs = 1_760_000_000_000
const dayMs = 24 * 3600 * 1000
const noTransaction = { afterCommit: () => undefined }

let sequences = 0

/** A version of somebody else, as it comes from the hub. */
function take(tables: Tables, version: Partial<Version> & { readonly entity: Entity }, text = "content"): void {
  const sequence = ++sequences
  const record = {
    ...{ kind: "put" as const, stamp: wallMs * 1024 + sequence, origin: originOf(boxB), sequence, bytes: utf8Of(text) },
    ...version,
  }
  applyFromHub(tables, { sequence }, { kind: "opened", record, content: utf8Of(text) })
}

describe("settings", () => {
  test.each([
    ["in the clear", false],
    ["sealed", true],
  ])("%s: are there again after a restart, and leave no byte in the clear of a sealed folder", (_, isSealed) => {
    using opened = openTestSyncStore({ isSealed })
    const { settings } = opened.sync
    const value = crypto.getRandomValues(new Uint8Array(200))
    settings.set("key/1", value)
    settings.set("key/2", utf8Of("another"))
    settings.set("member/0a0a0a0a", new Uint8Array())
    settings.set("key/2", undefined)
    expect(settings.names("key/")).toEqual(["key/1"])
    expect(settings.names()).toEqual(["key/1", "member/0a0a0a0a"])
    expect(settings.get("key/2")).toBeUndefined()
    expect(() =>
      opened.store.transact<void>(() => {
        settings.setIn("key/3", value)
        throw new Error("undone")
      }),
    ).toThrow("undone")
    expect(settings.get("key/3")).toBeUndefined()
    using again = openTestSyncStore({ isSealed, folder: opened.folder })
    expect(Buffer.from(again.sync.settings.get("key/1") ?? [])).toEqual(Buffer.from(value))
    expect(again.sync.settings.get("member/0a0a0a0a")?.length).toBe(0)
    const stored = again.store.prepare<{ value: Uint8Array }>("select value from sync_settings where name = 'key/1'").get()
    expect(Buffer.from(stored?.value ?? []).includes(value)).toBe(!isSealed)
  })
})

describe("a box's place in a site", () => {
  test("is nowhere at first, then a name and a life of its own; leaving takes all of it", () => {
    using opened = openTestSyncStore({ isSealed: true })
    const { store, sync } = opened
    expect([sync.box(), openSiteBox(store)(), sync.recorded.backlog()]).toEqual([undefined, undefined, undefined])
    store.prepare("insert into changes (entity, kind, entity_id, at_ms) values ('subject', 'added', 'x', 1)").run()
    sync.enter(boxA)
    const { origin } = sync.ownTables(noTransaction)
    const first = origin()
    expect(first).toMatch(/^0a0a0a0a\.[0-9a-f]{12}$/)
    expect([sync.box(), openSiteBox(store)(), sync.recorded.backlog(), sync.recorded.changeSeq()]).toEqual([boxA, boxA, "", 1])
    sync.enter(boxA)
    expect(origin()).toBe(first)
    expect(() => sync.enter(boxB)).toThrow("0a0a0a0a already")

    const box = openPlainBox(sync)
    sync.settings.set("key", utf8Of("secret"))
    box.transact((tables) => {
      take(tables, { entity: entity(1, 1) })
      tables.setPosition("records", 7)
      tables.setCursor("hub/records", 7)
      tables.refused({ stream: "records", sequence: 1, key: "1", kind: "malformed", why: "no record" })
    })
    const { change } = box.transact((tables) => tables.row(entity(1, 1)))!
    sync.leave()
    expect([sync.box(), sync.settings.names(), sync.refused(10), sync.counts().faces]).toEqual([undefined, [], [], 0])
    const rows = (table: string) => store.prepare<{ rows: number }>(`select count(*) as rows from ${table}`).get()?.rows
    expect(["sync_rows", "sync_bytes", "sync_cursors", "sync_streams", "sync_lives"].map(rows)).toEqual([0, 0, 0, 0, 0])
    expect(store.prepare("select owner from data_keys where owner like 'records/%'").all()).toEqual([])
    sync.enter(boxA)
    expect(origin()).not.toBe(first)
    expect(box.transact((tables) => tables.nextChange())).toBeGreaterThan(change)
  })

  test("the recorder's cursors move in its transaction", () => {
    using opened = openTestSyncStore()
    const { store, sync } = opened
    sync.enter(boxA)
    store.transact<void>(() => {
      sync.recorded.setChangeSeq(12)
      sync.recorded.setBacklog("0199")
    })
    expect([sync.recorded.changeSeq(), sync.recorded.backlog()]).toEqual([12, "0199"])
    sync.recorded.setBacklog(undefined)
    expect(sync.recorded.backlog()).toBeUndefined()
  })

  test("a transaction that finds everything as it was writes nothing", () => {
    using opened = openTestSyncStore()
    const { sync, store, path } = opened
    sync.enter(boxA)
    const box = openPlainBox(sync)
    const same = () =>
      box.transact((tables) => {
        sync.recorded.setChangeSeq(3)
        tables.setPosition("records", 4)
        tables.setMarkers("records", [{ sequence: 2, name: "mark" }])
        tables.setCursor("hub/records", 5)
        tables.doubtAfter("records", 4)
        return tables.row(entity(1, 1))
      })
    same()
    expect(store.shrinkLog()).toBe(true)
    same()
    expect(statSync(`${path}-wal`).size).toBe(0)
    box.transact((tables) => tables.setPosition("records", 5))
    expect(statSync(`${path}-wal`).size).toBeGreaterThan(0)
  })

  test("what comes before and after a body is in its transaction, and shows nothing", () => {
    using opened = openTestSyncStore()
    const { sync } = opened
    sync.enter(boxA)
    const shown: string[] = []
    let fails = true
    const box = sync.openBox(
      {
        show: (record) => void shown.push(`show ${record.entity}`),
        hide: (path, kind) => void shown.push(`hide ${path} ${kind}`),
        present: () => 2,
      },
      {
        before: (tables) => {
          take(tables, { entity: entity(1, 1) })
          take(tables, { entity: entity(1, 2) })
        },
        after: (tables) => {
          take(tables, { entity: entity(2, 2) })
          if (fails) throw new Error("at the end")
        },
      },
    )
    expect(() => box.transact((tables) => take(tables, { entity: entity(3, 3) }))).toThrow("at the end")
    expect(sync.counts().faces).toBe(0)
    fails = false
    shown.length = 0
    box.transact((tables) => {
      take(tables, { entity: entity(3, 3) })
      take(tables, { entity: entity(3, 3), kind: "del" })
      take(tables, { entity: entity(1), kind: "erase" })
    })
    expect(shown).toEqual([
      `show ${entity(3, 3)}`,
      `hide ${entity(3, 3)} del`,
      ...[entity(1), entity(1, 1), entity(1, 2)].map((path) => `hide ${path} erase`),
    ])
    expect(sync.counts()).toMatchObject({ faces: 1, deleted: 1, erased: 1 })
  })
})

test("faces that are missing without a record of it are seen", () => {
  using opened = openTestSyncStore()
  const { sync } = opened
  sync.enter(boxA)
  let present = 100
  const box = openPlainBox(sync, () => present)
  box.transact((tables) => {
    for (let i = 1; i <= 100; i++) {
      take(tables, { entity: entity(i) })
      take(tables, { entity: entity(i, i) })
      take(tables, { entity: entity(i, i, 1) })
    }
  })
  const why = () => box.transact((tables) => whyShrunken(tables.counts()))
  expect(why()).toBeUndefined()
  present = 60
  expect(why()).toContain("60 entries of 100")
  box.transact((tables) => {
    for (let i = 61; i <= 100; i++) take(tables, { entity: entity(i, i), kind: "del" })
  })
  expect(why()).toBeUndefined()
})

describe("of what is to be offered", () => {
  const due = (tables: Tables) => tables.rowsAfter("records", 0, 4).map(({ record }) => Buffer.from(record.bytes).toString())

  function offering(errors: unknown[] = []) {
    const opened = openTestSyncStore({ isSealed: true, log: { error: (...said: unknown[]) => void errors.push(said) } })
    opened.sync.enter(boxA)
    const box = openPlainBox(opened.sync)
    box.transact((tables) => {
      for (let i = 1; i <= 8; i++) take(tables, { entity: entity(i, i) }, `face ${i}`)
      for (const row of tables.rowsAfter("records", 0, 100)) tables.write({ ...row, standing: "due" })
    })
    return { opened, box, errors }
  }

  test("a row that was changed on the disk is left out and told, and stops none behind it", () => {
    const { opened, box, errors } = offering()
    using _ = opened
    opened.store.prepare("update sync_bytes set bytes = cast(bytes || x'00' as blob) where number in (2, 3)").run()
    expect(box.transact(due)).toEqual(["face 1", "face 4", "face 5", "face 6"])
    expect(box.transact(due)).toHaveLength(4)
    expect(errors).toHaveLength(2)
    expect(() => box.transact((tables) => tables.row(entity(2, 2))?.record.bytes)).toThrow("sync_bytes.bytes")
  })

  test("an older version in the place of the newer one is no less a change on the disk", () => {
    const { opened, box, errors } = offering()
    using _ = opened
    const stored = opened.store.prepare<{ bytes: Uint8Array }>("select bytes from sync_bytes where number = 2").get()!.bytes
    box.transact((tables) => take(tables, { entity: entity(2, 2) }, "face 2, later"))
    box.transact((tables) => tables.write({ ...tables.row(entity(2, 2))!, standing: "due" }))
    const later = () => box.transact((tables) => tables.rowsAfter("records", 0, 100).map(({ record }) => record.entity))
    expect(later()).toContain(entity(2, 2))
    opened.store.prepare("update sync_bytes set bytes = ? where number = 9").run(stored)
    expect(later()).not.toContain(entity(2, 2))
    expect(errors).toHaveLength(1)
  })

  test("nothing goes out of somebody who is being erased", () => {
    const { opened, box, errors } = offering()
    using _ = opened
    const person = { subjectId: "00000000-0000-0000-0000-000000000002", faceIds: [] }
    const holding = syncHolding(opened.store, opened.vault)
    expect([holding.erase?.(person), holding.erase?.(person)]).toEqual([1, 0])
    expect(box.transact(due)).toEqual(["face 1", "face 3", "face 4", "face 5"])
    expect(errors).toEqual([])
    expect(box.transact((tables) => tables.row(entity(2, 2))?.record.bytes.length)).toBe(0)
  })
})

describe("lists for a person to look at", () => {
  test("of what was refused the last ones stay, each once", () => {
    using opened = openTestSyncStore()
    const box = openPlainBox(opened.sync)
    const entry = (sequence: number) => ({ stream: "records" as const, sequence, key: "k", kind: "malformed", why: "cut" })
    box.transact((tables) => {
      for (let i = 1; i <= refusedMax + 50; i++) tables.refused(entry(i))
      tables.refused({ ...entry(refusedMax + 50), why: "once more" })
    })
    const listed = opened.sync.refused(1000)
    expect(listed).toHaveLength(refusedMax)
    expect(listed[0]).toMatchObject({ ...entry(refusedMax + 50), why: "once more" })
    expect(opened.sync.counts().refused).toBe(refusedMax)
  })

  test("what was refused leaves the list when it is read again, and is taken then", () => {
    using opened = openTestSyncStore()
    opened.sync.enter(boxA)
    const box = openPlainBox(opened.sync)
    const entry = { key: "k", kind: "no_key", why: "no key yet" }
    box.transact((tables) => {
      for (const stream of ["erasures", "records"] as const)
        for (const sequence of [3, 7]) tables.refused({ ...entry, stream, sequence })
      tables.setPosition("records", 9)
    })
    const listed = () => opened.sync.refused(10).map(({ stream, sequence }) => `${stream} ${sequence}`)
    expect(listed()).toHaveLength(4)
    box.transact((tables) => tables.setPosition("records", 5))
    expect(listed()).toEqual(["records 3", "erasures 7", "erasures 3"])
    box.transact((tables) => tables.setPosition("records", 9))
    expect(listed()).toHaveLength(3)
  })

  test("versions from the future are listed until somebody has looked, or a better one came", () => {
    using opened = openTestSyncStore({ wallClockMs: () => wallMs })
    const { sync } = opened
    const box = openPlainBox(sync)
    box.transact((tables) => {
      for (let i = 1; i <= 3; i++) take(tables, { entity: entity(i, i), stamp: (wallMs + (2 + i) * dayMs) * 1024 })
      take(tables, { entity: entity(4, 4), stamp: (wallMs + dayMs / 2) * 1024 })
    })
    expect(sync.fromTheFuture.list(10).map((entry) => entry.entity)).toEqual([1, 2, 3].map((i) => entity(i, i)))
    expect(sync.fromTheFuture.list(1)[0]).toMatchObject({ origin: originOf(boxB), atMs: wallMs })
    expect([sync.fromTheFuture.resolve(entity(2, 2)), sync.fromTheFuture.resolve(entity(2, 2))]).toEqual([true, false])
    box.transact((tables) => {
      take(tables, { entity: entity(3), kind: "erase" })
      take(tables, { entity: entity(1, 1), kind: "erase" })
      take(tables, { entity: entity(5, 5), stamp: (wallMs + 2 * dayMs) * 1024 })
    })
    expect(sync.fromTheFuture.list(10).map((entry) => entry.entity)).toEqual([entity(5, 5)])
    expect(sync.counts().fromTheFuture).toBe(1)
  })

  test("conflicts of people leave with who goes without, and the oldest when they are too many", () => {
    using opened = openTestSyncStore()
    const { store, sync } = opened
    const insert = store.prepare("insert into subjects (id, created_at_ms, updated_at_ms) values (?, 1, 1)")
    const ids = Array.from({ length: conflictsMax + 3 }, (_, i) => `subject-${i}`)
    store.transact<void>(() => {
      for (const id of ids) {
        insert.run(id)
        sync.conflicts.add({ kind: "external_id", subjectId: id, otherId: "subject-1" })
        sync.conflicts.add({ kind: "external_id", subjectId: id, otherId: "subject-1" })
      }
    })
    expect(sync.conflicts.list(10_000)).toHaveLength(conflictsMax)
    expect(sync.conflicts.of("subject-1")).toHaveLength(conflictsMax)
    expect(sync.conflicts.of("subject-9")).toHaveLength(1)
    store.prepare("delete from subjects where id = 'subject-9'").run()
    expect(sync.conflicts.of("subject-9")).toEqual([])
    const [first] = sync.conflicts.list(1)
    expect([sync.conflicts.resolve(first!.id), sync.conflicts.resolve(first!.id)]).toEqual([true, false])
  })
})
