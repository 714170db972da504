import { expect, test } from "bun:test"
import { mkdirSync, writeFileSync } from "node:fs"
import { enrolPeople } from "../../app/cli/enrol/run.ts"
import { openPeople } from "../../app/cli/enrol/source.ts"
import { openChecksums } from "../../app/enrolment/checksums.ts"
import { linesOf, pictures, tarOf, zipOf } from "../enrolment/support.ts"
import { openBox } from "../gallery/support.ts"
import { paint, paintedSpace, personVector, readPainted } from "../support/painted.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"
import { testVaultOf } from "../support/vault.ts"

const limits = { imageBytesMax: 100_000, itemsMax: 1000 }
const enrolOptions = { budgetMs: 5000, faceWidthPxMin: 32, facesMax: 10, faces: "largest", qualityScoreMin: 0.2 } as const

async function write(folder: TempFolder): Promise<Record<"folder" | "zip" | "tar" | "lines" | "vectors" | "photo", string>> {
  const files = pictures("Ada/1.jpg", "Grace/1.jpg")
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(folder.file("people", path.split("/")[0] ?? ""), { recursive: true })
    writeFileSync(folder.file("people", path), bytes)
  }
  const named = (name: string, bytes: Uint8Array) => {
    writeFileSync(folder.file(name), bytes)
    return folder.file(name)
  }
  const line = (name: string) => ({ name, embedding: [...personVector(name)], space: paintedSpace })
  return {
    folder: folder.file("people"),
    // What they are called says nothing.
    zip: named("a.bin", zipOf(files)),
    tar: named("b.zip", await tarOf(files)),
    lines: named("c", linesOf({ name: "Ada", image: Buffer.from(paint({ person: "Ada" })).toString("base64") })),
    vectors: named("d.ndjson", linesOf(line("Ada"), line("Grace"))),
    photo: named("e.jpg", new Uint8Array([0xff, 0xd8, 0xff])),
  }
}

test("a folder, a zip, a tar and lines are enrolled alike, and whatever comes after the first is known", async () => {
  using folder = tempFolder()
  await using box = await openBox()
  const { gallery } = box
  const needs = {
    ...{ analyze: readPainted, gallery, lookAlikes: gallery.lookAlikes, space: paintedSpace },
    ...{ thresholds: { match: 0.6, uncertain: 0.3 }, checksums: openChecksums(box.store, testVaultOf(box.store)) },
  }
  const paths = await write(folder)
  const enrol = async (path: string | undefined, vectors?: string) => {
    const given = await openPeople(path, vectors === undefined ? {} : { vectors }, limits)
    if (given.kind === "failed") throw new Error(given.why)
    let steps = 0
    const { worked, files } = await enrolPeople(given.value, needs, enrolOptions, () => (steps += 1))
    expect([worked.kind, steps]).toEqual(["done", given.value.items])
    return files.map(({ name, kind }) => `${name} ${kind}`)
  }
  expect(await enrol(paths.folder)).toEqual(["Ada enrolled", "Grace enrolled"])
  expect(await enrol(paths.zip)).toEqual(["Ada duplicate", "Grace duplicate"])
  expect(await enrol(paths.tar)).toEqual(["Ada duplicate", "Grace duplicate"])
  expect(await enrol(paths.lines)).toEqual(["Ada duplicate"])
  expect(await enrol(undefined, paths.vectors)).toEqual(["Ada enrolled", "Grace enrolled"])
  expect(await enrol(undefined, paths.vectors)).toEqual(["Ada duplicate", "Grace duplicate"])
  expect(gallery.counts()).toMatchObject({ subjects: 2, faces: 4 })
})

test("what cannot be meant is said in words before anything is opened", async () => {
  using folder = tempFolder()
  const { zip, photo, vectors } = await write(folder)
  const why = async (...given: Parameters<typeof openPeople>) => {
    const opened = await openPeople(...given)
    return opened.kind === "failed" ? opened.why : "nothing"
  }
  expect(await why(undefined, {}, limits)).toContain("--vectors")
  expect(await why(zip, { vectors }, limits)).toContain("either")
  expect(await why(photo, {}, limits)).toContain("not a zip, tar or NDJSON")
  expect(await why(undefined, { vectors: zip }, limits)).toContain("JSON lines")
  expect(await why(undefined, { vectors: folder.file("absent") }, limits)).toContain("absent")
  expect(await why(folder.file("absent"), {}, limits)).toContain("absent")
  expect(await why(zip, { externalId: "7" }, limits)).toContain("--external-id")
  expect(await why(zip, {}, { ...limits, itemsMax: 1 })).toContain("more than 1")
})
