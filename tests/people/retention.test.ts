import { expect, test } from "bun:test"
import { firstDayMs } from "../../app/events/trusted-clock.ts"
import { toVector } from "../../app/gallery/faces.ts"
import { peopleOptions } from "../../app/people/options.ts"
import { openPeopleRetention } from "../../app/people/retention.ts"
import { openPeopleBox, type PeopleBox, plant, space, tracesIn } from "./support.ts"

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const startMs = firstDayMs + 100 * dayMs

/** As if they had been enrolled then. */
function enrolledAt({ store }: PeopleBox, subjectId: string, atMs: number): void {
  store.prepare("update faces set created_at_ms = ? where subject_id = ?").run(atMs, subjectId)
}

function retention(box: PeopleBox, options: Parameters<typeof peopleOptions.parse>[0]) {
  return openPeopleRetention(box.store, box.people, peopleOptions.parse(options))
}

const chipsOf = ({ gallery }: PeopleBox, subjectId: string) =>
  gallery.facesOf(subjectId, { limit: 10 })?.items.filter(({ hasImage }) => hasImage).length

test("pictures of faces leave at their age, and the faces stay and are found", async () => {
  await using box = await openPeopleBox()
  const [old, young] = [plant(box, 1), plant(box, 2)]
  enrolledAt(box, old.subjectId, startMs)
  enrolledAt(box, young.subjectId, startMs + 20 * dayMs)
  const version = box.gallery.subject(old.subjectId)?.version ?? 0
  const step = retention(box, { chipsAgeMaxDays: 30 })
  expect(await step(startMs + 29 * dayMs, 0)).toMatchObject({ chips: 0 })
  expect(await step(startMs + 31 * dayMs, 2 * dayMs)).toMatchObject({ chips: 2 })
  expect(await step(startMs + 31 * dayMs, 2 * dayMs)).toMatchObject({ chips: 0 })
  expect([chipsOf(box, old.subjectId), chipsOf(box, young.subjectId)]).toEqual([0, 2])
  expect(box.gallery.subject(old.subjectId)?.version).toBe(version + 1)
  const faceId = box.gallery.facesOf(old.subjectId, { limit: 1 })?.items[0]?.id ?? ""
  const vector = toVector(box.gallery.storedVector(faceId)?.vector ?? new Uint8Array())
  expect((await box.gallery.search(space, vector, 1))[0]?.subjectId).toBe(old.subjectId)
  expect(tracesIn(box.folder.path, [old]).some((found) => found.includes("database: chip"))).toBe(false)
})

test("who is not valid any more is no match, is erased so many days later, and a leaping clock erases nobody", async () => {
  let nowMs = startMs
  await using box = await openPeopleBox({ wallClockMs: () => nowMs })
  const [ending, staying] = [plant(box, 1), plant(box, 2)]
  box.gallery.updateSubject(ending.subjectId, { validUntilMs: startMs + dayMs })
  const step = retention(box, { eraseAfterEndDays: 7 })
  expect(await step(startMs, 0)).toMatchObject({ people: 0 })

  // Ten years ahead in a moment: as much time has passed as the ticks say, times 24.
  nowMs = startMs + 3650 * dayMs
  expect(await step(nowMs, hourMs)).toMatchObject({ people: 0 })
  nowMs = startMs + 9 * dayMs
  expect(await step(nowMs, 8 * dayMs)).toMatchObject({ people: 1 })
  expect(await step(nowMs, 8 * dayMs)).toMatchObject({ people: 0 })
  expect(box.gallery.subject(ending.subjectId)).toBeUndefined()
  expect(box.gallery.subject(staying.subjectId)?.name).toBe(staying.name)
  expect(await box.people.erase(ending.subjectId)).toMatchObject({ kind: "erased" })
  expect(tracesIn(box.folder.path, [ending])).toEqual([])
})

test("a merge can be undone for its time, and then what it takes is gone", async () => {
  let nowMs = startMs
  await using box = await openPeopleBox({ wallClockMs: () => nowMs })
  const [first, second] = [plant(box, 1), plant(box, 2)]
  const merged = box.people.rearrangements.merge(second.subjectId, first.subjectId)
  const step = retention(box, { undoDays: 5 })
  nowMs = startMs + 4 * dayMs
  expect(await step(nowMs, 0)).toMatchObject({ undos: 0 })
  nowMs = startMs + 6 * dayMs
  expect(await step(nowMs, 2 * dayMs)).toMatchObject({ undos: 1 })
  if (merged.kind === "done")
    expect(box.people.rearrangements.undo(merged.rearrangement.id)).toEqual({ kind: "no_rearrangement" })
})
