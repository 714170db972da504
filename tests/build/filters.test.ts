import { describe, expect, test } from "bun:test"
import { undoFilter } from "../../app/base/resources/filters.ts"
import { applyFilter } from "../../scripts/build/filters.ts"

const random = (length: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(Math.min(length, 65_536))))

function expectSame(path: string, bytes: Buffer, kind: string, changed = true): void {
  const applied = applyFilter(path, bytes)
  expect(applied?.filter.kind).toBe(kind as "code")
  if (applied === undefined) return
  if (changed) expect(applied.filtered.equals(bytes)).toBe(false)
  expect(undoFilter(Buffer.from(applied.filtered), applied.filter).equals(bytes)).toBe(true)
}

/** An ELF file for x86-64 with nothing but `.text` and the names of sections. */
function elf(code: Buffer): Buffer {
  const names = Buffer.from("\0.text\0.shstrtab\0")
  const header = Buffer.alloc(64)
  header.writeUInt32BE(0x7f454c46)
  header.writeUInt16LE(62, 18)
  header.writeBigUInt64LE(BigInt(64 + code.length + names.length), 40)
  header.writeUInt16LE(2, 60)
  header.writeUInt16LE(1, 62)
  const section = (name: number, at: number, bytes: number) => {
    const entry = Buffer.alloc(64)
    entry.writeUInt32LE(name)
    entry.writeBigUInt64LE(BigInt(at), 24)
    entry.writeBigUInt64LE(BigInt(bytes), 32)
    return entry
  }
  const sections = [section(1, 64, code.length), section(7, 64 + code.length, names.length)]
  return Buffer.concat([header, code, names, ...sections])
}

describe("what was rewritten before it was compressed comes out as it was", () => {
  test("machine code, with distances at every limit", () => {
    const code = random(20_000)
    code[code.length - 6] = 0x8b
    code[code.length - 5] = 0x05
    const limits = [0, -5, 5, code.length, -code.length, 2 ** 31 - 1, -(2 ** 31)]
    for (let i = 0; i + 30 < code.length; i += 41) {
      const limit = limits[(i / 41) % limits.length] ?? 0
      code[i] = 0xe8 + ((i / 41) % 2)
      // As 32 bits: what is beyond turns around.
      code.writeInt32LE((limit - i * (Math.floor(i / 82) % 2)) | 0, i + 1)
      // mov from a place told by its distance, into one of eight registers
      code.set([0x8b, 0x05 + 8 * ((i / 41) % 8)], i + 20)
      code.writeInt32LE(limit, i + 22)
    }
    expectSame("a.node", elf(code), "code")
    // In short ones few distances point into the code, and the rules for those that do not meet.
    for (let round = 0; round < 50; round++)
      expectSame("a.node", elf(Buffer.concat([random(999), Buffer.from([0xe8, 9, 0, 0, 0])])), "code", false)
  })

  test.each([0, 1, 2, 3])("numbers that take few values, %d bytes off", (shift) => {
    const values = random(4 * 256)
    const run = Buffer.concat(
      Array.from({ length: 9000 }, (_, i) => values.subarray(4 * ((i * 37) % 256), 4 * ((i * 37) % 256) + 4)),
    )
    expectSame("a.onnx", Buffer.concat([random(5000 + shift), run, random(3000), run, random(shift)]), "palettes")
  })

  test.each([0, 1, 2, 3])("other numbers, %d bytes more", (more) => expectSame("a.onnx", random(4000 + more), "planes"))

  test("what no rule helps with stays as it is", () => expect(applyFilter("a.txt", random(5000))).toBeUndefined())
})
