import { expect, test } from "bun:test"
import { fingerprint } from "../../app/http/fingerprint.ts"

const hex = (value: unknown) => Buffer.from(fingerprint(value)).toString("hex")

test("equal values have one fingerprint, whatever the order of their keys", () => {
  expect(hex({ a: 1, b: [{ c: "x", d: null }] })).toBe(hex({ b: [{ d: null, c: "x" }], a: 1 }))
  expect(hex({ a: 1, b: undefined })).toBe(hex({ a: 1 }))
  const bytes = new Uint8Array([9, 1, 2, 3])
  expect(hex(bytes.subarray(1))).toBe(hex(new Uint8Array([1, 2, 3])))
})

test("different values have different ones", () => {
  const values = [
    ...[undefined, null, true, false, 0, 1, "", "1", "null", [], {}, [[]], [null], ["1"], [1], ["a", "b"], ["ab"], ["a,b"]],
    ...[{ a: 1 }, { a: "1" }, { a: { b: 1 } }, { "a b": 1 }, [{ a: 1 }], [{}, "a", 1], "a\0", ["a\0"], ["a", "\0"]],
    ...[new Uint8Array([1, 2, 3, 4]), [1, 2, 3, 4], new Uint8Array([1, 2, 3]), new Float32Array([1]), new Float32Array([2])],
    ...[[new Uint8Array([1]), new Uint8Array([2])], [new Uint8Array([1, 2])]],
  ]
  expect(new Set(values.map(hex)).size).toBe(values.length)
})
