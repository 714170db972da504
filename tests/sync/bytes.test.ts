import { expect, test } from "bun:test"
import { createByteReader, createByteWriter } from "../../app/sync/bytes.ts"

test("what is written is read again, wherever the writer had to make room", () => {
  for (let before = 1000; before < 1050; before++) {
    const writer = createByteWriter()
    writer.raw(new Uint8Array(before).fill(1))
    writer.varint(300)
    writer.block(new Uint8Array(5000).fill(2))
    writer.uint(7, 3)
    const reader = createByteReader(writer.done())
    expect(reader.raw(before).every((byte) => byte === 1)).toBe(true)
    expect(reader.varint()).toBe(300)
    expect(reader.block(10_000)).toEqual(new Uint8Array(5000).fill(2))
    expect(reader.uint(3)).toBe(7)
    expect(reader.isSoundToTheEnd()).toBe(true)
  }
})
