import { expect, test } from "bun:test"
import { mkdirSync, writeFileSync } from "node:fs"
import { type PeopleDetails, readPeopleOptions } from "../../app/cli/enrol/people-options.ts"
import { type EnrolledFile, enrolPeople as runEnrolment } from "../../app/cli/enrol/run.ts"
import { openChecksums } from "../../app/enrolment/checksums.ts"
import { folderSource } from "../../app/enrolment/folder.ts"
import { type OpenBox, openBox } from "../gallery/support.ts"
import { paint, paintedSpace, readPainted } from "../support/painted.ts"
import { tempFolder } from "../support/shared.ts"
import { testVaultOf } from "../support/vault.ts"

const enrolOptions = { budgetMs: 5000, faceWidthPxMin: 32, facesMax: 10, faces: "largest", qualityScoreMin: 0.2 } as const
const limits = { imageBytesMax: 100_000, itemsMax: 1000 }

/** Enrols a picture of each person as `gatehouse enrol` does, with painted pictures. */
async function enrolPeople(box: OpenBox, names: readonly string[], details: PeopleDetails): Promise<readonly EnrolledFile[]> {
  using folder = tempFolder()
  const { gallery } = box
  const thresholds = { match: 0.6, uncertain: 0.3 }
  const checksums = openChecksums(box.store, testVaultOf(box.store))
  const needs = { analyze: readPainted, gallery, lookAlikes: gallery.lookAlikes, thresholds, checksums, space: paintedSpace }
  const people = names.map((name) => {
    mkdirSync(folder.file(name))
    const file = folder.file(name, "1.jpg")
    // Two Adas look the same.
    writeFileSync(file, paint({ person: name.split(" ")[0] ?? "" }))
    return { name, files: [file] }
  })
  const source = folderSource(people, limits, details.externalId)
  return (await runEnrolment({ source, details }, needs, enrolOptions, () => {})).files
}

test("everybody enrolled becomes a member of the groups, somebody known too and without leaving others", async () => {
  await using box = await openBox()
  box.gallery.addSubject({ name: "Ada", groups: ["old"] })
  const files = await enrolPeople(box, ["Ada", "Grace"], { groups: ["staff", "staff", "old"] })
  expect(files.map(({ kind }) => kind)).toEqual(["enrolled", "enrolled"])
  const groups = box.gallery.subjects({ limit: 5 }).items.map((subject) => [subject.name, subject.groups, subject.faceCount])
  expect(groups).toEqual([
    ["Ada", ["old", "staff"], 1],
    ["Grace", ["old", "staff"], 1],
  ])
})

test("with an external id it is that person, whatever the name", async () => {
  await using box = await openBox()
  await enrolPeople(box, ["Ada"], { groups: [], externalId: "7" })
  box.gallery.createSubject("Ada")
  // The same picture once more, of whom it is already known.
  expect(await enrolPeople(box, ["Ada"], { groups: [], externalId: "7" })).toMatchObject([{ kind: "duplicate" }])
  const again = await enrolPeople(box, ["Countess"], { groups: ["vip"], externalId: "7" })
  expect(again).toMatchObject([{ kind: "enrolled", name: "Countess" }])
  expect(box.gallery.subjects({ limit: 5, externalId: "7" }).items).toMatchObject([
    { name: "Ada", faceCount: 2, groups: ["vip"] },
  ])
  expect(box.gallery.counts().subjects).toBe(2)
})

test("too many groups, and a name of several people, are said for each picture", async () => {
  await using box = await openBox()
  box.gallery.addSubject({ name: "Ada", groups: Array.from({ length: 32 }, (_, i) => `g${i}`) })
  expect(await enrolPeople(box, ["Ada"], { groups: ["one more"] })).toMatchObject([
    { kind: "not_added", why: expect.stringContaining("at most 32") },
  ])
  box.gallery.createSubject("Ada")
  expect(await enrolPeople(box, ["Ada"], { groups: [] })).toMatchObject([{ kind: "ambiguous_name" }])
  expect(box.gallery.counts().faces).toBe(0)
})

test("a look-alike is told beside the picture, and the person enrolled all the same", async () => {
  await using box = await openBox()
  await enrolPeople(box, ["Ada King"], { groups: [] })
  const [file] = await enrolPeople(box, ["Ada Byron"], { groups: [] })
  expect(file).toMatchObject({ kind: "enrolled", note: "looks like Ada King (1.00, match)" })
})

test("what the command line says of people is checked as the API checks it", () => {
  expect(readPeopleOptions({}, 3)).toEqual({ kind: "ok", value: { groups: [], externalId: undefined } })
  expect(readPeopleOptions({ group: [" Zoe\u0308 "], externalId: "7" }, 1)).toEqual({
    kind: "ok",
    value: { groups: ["Zo\u00eb"], externalId: "7" },
  })
  expect(readPeopleOptions({ externalId: "7" }, 2)).toMatchObject({ kind: "failed", why: expect.stringContaining("holds 2") })
  expect(readPeopleOptions({ group: [""] }, 1)).toMatchObject({ kind: "failed", why: expect.stringContaining("group") })
})
