import { describe, expect, test } from "bun:test"
import { apply, fitSimilarity, invert } from "../../app/face/align.ts"
import type { Landmarks } from "../../app/face/geometry.ts"
import { face, mapped, similarityOf } from "./support.ts"

describe("the fit", () => {
  test("finds the similarity a face was moved by", () => {
    const moved = similarityOf(27, 2.5, 310, -45)
    const found = fitSimilarity(face, mapped(face, moved))
    for (const part of ["a", "b", "tx", "ty"] as const) expect(found[part]).toBeCloseTo(moved[part], 9)
  })

  test("leaves the smallest squared distance when no similarity fits", () => {
    const squeezed = face.map(([x, y]) => [x * 0.6, y]) as unknown as Landmarks
    const found = fitSimilarity(squeezed, face)
    const least = squaredDistance(mapped(squeezed, found), face)
    for (const part of ["a", "b", "tx", "ty"] as const) {
      for (const step of [-0.001, 0.001]) {
        const other = { ...found, [part]: found[part] + step }
        expect(squaredDistance(mapped(squeezed, other), face)).toBeGreaterThan(least)
      }
    }
  })

  test("never mirrors", () => {
    const mirrored = face.map(([x, y]) => [112 - x, y]) as unknown as Landmarks
    const { a, b } = fitSimilarity(mirrored, face)
    expect(a * a + b * b).toBeGreaterThan(0)
    expect(squaredDistance(mapped(mirrored, fitSimilarity(mirrored, face)), face)).toBeGreaterThan(100)
  })

  test("there and back again is nowhere", () => {
    const there = similarityOf(-130, 0.3, 7, 1000)
    const back = invert(there)
    if (back === undefined) throw new Error("a similarity with a size can be undone")
    const [x, y] = apply(back, apply(there, [12.5, -7]))
    expect([x, y]).toEqual([expect.closeTo(12.5, 9), expect.closeTo(-7, 9)])
  })

  test.each([
    ["five points in one place", Array(5).fill([3, 3])],
    ["points that are no numbers", Array(5).fill([Number.NaN, 3])],
  ])("%s have no way back", (_, points) => {
    expect(invert(fitSimilarity(face, points as unknown as Landmarks))).toBeUndefined()
  })
})

function squaredDistance(a: Landmarks, b: Landmarks): number {
  return a.reduce((sum, [x, y], index) => sum + (x - b[index]![0]) ** 2 + (y - b[index]![1]) ** 2, 0)
}
