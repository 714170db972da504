import { expect, test } from "bun:test"
import { createPublicKey, verify } from "node:crypto"
import { appendFileSync, copyFileSync, existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { indexFolderOf, snapshotName } from "../../app/gallery/open.ts"
import { dataFolderFiles } from "../../app/store/data-folder.ts"
import { isGenuine } from "../../app/vault/signer.ts"
import { randomFrom, randomVector } from "../gallery/support.ts"
import { tempFolder } from "../support/shared.ts"
import { sealedVaultOf } from "../support/vault.ts"
import { openPeopleBox, type PeopleBox, type Planted, plant, space, tracesIn } from "./support.ts"

const random = randomFrom(7)

/** So many more faces of others: enough for a graph over them. */
function enrolOthers(box: PeopleBox, faces: number): void {
  const { id } = box.gallery.createSubject("Others")
  for (let i = 0; i < faces; i++)
    box.gallery.addFace({ subjectId: id, space, vector: randomVector(64, random), source: "vector" })
}

/** The disk is not under test here: without waiting for it thousands of commits take a second. */
function hurry(box: PeopleBox): void {
  box.store.prepare("pragma synchronous = off").all()
}

test("20 people who are erased under load are in no byte of any file, and nobody else has lost anything", async () => {
  await using box = await openPeopleBox({ scannedMax: 500 })
  hurry(box)
  enrolOthers(box, 1200)
  const people = Array.from({ length: 40 }, (_, i) => plant(box, i))
  const [leaving, staying] = [people.slice(0, 20), people.slice(20)]
  for (const [i, { subjectId }] of leaving.entries()) plant(box, 100 + i, subjectId) // Seen together.
  const snapshot = join(indexFolderOf(box.folder.path), snapshotName(space))
  await box.gallery.search(space, randomVector(64, random), 1) // Opens the index.
  while (!existsSync(snapshot)) await Bun.sleep(20)
  const [snapshotBefore, control] = [readFileSync(snapshot), tracesIn(box.folder.path, leaving)]
  // Each of the traces is found while they are there: nothing is sealed in this folder.
  const wanted = leaving.flatMap(({ traces }) => Object.keys(traces)).length
  expect(new Set(control.map((found) => found.split(": ")[1])).size).toBe(wanted)

  let busy = true
  const load = (async () => {
    for (let i = 0; busy; i++) {
      plant(box, 1000 + i, staying[i % staying.length]?.subjectId)
      await box.gallery.search(space, randomVector(64, random), 3)
      await Bun.sleep(5)
    }
  })()
  const erased = await Promise.all(leaving.map(({ subjectId }) => box.people.erase(subjectId, 60_000)))
  busy = false
  await load

  expect(erased.map(({ kind }) => kind)).toEqual(leaving.map(() => "erased"))
  expect(tracesIn(box.folder.path, leaving)).toEqual([])
  expect(readFileSync(snapshot).equals(snapshotBefore)).toBe(false)
  for (const { subjectId } of leaving) expect(box.gallery.subject(subjectId)).toBeUndefined()
  for (const { subjectId, traces } of staying) {
    expect(box.gallery.subject(subjectId)?.faceCount).toBe(2)
    expect(box.sightings.list({ subjectId }, 10).items.length).toBeGreaterThanOrEqual(2)
    expect(traces["chip 0"]).toBeDefined()
  }
  // Whoever was seen together with one of them still was, without the picture.
  const withOthers = box.sightings.list({ hasSnapshot: false }, 1000).items
  expect(withOthers.length).toBeGreaterThanOrEqual(20)
  expect(withOthers.every(({ faces }) => faces.length > 0)).toBe(true)
  const { snapshots } =
    box.store.prepare<{ snapshots: number }>("select sum(length(jpeg)) as snapshots from sighting_snapshots").get() ?? {}
  expect(box.store.prepare("select snapshot_bytes as snapshots from sighting_totals").get()).toEqual({ snapshots })
}, 60_000)

test("an older database brings nobody back, on the box or through the next backup on another one", async () => {
  using folder = tempFolder()
  const path = folder.file(dataFolderFiles.database)
  const older = folder.file("older.db")
  let box = await openPeopleBox({ folder })
  hurry(box)
  const [leaving, staying] = [plant(box, 1), plant(box, 2)]
  await box.close()
  copyFileSync(path, older)

  box = await openPeopleBox({ folder })
  const first = await box.people.erase(leaving.subjectId)
  await box.close()
  rmSync(path)
  copyFileSync(older, path)
  rmSync(older)
  expect(tracesIn(folder.path, [leaving])).not.toEqual([])

  box = await openPeopleBox({ folder })
  expect(box.gallery.subject(leaving.subjectId)).toBeUndefined()
  expect(box.gallery.subject(staying.subjectId)?.name).toBe(staying.name)
  const again = await box.people.erase(leaving.subjectId, 10_000)
  expect(first.kind).toBe("erased")
  expect(again.kind).toBe("erased")
  await box.close()
  expect(tracesIn(folder.path, [leaving])).toEqual([])

  // A newer backup carries the ledger to a box that has no such file.
  rmSync(folder.file(dataFolderFiles.erased))
  box = await openPeopleBox({ folder })
  expect(box.people.erasures().map(({ subjectId }) => subjectId)).toEqual([leaving.subjectId])
  await box.close()
  expect(readFileSync(folder.file(dataFolderFiles.erased), "utf8")).toContain(leaving.subjectId)
})

test("what a kill has left half-way is ended at the next start, also when the last line of the ledger is cut", async () => {
  using folder = tempFolder()
  let box = await openPeopleBox({ folder })
  hurry(box)
  const [asked, cut] = [plant(box, 3), plant(box, 4)]
  await box.close()
  appendFileSync(
    folder.file(dataFolderFiles.erased),
    `${JSON.stringify({ subjectId: asked.subjectId, askedAtMs: 5 })}\n{"subjectId":"${cut.subjectId}`,
  )
  box = await openPeopleBox({ folder })
  expect(box.gallery.subject(asked.subjectId)).toBeUndefined()
  expect(box.gallery.subject(cut.subjectId)?.name).toBe(cut.name)
  const erased = await box.people.erase(asked.subjectId)
  expect(erased).toMatchObject({ kind: "erased", erasure: { askedAtMs: 5 } })
  expect(tracesIn(folder.path, [asked])).toEqual([])
  expect(await box.people.erase(cut.subjectId)).toMatchObject({ kind: "erased" })
  await box.close()
})

test("the receipt is the box's, says what was done, and is checked with nothing but the text", async () => {
  await using box = await openPeopleBox({
    eraseFromBackups: async (ids) => ({ keysTaken: ids.length, rewritten: 0, left: ["gatehouse-000001.backup"] }),
    copiesLeft: () => ["before-restore-1"],
  })
  const { subjectId } = plant(box, 5)
  const erased = await box.people.erase(subjectId)
  if (erased.kind !== "erased") throw new Error(erased.kind)
  const { receipt } = erased.erasure
  expect(receipt.body).toMatchObject({
    what: "erasure of a person",
    subjectId,
    rows: { sightings: 2, gallery: 1, enrolments: 0, requests: 0 },
    database: "rewritten",
    backups: { keysTaken: 1, rewritten: 0, left: ["gatehouse-000001.backup"] },
    copiesLeft: ["before-restore-1"],
  })
  expect(isGenuine(box.vault.suite, box.vault.signer.publicKey(), receipt)).toBe(true)

  const text = JSON.stringify(receipt)
  expect(checked(text)).toBe(true)
  expect(checked(text.replace("before-restore-1", "before-restore-2"))).toBe(false)
  expect(await box.people.erase(crypto.randomUUID())).toEqual({ kind: "no_subject" })
  expect(await box.people.erase(subjectId)).toEqual(erased)
})

/** The lines of docs/operations.md. */
function checked(text: string): boolean {
  const { signature, ...signed } = JSON.parse(text)
  const canonical = (value: unknown): string => {
    if (Array.isArray(value)) return `[${value.map(canonical)}]`
    if (value === null || typeof value !== "object") return JSON.stringify(value)
    const sorted = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
    return `{${sorted.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`)}}`
  }
  const base64 = (encoded: string) => Buffer.from(encoded, "base64")
  const key = createPublicKey({ key: base64(signed.publicKey), format: "der", type: "spki" })
  return verify(null, Buffer.from(canonical(signed)), key, base64(signature))
}

test("a reader of the database as it was before is waited for, and the receipt comes later", async () => {
  await using box = await openPeopleBox()
  hurry(box)
  const person = plant(box, 6)
  const { Database } = await import("bun:sqlite")
  const reader = new Database(box.folder.file(dataFolderFiles.database))
  reader.run("begin")
  reader.query("select count(*) from subjects").get()
  const pending = await box.people.erase(person.subjectId, 300)
  expect(pending).toMatchObject({ kind: "pending", why: expect.stringContaining("still reads") })
  expect(box.gallery.subject(person.subjectId)).toBeUndefined()
  reader.run("commit")
  reader.close(true)
  expect(await box.people.erase(person.subjectId, 10_000)).toMatchObject({ kind: "erased" })
  expect(tracesIn(box.folder.path, [person])).toEqual([])
})

test("what the database had moved between its pages is gone as well", async () => {
  await using box = await openPeopleBox()
  hurry(box)
  const letters = randomFrom(9)
  const names = Array.from({ length: 2500 }, () => Array.from({ length: 12 }, () => letters().toString(36)).join(" "))
  const ids = names.map((name) => box.gallery.createSubject(name).id)
  // Rows that grow are moved to other pages, and what they were is not always overwritten.
  for (const round of [97, 61, 43])
    for (const [i, id] of ids.entries()) box.gallery.updateSubject(id, { metadata: { note: "x".repeat((i * round) % 900) } })
  const leaving = ids.flatMap((id, i) => (i % 2 === 0 ? [{ id, name: names[i] ?? "" }] : []))
  for (const { id } of leaving.slice(1)) box.gallery.deleteSubject(id)
  const left = () => {
    const bytes = readFileSync(box.folder.file(dataFolderFiles.database))
    return leaving.filter(({ name }) => bytes.includes(name)).length
  }
  // Deleted, zeroed, folded in, and still there: SQLite leaves copies behind when it fills and splits pages.
  expect(box.store.shrinkLog()).toBe(true)
  expect(left()).toBeGreaterThan(1)
  expect(await box.people.erase(leaving[0]?.id ?? "")).toMatchObject({ kind: "erased" })
  expect(left()).toBe(0)
})

test.each(["aes", "gm"] as const)("in a folder sealed by %s the key is gone, from every byte", async (suite) => {
  await using box = await openPeopleBox({ vaultOf: (store) => sealedVaultOf(store, suite) })
  hurry(box)
  const people = Array.from({ length: 60 }, (_, i) => plant(box, 2000 + i))
  const leaving = people.slice(0, 20)
  const select = box.store.prepare<{ wrapped: Uint8Array }>("select wrapped from data_keys where owner = ?")
  const keys = leaving.map(({ subjectId, name }) => {
    const wrapped = select.get(`subject/${subjectId}`)?.wrapped ?? new Uint8Array()
    return { subjectId, name, traces: { key: wrapped.subarray(0, 60) } }
  })
  box.store.shrinkLog()
  expect(tracesIn(box.folder.path, keys)).toHaveLength(20)
  expect(tracesIn(box.folder.path, people.map(withoutSnapshots))).toEqual([])
  const erased = await Promise.all(leaving.map(({ subjectId }) => box.people.erase(subjectId)))
  for (const one of erased)
    expect(one).toMatchObject({ kind: "erased", erasure: { receipt: { body: { database: "shredded" } } } })
  expect(tracesIn(box.folder.path, keys)).toEqual([])
  for (const { subjectId, name } of people.slice(20)) expect(box.gallery.subject(subjectId)?.name).toBe(name)
  if (erased[0]?.kind === "erased")
    expect(isGenuine(box.vault.suite, box.vault.signer.publicKey(), erased[0].erasure.receipt)).toBe(true)
})

/** Sealed by their month, and tested where they are kept. */
function withoutSnapshots({ traces, ...person }: Planted): Planted {
  return { ...person, traces: Object.fromEntries(Object.entries(traces).filter(([what]) => !what.startsWith("snapshot"))) }
}
