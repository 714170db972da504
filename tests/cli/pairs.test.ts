import { expect, test } from "bun:test"
import { parsePairs } from "../../app/cli/eval/pairs.ts"

test("one fold: pairs of one person, then of two, each picture once", () => {
  const list = parsePairs("1\t2\nAnn_Lee\t1\t4\nBo\t2\t3\nAnn_Lee\t1\tBo\t2\nBo\t3\tCy\t10\n")
  if (list.kind !== "ok") throw new Error(list.why)
  expect(list.value.folds.length).toBe(1)
  expect(list.value.folds[0]?.map((pair) => pair.same)).toEqual([true, true, false, false])
  expect(list.value.pictures.map((picture) => picture.file)).toEqual([
    "Ann_Lee/Ann_Lee_0001.jpg",
    "Ann_Lee/Ann_Lee_0004.jpg",
    "Bo/Bo_0002.jpg",
    "Bo/Bo_0003.jpg",
    "Cy/Cy_0010.jpg",
  ])
})

test("folds follow each other, and a header of one number means one fold", () => {
  const two = parsePairs("2 1\nA 1 2\nA 1 B 1\nC 1 2\nC 1 D 1")
  expect(two.kind === "ok" && two.value.folds.map((fold) => fold.length)).toEqual([2, 2])
  const one = parsePairs("1\nA 1 2\nA 1 B 1")
  expect(one.kind === "ok" && one.value.folds.length).toBe(1)
})

test.each([
  ["", "first line"],
  ["ten 300\n", "first line"],
  ["1 1\nA 1 2\n", "announces 2 pairs, but 1"],
  ["1 1\nA 1 2\nA 1 B\n", "line 3 is not a pair"],
  ["1 1\nA 1 2\nA 1 2\n", "line 3 should be a pair of two people"],
  ["1 1\n../etc/x 1 2\nA 1 B 1\n", "line 2 is not a pair"],
  ["1 1\n.. 1 2\nA 1 B 1\n", "line 2 is not a pair"],
])("%j is refused with the reason", (text, reason) => {
  const list = parsePairs(text)
  expect(list.kind === "failed" && list.why).toContain(reason)
})
