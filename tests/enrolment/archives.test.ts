import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { fileAt } from "../../app/enrolment/archive/bytes.ts"
import { type Format, formatOf } from "../../app/enrolment/archive/open.ts"
import { personVector } from "../support/painted.ts"
import { tempFolder } from "../support/shared.ts"
import { gzippedTarOf, linesOf, type Packed, pictures, readArchive, tarOf, zipOf } from "./support.ts"

const packers: readonly (readonly [string, Format, (files: Packed) => Promise<Uint8Array>])[] = [
  ["zip", "zip", async (files) => zipOf(files)],
  ["zip, stored", "zip", async (files) => zipOf(files, 0)],
  ["tar", "tar", tarOf],
  ["tar.gz", "tar", gzippedTarOf],
]

const names = (items: readonly { readonly person: { readonly name: string } | undefined; readonly file: string }[]) =>
  items.map(({ person, file }) => [person?.name, file])

test.each(packers)(
  "%s: every picture comes as it was packed, with its person; what is none is left aside",
  async (_, format, pack) => {
    const files: Packed = {
      ...pictures("Ada/1.jpg", "Ada/2.PNG", "Ju\u0308rgen/a.webp"),
      ...{ "Ada/notes.txt": new Uint8Array(9), "Ada/.hidden.jpg": new Uint8Array(9), ".git/x.jpg": new Uint8Array(9) },
      ...{ "__MACOSX/Ada/1.jpg": new Uint8Array(9) },
    }
    const { survey, items, broken } = await readArchive(format, await pack(files))
    expect(survey).toEqual({ kind: "ok", items: 3 })
    expect(broken).toBeUndefined()
    expect(names(items)).toEqual([
      ["Ada", "1.jpg"],
      ["Ada", "2.PNG"],
      ["J\u00fcrgen", "a.webp"],
    ])
    expect(items.map(({ position }) => position)).toEqual([0, 1, 2])
    expect(items[1]?.content).toEqual({ kind: "picture", bytes: files["Ada/2.PNG"] ?? new Uint8Array() })
  },
)

test.each(packers)("%s: what is done is not read, and keeps its position", async (_, format, pack) => {
  const archive = await pack(pictures("A/1.jpg", "B/1.jpg", "C/1.jpg"))
  const { items } = await readArchive(format, archive, (position) => position === 1)
  expect(items.map(({ position, person }) => [position, person?.name])).toEqual([
    [0, "A"],
    [2, "C"],
  ])
})

test("one folder around everything is no person", async () => {
  const { items } = await readArchive("zip", zipOf(pictures("people/Ada/1.jpg", "people/Grace/1.jpg")))
  expect(names(items)).toEqual([
    ["Ada", "1.jpg"],
    ["Grace", "1.jpg"],
  ])
})

test("of a picture that lies elsewhere nobody says whose it is", async () => {
  const { items } = await readArchive("tar", await tarOf(pictures("Ada/1.jpg", "loose.jpg", "Ada/2024/2.jpg", "\u0007/3.jpg")))
  expect(items.map(({ content }) => (content.kind === "refused" ? content.reason : content.kind))).toEqual([
    "picture",
    "no_person",
    "no_person",
    "no_person",
  ])
  expect(items.map(({ file }) => file)).toEqual(["1.jpg", "loose.jpg", "2.jpg", "3.jpg"])
})

test.each(packers)("%s: a larger picture is left out by itself", async (_, format, pack) => {
  const { items } = await readArchive(format, await pack({ "Ada/1.jpg": new Uint8Array(10_001), ...pictures("Bo/1.jpg") }))
  expect(items.map(({ content }) => content.kind)).toEqual(["refused", "picture"])
  expect(items[0]?.content).toMatchObject({ reason: "image_too_large", why: expect.stringContaining("10001") })
})

test.each(packers)(
  "%s: more pictures than allowed, and none at all, stop it before anybody is enrolled",
  async (_, format, pack) => {
    const many = await pack(pictures("A/1.jpg", "A/2.jpg", "A/3.jpg"))
    const limits = { imageBytesMax: 10_000, itemsMax: 2 }
    expect((await readArchive(format, many, undefined, limits)).survey).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("more than 2"),
    })
    const none = await readArchive(format, await pack({ "Ada/notes.txt": new Uint8Array(9) }))
    expect(none.survey).toMatchObject({ kind: "failed", why: expect.stringContaining("no pictures") })
  },
)

const outside = ["../Ada/1.jpg", "Ada/../../1.jpg", "/etc/1.jpg", "C:/Ada/1.jpg", `${"a".repeat(1100)}/1.jpg`]

test.each(outside.flatMap((path) => packers.map((packer) => [path, ...packer] as const)))(
  "a path such as %s in a %s makes all of it suspect",
  async (path, _, format, pack) => {
    const { survey } = await readArchive(format, await pack(pictures("Ada/1.jpg", path)))
    expect(survey.kind).toBe("failed")
    // The words are kept and shown, and a path may be somebody's name.
    expect(JSON.stringify(survey)).not.toContain("1.jpg")
  },
)

test("an archive that unpacks to far more than itself is a bomb: found by what it claims, and by what it does", async () => {
  const blank = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`Ada/${i}.jpg`, new Uint8Array(1_000_000)]))
  const limits = { imageBytesMax: 2_000_000, itemsMax: 1000 }
  for (const [format, bytes] of [["zip", zipOf(blank)] as const, ["tar", await gzippedTarOf(blank)] as const]) {
    expect(bytes.length).toBeLessThan(1_000_000)
    const { survey } = await readArchive(format, bytes, undefined, limits)
    expect(survey).toMatchObject({ kind: "failed", why: expect.stringContaining("unpacks to more") })
  }
  // Behind the end of the archive, where its list does not look.
  const behind = new Uint8Array([...(await tarOf(pictures("Ada/1.jpg")))])
  const padded = new Uint8Array(behind.length + 20_000_000)
  padded.set(behind)
  const { survey } = await readArchive("tar", Bun.gzipSync(padded))
  expect(survey).toMatchObject({ kind: "failed", why: expect.stringContaining("unpacks to more") })
})

test("a zip entry that unpacks to more than it claims is stopped at its claim", async () => {
  const honest = zipOf({ "Ada/1.jpg": new Uint8Array(9000), ...pictures("Bo/1.jpg") })
  const lying = honest.slice()
  const view = new DataView(lying.buffer)
  // The size in the list at the end (22 bytes into the first record behind its mark), which is the one that is believed.
  view.setUint32(indexOf(lying, [0x50, 0x4b, 1, 2]) + 24, 10, true)
  const { items } = await readArchive("zip", lying)
  expect(items.map(({ content }) => (content.kind === "refused" ? content.reason : content.kind))).toEqual([
    "unreadable",
    "picture",
  ])
})

test("damage in a picture is that picture's, damage in the archive ends it with what came before", async () => {
  const zip = zipOf(pictures("Ada/1.jpg", "Bo/1.jpg"), 0)
  // Behind the first file's name: a brace may stand in the time before it, once in an hour.
  const content = indexOf(zip, [...Buffer.from("Ada/1.jpg")]) + "Ada/1.jpg".length
  zip[content + 3]! ^= 1
  const damaged = await readArchive("zip", zip)
  expect(damaged.items.map(({ content }) => content.kind)).toEqual(["refused", "picture"])

  const tar = await tarOf(pictures("Ada/1.jpg", "Bo/1.jpg", "Cy/1.jpg"))
  const cut = await readArchive("tar", tar.slice(0, 1536))
  expect(cut.survey.kind).toBe("failed")
  expect((await readArchive("zip", zip.slice(0, -30))).survey.kind).toBe("failed")
})

test("random damage ends in words, never in an exception or a picture that was not packed", async () => {
  const files = pictures("Ada/1.jpg", "Bo/1.jpg", "Cy/1.jpg")
  const packed = new Set(Object.values(files).map((bytes) => Buffer.from(bytes).toString()))
  let random = 7
  for (const [, format, pack] of packers) {
    const archive = await pack(files)
    for (let round = 0; round < 60; round++) {
      const bytes = archive.slice()
      for (let hit = 0; hit < 3; hit++) {
        random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0
        bytes[random % bytes.length]! ^= 1 << (random >>> 29)
      }
      const { items } = await readArchive(format, bytes)
      // A tar file has no checksum of what is in it.
      for (const { content } of items)
        if (content.kind === "picture" && format === "zip") expect(packed).toContain(Buffer.from(content.bytes).toString())
    }
  }
})

test("lines: pictures and vectors, by name or by external id", async () => {
  const image = Buffer.from("picture").toString("base64")
  const vector = [...personVector("Ada")]
  const { survey, items } = await readArchive(
    "ndjson",
    linesOf(
      { name: " Ada ", image },
      "",
      { externalId: "7", image: `data:image/jpeg;base64,${image}` },
      { name: "Ada", externalId: "7", embedding: vector, space: "s@00000000/64" },
      { name: "Ada", embedding: Buffer.from(Float32Array.from(vector).buffer).toString("base64"), space: "s@00000000/64" },
    ),
  )
  expect(survey).toEqual({ kind: "ok", items: 4 })
  expect(items.map(({ file, person }) => [file, person])).toEqual([
    ["line 1", { name: "Ada", externalId: undefined }],
    ["line 3", { name: "7", externalId: "7" }],
    ["line 4", { name: "Ada", externalId: "7" }],
    ["line 5", { name: "Ada", externalId: undefined }],
  ])
  expect(items[1]?.content).toEqual({ kind: "picture", bytes: new TextEncoder().encode("picture") })
  expect(items[2]?.content).toMatchObject({ kind: "vector", given: { space: "s@00000000/64" } })
})

test("a line that is none is refused by itself, and a longer one is never held", async () => {
  const { items } = await readArchive(
    "ndjson",
    linesOf(
      ...[
        "{",
        '{"name":"Ada"}',
        '{"image":"eA=="}',
        '{"name":"Ada","image":"not base64!"}',
        '{"name":"\\u0007","image":"eA=="}',
      ],
      ...['{"name":"Ada","image":"eA==","more":1}', `{"name":"Ada","image":"${"A".repeat(200_000)}"}`],
      ...[`{"name":"Ada","image":"${"A".repeat(14_000)}"}`, '{"name":"Ada","image":"eA=="}', `{${'"a":{'.repeat(10_000)}`],
    ),
  )
  expect(items.map(({ content }) => (content.kind === "refused" ? content.reason : content.kind))).toEqual([
    ...(["bad_line", "bad_line", "bad_line", "bad_line", "bad_line", "bad_line"] as const),
    ...(["image_too_large", "image_too_large", "picture", "bad_line"] as const),
  ])
})

test("a file is what its first bytes say", async () => {
  using folder = tempFolder()
  const files = pictures("Ada/1.jpg")
  for (const [bytes, format] of [
    [zipOf(files), "zip"],
    [await tarOf(files), "tar"],
    [await gzippedTarOf(files), "tar"],
    [linesOf({ name: "Ada" }), "ndjson"],
    [new Uint8Array([0xff, 0xd8, 0xff]), undefined],
    [new Uint8Array(), undefined],
  ] as const) {
    writeFileSync(folder.file("x"), bytes)
    expect(await formatOf(fileAt(folder.file("x")))).toBe(format)
  }
})

function indexOf(bytes: Uint8Array, part: readonly number[]): number {
  return Buffer.from(bytes).indexOf(Buffer.from(part))
}
