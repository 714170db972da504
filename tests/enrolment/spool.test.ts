import { expect, test } from "bun:test"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { createSpool, type Upload, type UploadStep } from "../../app/enrolment/spool.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"

const mebibyte = 1024 * 1024

/** A body of these pieces; nothing comes after `end`, `cut` or `too_slow`. */
function uploadOf(pieces: readonly (number | "cut" | "too_slow")[], declaredBytes?: number): Upload {
  const left = [...pieces]
  return {
    declaredBytes,
    next: async (): Promise<UploadStep> => {
      const piece = left.shift()
      if (piece === undefined) return { kind: "end" }
      return typeof piece === "number" ? { kind: "bytes", bytes: new Uint8Array(piece).fill(piece) } : { kind: piece }
    },
  }
}

const spoolIn = (folder: TempFolder, options: Partial<Parameters<typeof createSpool>[1]> = {}) =>
  createSpool(folder.file("enrolments"), { spoolBytesMax: 10 * mebibyte, diskFreeBytesMin: 0, ...options })

test("what comes is what lies there, for nobody else to read", async () => {
  using folder = tempFolder()
  const spool = spoolIn(folder)
  for (const [id, declared] of [["a"], ["b", 2 * mebibyte + 7]] as const) {
    const spooled = await spool.receive(id, uploadOf([mebibyte, 7, mebibyte], declared))
    const bytes = readFileSync(spool.pathOf(id))
    expect(spooled).toEqual({ kind: "spooled", bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest() })
    expect(bytes.length).toBe(2 * mebibyte + 7)
    expect(statSync(spool.pathOf(id)).mode & 0o777).toBe(0o600)
  }
  expect(statSync(folder.file("enrolments")).mode & 0o777).toBe(0o700)
  expect(spool.heldBytes()).toBe(2 * (2 * mebibyte + 7))
})

test.each([
  ["declared larger than the budget", [1], 11 * mebibyte, "too_large"],
  ["larger than the budget without a word", Array<number>(12).fill(mebibyte), undefined, "too_large"],
  ["larger than it said, and than the budget", Array<number>(12).fill(mebibyte), 5, "too_large"],
  ["cut off", [mebibyte, "cut"], 3 * mebibyte, "cut"],
  ["stuck", [mebibyte, "too_slow"], undefined, "too_slow"],
] as const)("an upload that is %s leaves nothing behind", async (_, pieces, declared, kind) => {
  using folder = tempFolder()
  const spool = spoolIn(folder)
  expect((await spool.receive("a", uploadOf(pieces, declared))).kind).toBe(kind)
  expect(existsSync(spool.pathOf("a"))).toBe(false)
  expect(spool.heldBytes()).toBe(0)
})

test("what others hold is not given twice, and comes free with them", async () => {
  using folder = tempFolder()
  const spool = spoolIn(folder)
  expect((await spool.receive("a", uploadOf([6 * mebibyte], 6 * mebibyte))).kind).toBe("spooled")
  expect(await spool.receive("b", uploadOf([1], 5 * mebibyte))).toMatchObject({
    kind: "no_room",
    why: expect.stringContaining("spoolBytesMax"),
  })
  await spool.remove("a")
  expect((await spool.receive("b", uploadOf([5 * mebibyte], 5 * mebibyte))).kind).toBe("spooled")
})

test("a part of the disk is left free", async () => {
  using folder = tempFolder()
  const spool = spoolIn(folder, { diskFreeBytesMin: Number.MAX_SAFE_INTEGER })
  const refused = await spool.receive("a", uploadOf([5], 5))
  expect(refused).toMatchObject({ kind: "disk_full", why: expect.stringContaining("diskFreeBytesMin") })
  expect((await spool.receive("b", uploadOf([5]))).kind).toBe("disk_full")
})

test("a start removes what no job needs, and counts what one does", async () => {
  using folder = tempFolder()
  const spool = spoolIn(folder)
  await spool.sweep(["a"])
  mkdirSync(folder.file("enrolments"))
  for (const id of ["a", "b"]) writeFileSync(spool.pathOf(id), "12345")
  await spool.sweep(["a", "gone"])
  expect([existsSync(spool.pathOf("a")), existsSync(spool.pathOf("b")), spool.heldBytes()]).toEqual([true, false, 5])
})
