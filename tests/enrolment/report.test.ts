import { expect, test } from "bun:test"
import { openJobs } from "../../app/enrolment/jobs.ts"
import { openReport } from "../../app/enrolment/report.ts"
import { keepReports } from "../../app/enrolment/reports.ts"
import { openBox } from "../gallery/support.ts"
import { plainVaultOf } from "../support/vault.ts"

const noPicture = { kind: "refused", reason: "no_face", why: "" } as const

function newJob(
  store: Parameters<typeof openJobs>[0],
  state: "finished" | "waiting" = "finished",
): { id: string; number: number } {
  const jobs = openJobs(store, Date.now)
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
  const report = openReport({ ...box.store, prepare }, plainVaultOf(box.store), box.gallery.nameOf)
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
  const report = openReport(box.store, plainVaultOf(box.store), box.gallery.nameOf)
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
  await keepReports(box.store, { reportsMax: 1 }).shorten()
  const left = (table: string) =>
    box.store.prepare<{ number: number }>(`select distinct enrolment_number as number from ${table} order by 1`).all()
  const kept = [{ number: numbers[0] ?? 0 }, { number: numbers[3] ?? 0 }]
  expect(left("enrolment_items")).toEqual(kept)
  expect(left("enrolment_people")).toEqual(kept)
  expect(openJobs(box.store, Date.now).page({ limit: 10 }).items).toHaveLength(2)
})

test("no name of a person stays in any table of jobs when the person is deleted", async () => {
  await using box = await openBox()
  const report = openReport(box.store, plainVaultOf(box.store), box.gallery.nameOf)
  const { number } = newJob(box.store)
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
  box.gallery.deleteSubject(id)
  const { items } = report.page(number, { limit: 10 })
  expect(items).toMatchObject([{ name: "Ada", lookAlikes: [] }])
  for (const table of ["enrolment_people", "enrolment_items", "enrolment_look_alikes"])
    expect(JSON.stringify(box.store.prepare(`select * from ${table}`).all())).not.toContain("Wilhelmina")
})

test("… nor that of one whose pictures were all left out, and who became known in another way", async () => {
  await using box = await openBox()
  const report = openReport(box.store, plainVaultOf(box.store), box.gallery.nameOf)
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
  for (const sql of ["name = 'x'", "external_id = 'x'"]) {
    const plan = box.store.prepare<{ detail: string }>(
      `explain query plan delete from enrolment_people where subject_id is null and ${sql}`,
    )
    expect(plan.all()[0]?.detail).toContain("SEARCH enrolment_people USING")
  }
})
