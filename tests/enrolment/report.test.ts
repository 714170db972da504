import { describe, expect, test } from "bun:test"
import { openJobs } from "../../app/enrolment/jobs.ts"
import { openReport } from "../../app/enrolment/report.ts"
import { keepReports } from "../../app/enrolment/reports.ts"
import { enrolmentSealers } from "../../app/enrolment/sealers.ts"
import type { Store } from "../../app/store/store.ts"
import type { Vault } from "../../app/vault/vault.ts"
import { openMemory } from "../events/support.ts"
import { openBox } from "../gallery/support.ts"
import { plainVaultOf, sealedVaultOf, testVaultOf } from "../support/vault.ts"

const noPicture = { kind: "refused", reason: "no_face", why: "" } as const

function newJob(
  store: Store,
  state: "finished" | "waiting" = "finished",
  vault: Vault = testVaultOf(store),
): { id: string; number: number } {
  const jobs = openJobs(store, vault, Date.now)
  const id = Bun.randomUUIDv7()
  jobs.add({ id, format: "zip", bytes: 1, sha256: new Uint8Array(32), requestedBy: "admin", groups: [] }, () => undefined)
  const number = jobs.numberOf(id) ?? 0
  if (state !== "waiting") jobs.end(number, state)
  return { id, number }
}

test("every page of every list walks an index, however many items there are", async () => {
  await using box = await openBox()
  const asked: string[] = []
  const prepare: typeof box.store.prepare = (sql) => {
    asked.push(sql)
    return box.store.prepare(sql)
  }
  const report = openReport({ ...box.store, prepare }, testVaultOf(box.store), box.gallery.nameOf)
  for (const result of [undefined, "enrolled", "no_face", "refused", "look_alike"] as const)
    report.page(1, { limit: 10, result })
  const pages = asked.filter((sql) => sql.includes("from enrolment_items as item left join"))
  expect(pages.length).toBeGreaterThanOrEqual(4)
  for (const sql of pages) {
    const plan = box.store
      .prepare<{ detail: string }>(`explain query plan ${sql}`)
      .all(1, 0, ...(sql.includes("result = ?") ? ["x"] : []), 1)
    const steps = plan.map(({ detail }) => detail).join("; ")
    expect(steps).toMatch(/SEARCH item USING (PRIMARY KEY|(COVERING )?INDEX)/)
    expect(steps).not.toContain("SCAN")
    expect(steps).not.toContain("TEMP B-TREE FOR ORDER BY")
  }
})

test("reports beyond those kept leave, the oldest first, with all they say; jobs that are not over stay", async () => {
  await using box = await openBox()
  const report = openReport(box.store, testVaultOf(box.store), box.gallery.nameOf)
  const { id: subjectId } = box.gallery.createSubject("Ada")
  const numbers = [newJob(box.store, "waiting"), newJob(box.store), newJob(box.store), newJob(box.store)].map(
    ({ number }) => number,
  )
  box.store.transact<void>(() => {
    for (const number of numbers)
      for (let position = 0; position < 1200; position++) {
        const person = { name: `Person ${position}` }
        report.add(number, { position, file: "1.jpg", person, content: noPicture }, { result: "no_face", subjectId })
      }
  })
  await keepReports(box.store, testVaultOf(box.store), { reportsMax: 1 }).shorten()
  const left = (table: string) =>
    box.store.prepare<{ number: number }>(`select distinct enrolment_number as number from ${table} order by 1`).all()
  const kept = [{ number: numbers[0] ?? 0 }, { number: numbers[3] ?? 0 }]
  expect(left("enrolment_items")).toEqual(kept)
  expect(left("enrolment_people")).toEqual(kept)
  expect(openJobs(box.store, testVaultOf(box.store), Date.now).page({ limit: 10 }).items).toHaveLength(2)
})

/** Every byte of these tables, as text. */
function bytesOf(store: Store, ...tables: string[]): string {
  const rows = tables.flatMap((table) => store.prepare<Record<string, unknown>>(`select * from ${table}`).all())
  const values = rows.flatMap((row) => Object.values(row))
  return values.map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value))).join("\n")
}

const jobTables = ["enrolments", "enrolment_people", "enrolment_items", "enrolment_look_alikes"]

test("no name of a person stays in any table of jobs when the person is deleted", async () => {
  await using box = await openMemory(plainVaultOf)
  const report = openReport(box.store, plainVaultOf(box.store), box.gallery.nameOf)
  const { number } = newJob(box.store, "finished", plainVaultOf(box.store))
  const name = "Wilhelmina Testfigur"
  const ada = box.gallery.createSubject("Ada").id
  const { id } = box.gallery.createSubject(name)
  const item = (position: number, person: string) => ({
    position,
    file: `${person}.jpg`,
    person: { name: person },
    content: noPicture,
  })
  box.store.transact<void>(() => {
    report.add(number, item(0, name), { result: "enrolled", subjectId: id, faceId: "f" })
    report.add(number, item(1, name), { result: "no_face", why: "none" })
    report.add(number, item(2, "Ada"), { result: "enrolled", subjectId: ada })
    report.addLookAlikes(number, 2, [{ subjectId: id, name, similarity: 0.9, decision: "match" }])
    report.addLookAlikes(number, 0, [{ subjectId: ada, name: "Ada", similarity: 0.9, decision: "match" }])
  })
  expect(bytesOf(box.store, ...jobTables)).toContain("Wilhelmina")
  box.gallery.deleteSubject(id)
  const { items } = report.page(number, { limit: 10 })
  expect(items).toMatchObject([{ name: "Ada", lookAlikes: [] }])
  expect(bytesOf(box.store, ...jobTables)).not.toContain("Wilhelmina")
})

test("… nor that of one whose pictures were all left out, and who became known in another way", async () => {
  await using box = await openBox()
  const report = openReport(box.store, testVaultOf(box.store), box.gallery.nameOf)
  const { number } = newJob(box.store)
  const people = [{ name: "Wilhelmina" }, { name: "Somebody", externalId: "w-7" }, { name: "Ada" }]
  box.store.transact<void>(() => {
    for (const [position, person] of people.entries())
      report.add(number, { position, file: "1.jpg", person, content: noPicture }, { result: "no_face" })
  })
  const added = box.gallery.addSubject({ name: "Wilhelmina", externalId: "w-7" })
  if (added.kind !== "added") throw new Error(added.kind)
  box.gallery.deleteSubject(added.subject.id)
  expect(report.page(number, { limit: 10 }).items).toMatchObject([{ name: "Ada" }])
  for (const sql of ["name_digest = x'00'", "external_id_digest = x'00'"]) {
    const plan = box.store.prepare<{ detail: string }>(
      `explain query plan delete from enrolment_people where subject_id is null and ${sql}`,
    )
    expect(plan.all()[0]?.detail).toContain("SEARCH enrolment_people USING")
  }
})

describe.each(["aes", "gm"] as const)("%s", (suite) => {
  const item = (position: number, name: string, externalId?: string) => ({
    position,
    file: `${name} at the window.jpg`,
    person: { name, externalId },
    content: noPicture,
  })

  test("a sealed report says what an open one says, and the tables say nothing", async () => {
    await using box = await openMemory((store) => sealedVaultOf(store, suite))
    const { store, vault, gallery } = box
    const report = openReport(store, vault, gallery.nameOf)
    const { id, number } = newJob(store, "waiting", vault)
    const ada = gallery.createSubject("Wilhelmina Testfigur").id
    store.transact<void>(() => {
      report.add(number, item(0, "Wilhelmina Testfigur", "w-7"), { result: "no_face", why: "nothing of Wilhelmina" })
      report.add(number, item(1, "Somebody Elsewhere"), { result: "no_face", why: "nothing at all" })
      report.add(number, { ...item(2, "x"), person: undefined }, { result: "no_person", why: "no folder" })
      // Only now the gallery knows her: what was told of her before is hers from now on.
      report.add(number, item(3, "Wilhelmina Testfigur", "w-7"), {
        result: "enrolled",
        subjectId: ada,
        faceId: "f",
        checksum: Buffer.from("0badc0de", "hex"),
      })
    })
    openJobs(store, vault, Date.now).end(number, "failed", "Wilhelmina.zip ends in the middle")
    const told = [
      { position: 0, name: "Wilhelmina Testfigur", externalId: "w-7", subjectId: ada, why: "nothing of Wilhelmina" },
      { position: 1, name: "Somebody Elsewhere", file: "Somebody Elsewhere at the window.jpg" },
      { position: 2, file: "x at the window.jpg", why: "no folder" },
      { position: 3, name: "Wilhelmina Testfigur", faceId: "f", sha256: "0badc0de" },
    ]
    expect(report.page(number, { limit: 10 }).items).toMatchObject(told)
    expect(openJobs(store, vault, Date.now).get(id)?.why).toBe("Wilhelmina.zip ends in the middle")
    const bytes = bytesOf(store, ...jobTables)
    for (const word of ["Wilhelmina", "Somebody", "window", "w-7", "nothing", "0badc0de"]) expect(bytes).not.toContain(word)

    // What is told of a person goes with their key, and with the job's what is told of others.
    const opens = () => report.page(number, { limit: 10 }).items.map(({ position, file }) => [position, file !== ""])
    vault.shredKey(`subject/${ada}`)
    expect(opens()).toEqual([
      [0, false],
      [1, true],
      [2, true],
      [3, false],
    ])
    expect(report.page(number, { limit: 1 }).items[0]?.why).toContain(
      `enrolment_items.details of row ${number} 0: there is no key`,
    )
    await keepReports(store, vault, { reportsMax: 0 }).shorten()
    expect(store.prepare("select 1 from data_keys where owner like 'enrolment/%'").all()).toEqual([])
  })

  test("a report of before the folder was sealed is sealed, and found by name again", async () => {
    await using box = await openMemory(plainVaultOf)
    const { store, gallery } = box
    const plain = openReport(store, plainVaultOf(store), gallery.nameOf)
    const { id, number } = newJob(store, "waiting", plainVaultOf(store))
    store.transact<void>(() => {
      for (let position = 0; position < 20; position++)
        plain.add(number, item(position, `Person ${position % 5}`, `id-${position % 5}`), { result: "no_face", why: "none" })
    })
    openJobs(store, plainVaultOf(store), Date.now).end(number, "failed", "it ends")
    const before = plain.page(number, { limit: 100 }).items
    const vault = sealedVaultOf(store, suite)
    // Each step is a transaction; killed in between, the rest is sealed by the next start.
    for (const { step } of enrolmentSealers(store, vault)) expect(step(3)).toBeGreaterThan(0)
    for (const { step } of enrolmentSealers(store, vault)) while (step(3) > 0);
    const report = openReport(store, vault, gallery.nameOf)
    expect(report.page(number, { limit: 100 }).items).toEqual(before)
    expect(openJobs(store, vault, Date.now).get(id)?.why).toBe("it ends")
    expect(bytesOf(store, ...jobTables)).not.toMatch(/Person|id-\d|window|none|it ends/)
    store.transact<void>(() => report.add(number, item(20, "Person 3", "id-3"), { result: "no_face" }))
    expect(store.prepare("select count(*) as people from enrolment_people").get()).toEqual({ people: 5 })
  })
})
