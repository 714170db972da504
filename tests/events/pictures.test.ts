import { expect, test } from "bun:test"
import sharp from "sharp"
import { createWorkshop, type Drawn } from "../../app/events/pictures/workshop.ts"
import type { SightedFace } from "../../app/events/sighting.ts"

const image = { width: 1280, height: 960 }
const grey = await sharp({ create: { width: 640, height: 480, channels: 3, background: "#808080" } })
  .jpeg()
  .toBuffer()

const match: SightedFace = {
  box: { x: 400, y: 400, width: 300, height: 300 },
  score: 0.9,
  qualityScore: 0.8,
  decision: "match",
  subjectId: "1",
  name: "Ada",
  similarity: 0.7,
}

async function pixelsOf(drawn: Drawn) {
  if (drawn.kind !== "drawn") throw new Error(drawn.kind)
  const { data, info } = await sharp(drawn.jpeg).raw().toBuffer({ resolveWithObject: true })
  return {
    data,
    info,
    at: (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)],
  }
}

const annotated = async (...faces: readonly SightedFace[]) => pixelsOf(await createWorkshop().annotate(grey, { image, faces }))

test("a box stands where the face is, in the colour of the decision", async () => {
  const { at, info } = await annotated(match)
  expect(info).toMatchObject({ format: "raw", width: 640, height: 480 })
  const [red = 0, green = 0, blue = 0] = at(200, 275)
  expect(green).toBeGreaterThan(red + 60)
  expect(green).toBeGreaterThan(blue + 60)
  expect(at(275, 275).every((level) => Math.abs(level - 0x80) < 8)).toBe(true) // Inside, nothing is drawn.

  const [r = 0, , b = 0] = (await annotated({ ...match, decision: "unknown" })).at(200, 275)
  expect(b).toBeGreaterThan(r + 60)
})

test.each(["Ada|Ada's", "王王|明明", "陈伟|陈强", "Łą|Żę", "Ưu|Ướ", "Иван|Анна"])(
  "letters of %s are letters, not empty boxes",
  async (pair) => {
    const [one, other] = await Promise.all(pair.split("|").map((name) => annotated({ ...match, name })))
    // A font that lacks them draws the same box for each.
    expect(Buffer.compare(one?.data ?? Buffer.of(), other?.data ?? Buffer.of())).not.toBe(0)
  },
)

test("a forgotten face shows no name", async () => {
  const { name: _name, subjectId: _subjectId, ...nameless } = match
  const [forgotten, named] = await Promise.all([annotated({ ...nameless, forgotten: true }), annotated(match)])
  expect(Buffer.compare(forgotten.data, named.data)).not.toBe(0)
})

test("a very long name stays in the picture", async () => {
  const { info } = await annotated({ ...match, name: "长名字".repeat(60) })
  expect(info.width).toBe(640)
})

test("a thumbnail is as wide as asked, and never larger than the picture", async () => {
  const workshop = createWorkshop()
  expect((await pixelsOf(await workshop.thumbnail(grey, 160))).info).toMatchObject({ width: 160, height: 120 })
  const small = await sharp(grey).resize({ width: 64 }).jpeg().toBuffer()
  expect((await pixelsOf(await workshop.thumbnail(small, 160))).info).toMatchObject({ width: 64, height: 48 })
})

test("so many pictures wait and no more; a broken one does not hold up the next", async () => {
  const workshop = createWorkshop()
  const broken = workshop.thumbnail(new Uint8Array([1, 2, 3]), 160).then(
    () => "drawn",
    () => "failed",
  )
  const drawn = await Promise.all(Array.from({ length: 80 }, () => workshop.thumbnail(grey, 16)))
  expect(await broken).toBe("failed")
  expect(Map.groupBy(drawn, ({ kind }) => kind).get("drawn")).toHaveLength(63)
  expect((await workshop.thumbnail(grey, 16)).kind).toBe("drawn")
})
