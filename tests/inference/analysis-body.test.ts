import { expect, test } from "bun:test"
import type { AnalyzedFace } from "../../app/face/face.ts"
import { type Found, packAnalysis, unpackAnalysis } from "../../app/inference/analysis-body.ts"
import { createOptionsReader, fromEngine } from "../../app/inference/wire.ts"

const dimension = 3
const quality = {
  score: 0.5,
  faceWidthPx: 100,
  eyeDistancePx: 40,
  brightness: 0.5,
  contrast: 0.2,
  sharpness: 0.7,
  yaw: 1,
  pitch: -2,
  roll: 3,
}

function face(x: number, more: Partial<AnalyzedFace> = {}): AnalyzedFace {
  return {
    box: { x, y: 1.25, width: 100, height: 120 },
    score: 0.9,
    landmarks: [
      [x, 2],
      [3, 4],
      [5, 6],
      [7, 8],
      [9, 10.5],
    ],
    quality,
    ...more,
  }
}

const chip = (text: string) => ({
  jpeg: new TextEncoder().encode(text),
  size: { width: 20, height: 30 },
  landmarks: face(1).landmarks,
})
const snapshot = new TextEncoder().encode("the whole frame")

const ran: Omit<Found, "faces"> = {
  image: { width: 1920, height: 1080 },
  timingsMs: { decode: 1.25, detect: 2, align: 3, embed: 4 },
  run: { startedAtMs: 1_784_738_274_123.25, tookMs: 11.5 },
  residentBytes: 270_000_000,
}

/** As the other end gets it: the header through JSON and its schema, the body at any place of a larger buffer. */
function travelled(found: Pick<Found, "faces"> & Partial<Found>, { cutBytes = 0, faces = found.faces.length } = {}) {
  const { body, ...header } = packAnalysis({ ...ran, ...found })
  const message = fromEngine.parse(JSON.parse(JSON.stringify({ kind: "analysis", id: 1, ...header, faces })))
  if (message.kind !== "analysis") throw new Error("another message")
  const received = Buffer.concat([Buffer.from("x"), body])
  return unpackAnalysis(message, received.subarray(1, received.length - cutBytes), dimension)
}

test.each([
  ["no face", { faces: [] }],
  ["faces alone", { faces: [face(1), face(2)] }],
  ["some of them embedded", { faces: [face(1, { embedding: Float32Array.of(1, 2, 3) }), face(2)] }],
  [
    "everything at once",
    {
      faces: [
        face(1, { embedding: Float32Array.of(0.25, 0.5, -1), chip: chip("first") }),
        face(2),
        face(3, { embedding: Float32Array.of(4, 5, 6), chip: chip("third, longer") }),
      ],
      snapshot,
    },
  ],
])("%s arrives as it left", (_what, found) => {
  const arrived = travelled(found)
  const plain = (pictures: typeof found | typeof arrived) => ({
    faces: pictures.faces.map(({ chip, embedding, ...rest }) => ({
      ...rest,
      embedding: embedding && [...embedding],
      chip: chip && { ...chip, jpeg: Buffer.from(chip.jpeg).toString() },
    })),
    snapshot: "snapshot" in pictures && pictures.snapshot ? Buffer.from(pictures.snapshot).toString() : undefined,
  })
  expect(plain(arrived)).toEqual(plain(found))
})

test("figures leave in the digits that mean something", () => {
  const [arrived] = travelled({ faces: [face(1.23456)] }).faces
  expect(arrived?.box.x).toBe(1.23)
  expect(arrived?.landmarks[0]).toEqual([1.23, 2])
})

test("a figure that is no number is not taken for a face", () => {
  expect(() => travelled({ faces: [face(Number.NaN)] })).toThrow("figures of a face are numbers")
})

test("a body that is shorter than its header says is not taken apart", () => {
  const found = { faces: [face(1, { embedding: Float32Array.of(1, 2, 3) })], snapshot }
  expect(() => travelled(found, { cutBytes: 4 })).toThrow("an analysis of 299 bytes, not of 295")
  expect(() => travelled(found, { cutBytes: 60 })).toThrow("an analysis of 272 bytes and more, not of 239")
})

test("what is said of the run arrives as it left", () => {
  const snapshotMs = 2.5
  const { faces: _faces, ...arrived } = travelled({ faces: [face(1)], run: { ...ran.run, snapshotMs } })
  expect(arrived).toEqual({ ...ran, run: { ...ran.run, snapshotMs } })
})

test.each([-1, 0.5, 2, 1e18])("a header that counts %d faces where there is one is not believed", (faces) => {
  expect(() => travelled({ faces: [face(1)] }, { faces })).toThrow()
})

test("options are the same however often their text comes, and another text is taken apart anew", () => {
  const read = createOptionsReader()
  const full = { faceWidthPxMin: 48, facesMax: 10, embed: "all" }
  expect(read(JSON.stringify(full))).toEqual({ ...full, embed: "all" })
  expect(read(JSON.stringify(full))).toEqual({ ...full, embed: "all" })
  expect(read(JSON.stringify({ ...full, detectorInput: "small" })).detectorInput).toBe("small")
  expect(() => read(JSON.stringify({ ...full, embed: "every" }))).toThrow()
})
