import { describe, expect, test } from "bun:test"
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { appendManifest, readKeys, readManifest } from "../../app/backup/file.ts"
import { slotBytes } from "../../app/backup/key-slots.ts"
import { checkBackup, makeBackup } from "../../app/backup/make.ts"
import { restoreBackup } from "../../app/backup/restore.ts"
import { openShelf } from "../../app/backup/shelf.ts"
import { makeRecoveryKey } from "../../app/box/recovery.ts"
import { openDataFolder } from "../../app/store/data-folder.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import { pieceBytes, readStreamHeader } from "../../app/vault/stream.ts"
import { tagBytes } from "../../app/vault/suite.ts"
import { dumpDatabase, faultsOf } from "../../scripts/faults/storage/dump.ts"
import { tempFolder } from "../support/shared.ts"
import { sealedVaultOf } from "../support/vault.ts"
import { ok, openFilledFolder, whyNot } from "./support.ts"

const plain = { replace: false, backupsFolder: "backups" }

const noPlace = { makeMaster: () => ({ kind: "failed", why: "no place for a master key" }) as const }

describe.each(["aes", "gm"] as const)("%s", (suite) => {
  async function sealedBackup() {
    const folder = tempFolder()
    const material = createMaterial()
    const [data, file] = [folder.file("data"), folder.file("one.backup")]
    const box = await openFilledFolder(data, 3, (store) => sealedVaultOf(store, suite, material))
    const recoveryKey = ok(makeRecoveryKey(box))
    const manifest = ok(await makeBackup(data, file, 0, [material]))
    return {
      ...{ folder, material, data, file, box, recoveryKey, manifest },
      async [Symbol.asyncDispose]() {
        await box[Symbol.asyncDispose]()
        folder[Symbol.dispose]()
      },
    }
  }

  /** The people of a restored folder, as a box with this master key reads them. */
  async function namesIn(path: string, material: Uint8Array): Promise<(string | undefined)[]> {
    await using box = await openFilledFolder(path, 0, (store) => sealedVaultOf(store, suite, material))
    return box.gallery.subjects({ limit: 100 }).items.map(({ name }) => name)
  }

  test("with the master key it comes back as it was", async () => {
    await using made = await sealedBackup()
    const { folder, material, data, file, manifest } = made
    expect(manifest).toMatchObject({ format: 2, payload: { sealing: suite }, rows: { subjects: 3, data_keys: 0 } })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const other = folder.file("other")
    const restored = ok(await restoreBackup(file, other, plain, { offered: [createMaterial(), material], ...noPlace }))
    expect(restored.unsealed).toMatchObject({ by: "master_key", shredded: 0 })
    expect(dumpDatabase(`${other}/gatehouse.db`)).toEqual(dumpDatabase(`${data}/gatehouse.db`))
    expect(faultsOf(`${other}/gatehouse.db`)).toEqual([])
    expect(readdirSync(other).sort()).toEqual(["gatehouse.db", "gatehouse.lock"])
    expect(readdirSync(folder.path).sort()).toEqual(["data", "one.backup", "other"])
  })

  test("the recovery key alone opens it on an empty machine, under a new master key", async () => {
    await using made = await sealedBackup()
    const { folder, file, material, recoveryKey } = made
    const own = createMaterial()
    const given = {
      offered: [],
      recoveryKey: () => recoveryKey.toLowerCase(),
      makeMaster: () => ({ kind: "ok", value: own }) as const,
    }
    const restored = ok(await restoreBackup(file, folder.file("other"), plain, given))
    expect(restored.unsealed).toMatchObject({ by: "recovery_key", shredded: 0 })
    expect(await namesIn(folder.file("other"), own)).toEqual(["Person 0", "Person 1", "Person 2"])
    expect(namesIn(folder.file("other"), material)).rejects.toThrow("sealed under the master key")
    // … and what that machine backs up opens with the same paper again.
    ok(await makeBackup(folder.file("other"), folder.file("two.backup"), 0, [own]))
    const offered = { offered: [material], recoveryKey: () => recoveryKey, ...noPlace }
    ok(await restoreBackup(folder.file("two.backup"), folder.file("third"), plain, offered))
    expect(await namesIn(folder.file("third"), material)).toHaveLength(3)
  })

  test("without a key, or with another one, nothing is touched", async () => {
    await using made = await sealedBackup()
    const { folder, file, box } = made
    const other = folder.file("other")
    const tried = (recoveryKey?: string) =>
      whyNot(restoreBackup(file, other, plain, { offered: [createMaterial()], recoveryKey: () => recoveryKey, ...noPlace }))
    expect(await tried()).toContain("give the recovery key")
    expect(await tried("ABCD-EFGH")).toContain("look at the recovery key again")
    expect(await tried(ok(makeRecoveryKey(box)))).toContain("does not open this backup")
    expect(readdirSync(folder.path)).not.toContain("other")
  })

  test("no byte of it can be another, and none can be missing", async () => {
    await using made = await sealedBackup()
    const { folder, file, material, manifest } = made
    const whole = readFileSync(file)
    const keysAt = manifest.keys?.at ?? 0
    const places = [0, 5, 50, 200, manifest.payload.bytes - 1, keysAt, keysAt + 40, keysAt + slotBytes + 100, whole.length - 60]
    for (let n = 0; n < 40; n++) places.push(Math.floor(Math.random() * whole.length))
    for (const place of places) {
      const changed = Buffer.from(whole)
      changed[place]! ^= 1 << (place % 8)
      writeFileSync(file, changed)
      const restored = await restoreBackup(file, folder.file("other"), plain, { offered: [material], ...noPlace })
      expect({ place, kind: restored.kind }).toEqual({ place, kind: "failed" })
    }
    for (const length of [100, manifest.payload.bytes, whole.length - 1]) {
      writeFileSync(file, whole)
      truncateSync(file, length)
      expect(await whyNot(checkBackup(file))).toContain("its end is missing")
    }
  })

  test("who can write a manifest and checksums can still not change a backup", async () => {
    await using made = await sealedBackup()
    const { folder, file, material, manifest } = made
    const tried = (file: string) =>
      whyNot(restoreBackup(file, folder.file("other"), plain, { offered: [material], ...noPlace }))
    const { payload, keys: place, ...described } = manifest
    const { keys } = await readKeys(file, place!)
    const stream = readFileSync(file).subarray(0, payload.bytes)
    const forge = async (name: string, bytes: Uint8Array, change: Partial<typeof described>, ofKeys = keys) => {
      writeFileSync(folder.file(name), bytes)
      await appendManifest(folder.file(name), { ...described, ...change }, suite, ofKeys)
      expect((await checkBackup(folder.file(name))).kind).toBe("ok")
      return tried(folder.file(name))
    }
    expect(await forge("renumbered", stream, { number: 7 })).toContain("was changed after it was made")
    expect(await forge("fewer", stream, {}, keys.slice(1))).toContain("was changed after it was made")
    const header = await readStreamHeader([stream])
    const twoPieces = stream.subarray(0, header!.bytes.length + 2 * (pieceBytes + tagBytes))
    expect(await forge("cut", twoPieces, {})).toContain("some of it is missing")
    const bit = Buffer.from(stream)
    bit[stream.length - 100]! ^= 1
    expect(await forge("bit", bit, {})).toContain("was changed after it was made")
    const swapped = keys.map((key, at) => ({ ...key, owner: keys[keys.length - 1 - at]!.owner }))
    expect(await forge("swapped", stream, {}, swapped)).toContain("was changed on the disk")
    expect(readdirSync(folder.file("other")).filter((name) => name.includes("draft"))).toEqual([])
  })

  test("a key that is taken out of a kept backup takes along what it sealed, and nothing else", async () => {
    await using made = await sealedBackup()
    const { folder, material, data, box } = made
    const shelf = openShelf(data, { folder: "backups", keep: 5, bytesMax: 1e9 })
    const [gone] = box.gallery.subjects({ limit: 1 }).items
    const wrapped = box.store.prepare<{ wrapped: Uint8Array }>("select wrapped from data_keys where owner = ?")
    const key = wrapped.get(`subject/${gone!.id}`)!.wrapped
    for (const atMs of [1, 2]) {
      const { file, number } = await shelf.next(atMs)
      ok(await makeBackup(data, file, number, [material]))
      expect(readFileSync(file).includes(key)).toBe(true)
    }
    expect(await shelf.shred([`subject/${gone!.id}`])).toEqual({ sealed: 2, shredded: 2, unsealed: 0 })
    expect(await shelf.shred([`subject/${gone!.id}`])).toEqual({ sealed: 2, shredded: 0, unsealed: 0 })
    for (const { name } of await shelf.list()) {
      const file = `${shelf.folder}/${name}`
      expect(readFileSync(file).includes(key)).toBe(false)
      expect((await checkBackup(file)).kind).toBe("ok")
      const other = folder.file(name)
      expect(ok(await restoreBackup(file, other, plain, { offered: [material], ...noPlace })).unsealed?.shredded).toBe(1)
      const opened = openDataFolder(other)
      if (opened.kind === "failed") throw new Error(opened.why)
      using store = { ...opened.store, [Symbol.dispose]: opened.store.close }
      const vault = sealedVaultOf(opened.store, suite, material)
      const rows = store
        .prepare<{ id: string; details: Uint8Array; version: number }>("select id, details, version from subjects")
        .all()
      const unreadable = rows.filter(({ id }) => vault.sealed?.keys.of(`subject/${id}`).kind !== "found")
      expect(unreadable.map(({ id }) => id)).toEqual([gone!.id])
    }
  })

  test("a key that is dropped while the backup is being made is not in it", async () => {
    await using made = await sealedBackup()
    const { folder, material, data, box } = made
    const [gone] = box.gallery.subjects({ limit: 1 }).items
    const file = folder.file("late.backup")
    // What a running box does while another process seals what it has copied.
    const making = makeBackup(data, file, 0, [material])
    while (!readdirSync(folder.path).some((name) => name.startsWith("late.backup.draft"))) await Bun.sleep(0)
    box.store.transact<void>(() => box.vault.shredKey(`subject/${gone!.id}`))
    const manifest = ok(await making)
    const { keys, shredded } = await readKeys(file, manifest.keys!)
    expect(keys.map(({ owner }) => owner)).not.toContain(`subject/${gone!.id}`)
    expect(shredded).toBe(1)
  })
})

test("once the newest is sealed, those of before leave", async () => {
  using folder = tempFolder()
  const [data, material] = [folder.file("data"), createMaterial()]
  const shelf = openShelf(data, { folder: "backups", keep: 5, bytesMax: 1e9 })
  let atMs = 0
  const add = async () => {
    const { file, number } = await shelf.next(atMs++)
    ok(await makeBackup(data, file, number, [material]))
    return (await shelf.trim()).map((backup) => backup.number)
  }
  {
    await using _ = await openFilledFolder(data)
    expect([await add(), await add()]).toEqual([[], []])
  }
  await using _ = await openFilledFolder(data, 0, (store) => sealedVaultOf(store, "aes", material))
  expect(await add()).toEqual([2, 1])
  expect([await add(), (await shelf.list()).length]).toEqual([[], 2])
})

test("a folder that is not sealed makes a backup that is not, and says so", async () => {
  using folder = tempFolder()
  await using _ = await openFilledFolder(folder.file("data"))
  const manifest = ok(await makeBackup(folder.file("data"), folder.file("one.backup"), 0, [createMaterial()]))
  expect(manifest.payload.sealing).toBe("none")
  expect(ok(await readManifest(folder.file("one.backup"))).keys).toBeUndefined()
  expect(readFileSync(folder.file("one.backup")).includes("Person 1")).toBe(true)
})
