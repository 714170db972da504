import { describe, expect, test } from "bun:test"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { makeBackup } from "../../../app/backup/make.ts"
import { restoreBackup } from "../../../app/backup/restore.ts"
import { openShelf } from "../../../app/backup/shelf.ts"
import { rotateMasterKey } from "../../../app/box/rotate.ts"
import { dataFolderFiles } from "../../../app/store/data-folder.ts"
import { applyFromHub } from "../../../app/sync/apply.ts"
import { type Entity, entityOf } from "../../../app/sync/entity.ts"
import { openSyncStore } from "../../../app/sync/store/open.ts"
import { ownerOfRecords } from "../../../app/sync/store/owner.ts"
import type { SyncStore } from "../../../app/sync/store/sync-store.ts"
import { createMaterial } from "../../../app/vault/master-key.ts"
import { masterPlaces } from "../../../app/vault/open.ts"
import { ok } from "../../backup/support.ts"
import { openFolder } from "../../box/support.ts"
import { openPeopleBox } from "../../people/support.ts"
import { tempFolder } from "../../support/shared.ts"
import { sealedVaultOf } from "../../support/vault.ts"
import { boxA, boxB, originOf, utf8Of } from "../support.ts"
import { openPlainBox } from "./support.ts"

/** The data folder of a box of a site, as a whole: sealed, given another key, backed up, restored, and somebody erased in it. */

const material = new Uint8Array(32).fill(3)
const faceIds = ["01990000-0000-7000-8000-0000000000f1", "01990000-0000-7000-8000-0000000000f2"]

interface Planted {
  readonly entity: Entity
  readonly bytes: Uint8Array
}

/** Records of a person as another box wrote them, with bytes that nobody else has: of both faces, and a long one for a chip. */
function plantRecords(sync: SyncStore, subjectId: string): readonly Planted[] {
  if (sync.box() === undefined) sync.enter(boxA)
  const paths = [[subjectId], ...faceIds.map((id) => [subjectId, id]), [subjectId, faceIds[0]!, faceIds[1]!]]
  const planted = paths.map((ids, i) => ({
    entity: entityOf(...ids)!,
    bytes: Uint8Array.from([1, ...crypto.getRandomValues(new Uint8Array([700, 800, 900, 9000][i]!))]),
  }))
  openPlainBox(sync).transact((tables) => {
    for (const { entity, bytes } of planted) {
      const sequence = tables.nextChange()
      const version = { kind: "put", entity, stamp: sequence, origin: originOf(boxB), sequence } as const
      applyFromHub(tables, { sequence }, { kind: "opened", record: { ...version, bytes }, content: bytes })
    }
  })
  return planted
}

const base64 = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString("base64"))

function expectRecords(sync: SyncStore, planted: readonly Planted[]): void {
  const found = openPlainBox(sync).transact((tables) => planted.map(({ entity }) => base64(tables.row(entity)?.record.bytes)))
  expect(found).toEqual(planted.map(({ bytes }) => base64(bytes)))
}

/** Which of the records lie in any file below the folder: a part from the middle is found as well. */
function recordsIn(folder: string, planted: readonly Planted[]): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.flatMap((file) => {
    const bytes = readFileSync(join(file.parentPath, file.name))
    return planted.flatMap((one) => {
      const middle = one.bytes.subarray(one.bytes.length >> 1, (one.bytes.length >> 1) + 32)
      return bytes.includes(middle) ? [`${one.entity} in ${file.name}`] : []
    })
  })
}

const subjectId = "01990000-0000-7000-8000-000000000001"

describe.each(["aes", "gm"] as const)("a folder that was in the clear is sealed (%s)", (suite) => {
  test("with its records and settings, which are read as before and lie nowhere in the clear", async () => {
    using folder = tempFolder()
    let planted: readonly Planted[]
    const secret = crypto.getRandomValues(new Uint8Array(64))
    {
      await using plain = await openFolder(folder.path, suite)
      const sync = openSyncStore(plain.store, plain.vault)
      planted = plantRecords(sync, subjectId)
      sync.settings.set("key/1", secret)
    }
    expect(recordsIn(folder.path, planted)).toHaveLength(planted.length)
    for (const _ of ["sealed now", "sealed before"]) {
      await using sealed = await openFolder(folder.path, suite, material)
      expect(sealed.vault.isSealed).toBe(true)
      const sync = openSyncStore(sealed.store, sealed.vault)
      expectRecords(sync, planted)
      expect(base64(sync.settings.get("key/1"))).toBe(base64(secret))
    }
    expect(recordsIn(folder.path, [...planted, { entity: planted[0]!.entity, bytes: secret }])).toEqual([])
  })
})

test("another master key opens what the one before has sealed", async () => {
  using folder = tempFolder()
  const next = createMaterial()
  let planted: readonly Planted[]
  {
    await using box = await openFolder(folder.path, "aes", material)
    const sync = openSyncStore(box.store, box.vault)
    planted = plantRecords(sync, subjectId)
    sync.settings.set("key/1", utf8Of("secret"))
    const env = { GATEHOUSE_MASTER_KEY: material.toHex(), GATEHOUSE_MASTER_KEY_NEXT: next.toHex() }
    ok(await rotateMasterKey(box, masterPlaces(folder.path, { keyFile: null }, env)))
    expectRecords(sync, planted)
  }
  await using box = await openFolder(folder.path, "aes", next)
  const sync = openSyncStore(box.store, box.vault)
  expectRecords(sync, planted)
  expect(base64(sync.settings.get("key/1"))).toBe(base64(utf8Of("secret")))
})

describe.each([
  ["in the clear", undefined],
  ["sealed", material],
])("a backup of a box of a site, %s", (_, key) => {
  test("comes back with another life, which reads erasures first and writes no number twice", async () => {
    using folder = tempFolder()
    const [data, file, other] = [folder.file("data"), folder.file("one.backup"), folder.file("other")]
    let planted: readonly Planted[]
    let origin: string
    {
      await using box = await openFolder(data, "aes", key)
      const sync = openSyncStore(box.store, box.vault)
      planted = plantRecords(sync, subjectId)
      openPlainBox(sync).transact((tables) => tables.nextSequence())
      origin = sync.ownTables({ afterCommit: () => undefined }).origin()
      box.store
        .prepare(`insert into sightings (id, camera, request_id, captured_at_ms, recorded_at_ms, image_width, image_height)
          values ('1', 'door', 'r', 1, 1, 1, 1)`)
        .run()
      ok(await makeBackup(data, file, 0, key === undefined ? [] : [key]))
    }
    const makeMaster = () => ({ kind: "failed", why: "no place for a master key" }) as const
    const offered = key === undefined ? [] : [key]
    const restored = ok(await restoreBackup(file, other, { replace: false, backupsFolder: "backups" }, { offered, makeMaster }))
    expect(restored.hearsErasuresFirst).toBe(true)
    expect(readdirSync(other).sort()).toEqual(["gatehouse.db", "gatehouse.lock"])
    const box = await openFolder(other, "aes", key)
    const sync = openSyncStore(box.store, box.vault)
    const plain = openPlainBox(sync)
    const state = () =>
      plain.transact((tables) => [tables.mustReadErasures(), tables.lastSequence(), tables.origin() === origin, sync.box()])
    expect(state()).toEqual([true, 0, false, boxA])
    expectRecords(sync, planted)
    plain.transact((tables) => tables.setErasuresRead())
    expect(state()[0]).toBe(false)
    const second = plain.transact((tables) => tables.origin())
    // What was seen before belongs to the life before.
    const read = (after: number) => (after < 1 ? [{ number: 1, bytes: utf8Of("seen") }] : [])
    const rows = sync.sightings(read, 1e6)
    expect(rows.origins().map(String)).toEqual([origin])
    await box[Symbol.asyncDispose]()

    // Interrupted, as a kill leaves it, and run again: neither the old life nor the one in between goes on.
    writeFileSync(join(other, dataFolderFiles.restoring), "")
    ok(await restoreBackup(file, other, { replace: false, backupsFolder: "backups" }, { offered, makeMaster }))
    await using again = await openFolder(other, "aes", key)
    const tables = openSyncStore(again.store, again.vault).ownTables({ afterCommit: () => undefined })
    expect(tables.mustReadErasures()).toBe(true)
    expect([origin, String(second)]).not.toContain(String(tables.origin()))
  })

  test("a box that belongs to no site comes back as it was", async () => {
    using folder = tempFolder()
    const [data, file, other] = [folder.file("data"), folder.file("one.backup"), folder.file("other")]
    {
      await using _ = await openFolder(data, "aes", key)
      ok(await makeBackup(data, file, 0, key === undefined ? [] : [key]))
    }
    const makeMaster = () => ({ kind: "failed", why: "no place for a master key" }) as const
    const keys = { offered: key === undefined ? [] : [key], makeMaster }
    const restored = ok(await restoreBackup(file, other, { replace: false, backupsFolder: "backups" }, keys))
    expect(restored.hearsErasuresFirst).toBeUndefined()
    await using box = await openFolder(other, "aes", key)
    expect(box.store.prepare("select must_read_erasures as must, incarnation from sync_state").all()).toEqual([
      { must: 0, incarnation: null },
    ])
    expect(box.store.prepare("select * from sync_lives").all()).toEqual([])
  })
})

describe("who is erased", () => {
  test.each([
    ["in the clear", undefined],
    ["sealed", (store: Parameters<typeof sealedVaultOf>[0]) => sealedVaultOf(store, "aes", material)],
  ])("is in no byte of any file, nor in a backup, before the recorder has written a word (%s)", async (_, vaultOf) => {
    using folder = tempFolder()
    const backups = folder.file("backups")
    const shelf = openShelf(folder.path, { folder: backups, keep: 5, bytesMax: 1e9 })
    await using box = await openPeopleBox({
      folder,
      ...(vaultOf && { vaultOf }),
      // As app/wiring/rights.ts does where everything is sealed.
      eraseFromBackups: async (ids) => {
        const { shredded } = await shelf.shred(ids.map(ownerOfRecords))
        return { keysTaken: shredded, rewritten: 0, left: [] }
      },
    })
    const sync = openSyncStore(box.store, box.vault)
    const leaving = box.gallery.createSubject("Leaving").id
    const staying = box.gallery.createSubject("Staying").id
    const [gone, kept] = [plantRecords(sync, leaving), plantRecords(sync, staying)]
    // In the clear they are found while they are there; sealed the key is there.
    expect(new Set(recordsIn(folder.path, gone).map((found) => found.split(" ")[0])).size).toBe(vaultOf ? 0 : gone.length)
    const hasKey = (id: string) =>
      box.store.prepare("select 1 from data_keys where owner = ?").get(ownerOfRecords(id)) !== undefined
    expect(hasKey(leaving)).toBe(vaultOf !== undefined)
    if (vaultOf !== undefined) {
      const { file, number } = await shelf.next(1)
      ok(await makeBackup(folder.path, file, number, [material]))
    }
    const wrapped = box.store.prepare<{ wrapped: Uint8Array }>("select wrapped from data_keys where owner = ?")
    const key = wrapped.get(ownerOfRecords(leaving))?.wrapped

    const erased = await box.people.erase(leaving, 30_000)
    expect(erased).toMatchObject({ kind: "erased", erasure: { receipt: { body: { rows: { sync: gone.length } } } } })
    expect(hasKey(leaving)).toBe(false)
    expect(recordsIn(folder.path, [...gone, ...(key ? [{ entity: gone[0]!.entity, bytes: key }] : [])])).toEqual([])
    expectRecords(sync, kept)
    if (vaultOf !== undefined) expect(erased).toMatchObject({ erasure: { receipt: { body: { backups: { keysTaken: 1 } } } } })

    // The recorder comes: the erasure takes the place of all that lay below.
    openPlainBox(sync).transact((tables) => {
      const version = { kind: "erase", entity: gone[0]!.entity, stamp: 1e15, origin: tables.origin(), sequence: 1 } as const
      const record = { ...version, bytes: utf8Of("erased") }
      applyFromHub(tables, { sequence: 999 }, { kind: "opened", record, content: new Uint8Array() })
      expect(tables.below(gone[0]!.entity)).toEqual([])
    })
    expect(sync.counts()).toMatchObject({ people: 1, faces: 2, parts: 1, erased: 1 })
  })

  test("elsewhere: when the record comes, what was here of the person opens no more, in an old copy either", async () => {
    using folder = tempFolder()
    await using box = await openFolder(folder.path, "aes", material)
    const sync = openSyncStore(box.store, box.vault)
    const [gone, kept] = [plantRecords(sync, subjectId), plantRecords(sync, "01990000-0000-7000-8000-000000000002")]
    const keys = () => box.store.prepare<{ owner: string }>("select owner from data_keys where owner like 'records/%'").all()
    expect(keys()).toHaveLength(2)
    openPlainBox(sync).transact((tables) => {
      const version = { kind: "erase", entity: gone[0]!.entity, stamp: 1e15, origin: originOf(boxB), sequence: 500 } as const
      const record = { ...version, bytes: utf8Of("erased") }
      applyFromHub(tables, { sequence: 999 }, { kind: "opened", record, content: new Uint8Array() })
    })
    expect(keys().map(({ owner }) => owner)).toEqual([ownerOfRecords("01990000-0000-7000-8000-000000000002")])
    expectRecords(sync, kept)
  })

  test("a person who was deleted and comes back has another key; the older version opens no more", async () => {
    using folder = tempFolder()
    await using box = await openFolder(folder.path, "aes", material)
    const sync = openSyncStore(box.store, box.vault)
    const planted = plantRecords(sync, subjectId)
    const plain = openPlainBox(sync)
    const keyId = () =>
      box.store.prepare<{ id: string }>("select id from data_keys where owner = ?").get(ownerOfRecords(subjectId))?.id
    const before = keyId()
    const version = (kind: "put" | "del", sequence: number, entity: Entity) =>
      ({ kind, entity, stamp: 1e15 + sequence, origin: originOf(boxB), sequence }) as const
    plain.transact((tables) => {
      for (const [i, { entity }] of planted.entries()) {
        const record = { ...version("del", 500 + i, entity), bytes: utf8Of("deleted") }
        applyFromHub(tables, { sequence: 900 + i }, { kind: "opened", record, content: new Uint8Array() })
        if (i < planted.length - 1) expect(keyId()).toBe(before!)
      }
    })
    expect(keyId()).toBeUndefined()
    plain.transact((tables) => {
      const record = { ...version("put", 600, planted[1]!.entity), bytes: utf8Of("back again") }
      applyFromHub(tables, { sequence: 990 }, { kind: "opened", record, content: record.bytes })
    })
    expect(keyId()).not.toBe(before)
    expectRecords(sync, [{ entity: planted[1]!.entity, bytes: utf8Of("back again") }])
  })
})

test("the log of changes tells whose a face was, when it is gone", async () => {
  using folder = tempFolder()
  await using box = await openFolder(folder.path, "aes")
  const { id } = box.gallery.createSubject("Ada")
  const vector = Float32Array.from({ length: 64 }, (_, i) => i + 1)
  const added = box.gallery.addFace({ subjectId: id, space: "planted@0badc0de/64" as never, vector, source: "vector" })
  if (added.kind !== "added") throw new Error(added.kind)
  box.gallery.deleteFace(added.face.id)
  expect(box.store.prepare("select kind, entity, subject_id as subjectId from changes order by seq").all()).toEqual([
    { kind: "added", entity: "subject", subjectId: id },
    { kind: "added", entity: "face", subjectId: id },
    { kind: "deleted", entity: "face", subjectId: id },
  ])
})
