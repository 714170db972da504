import { expect, test } from "bun:test"
import { evaluate } from "../../app/cli/eval/evaluate.ts"
import { parsePairs } from "../../app/cli/eval/pairs.ts"

/** A unit vector of two dimensions at an angle in degrees: the similarity of two is the cosine of the angle between them. */
const at = (degrees: number) => Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180))

function listOf(text: string) {
  const list = parsePairs(text)
  if (list.kind !== "ok") throw new Error(list.why)
  return list.value
}

const list = listOf("1 2\nA 1 2\nB 1 2\nA 1 B 1\nA 2 C 1")

test("pairs get their similarities, and all cross pairs of different people are counted", () => {
  const vectors = new Map([
    ["A/A_0001.jpg", at(0)],
    ["A/A_0002.jpg", at(20)],
    ["B/B_0001.jpg", at(90)],
    ["B/B_0002.jpg", at(100)],
    ["C/C_0001.jpg", at(200)],
  ])
  const evaluation = evaluate(list, vectors, { match: 0.95 })
  expect(evaluation.pairs.map((pair) => pair.similarity?.toFixed(3))).toEqual(["0.940", "0.985", "0.000", "-1.000"])
  // Of ten pairs among five pictures, two show one person.
  expect(evaluation.impostorPairs).toBe(8)
  expect(evaluation.genuinePairs).toBe(2)
  expect(evaluation.best.accuracy.count).toBe(4)
  expect(evaluation.atThresholds[0]?.accuracy.count).toBe(3)
  expect(evaluation.acceptance.every((rate) => rate.tooFew)).toBe(true)
})

test("a face that was not found misses its own pair and leaves the pair of two people out", () => {
  const vectors = new Map([
    ["A/A_0001.jpg", at(0)],
    ["B/B_0001.jpg", at(90)],
    ["B/B_0002.jpg", at(100)],
    ["C/C_0001.jpg", at(200)],
  ])
  const evaluation = evaluate(list, vectors, {})
  expect(evaluation.picturesWithoutFace).toEqual(["A/A_0002.jpg"])
  expect(evaluation.pairs.filter((pair) => pair.similarity === undefined).length).toBe(2)
  expect(evaluation.best.accuracy).toMatchObject({ count: 2, of: 3 })
  expect(evaluation.genuinePairs).toBe(2)
})
