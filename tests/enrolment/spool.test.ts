import { describe, expect, test } from "bun:test"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { openSource } from "../../app/enrolment/archive/open.ts"
import { createSpool, type Upload, type UploadStep } from "../../app/enrolment/spool.ts"
import { createSealKey } from "../../app/vault/seal.ts"
import { openSuite } from "../../app/vault/suites.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"
import { pictures, zipOf } from "./support.ts"

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

describe.each(["aes", "gm"] as const)("sealed, %s", (suite) => {
  const key = createSealKey(openSuite(suite).suite)
  const sealedIn = (folder: TempFolder) =>
    createSpool(folder.file("enrolments"), { spoolBytesMax: 10 * mebibyte, diskFreeBytesMin: 0 }, () => key)
  const archive = zipOf(pictures("Wilhelmina/1.jpg", "Wilhelmina/2.jpg", "Ada/1.jpg"), 0)

  function upload(bytes: Uint8Array): Upload {
    const steps: UploadStep[] = [
      { kind: "bytes", bytes: bytes.subarray(0, 1000) },
      { kind: "bytes", bytes: bytes.subarray(1000) },
    ]
    return { declaredBytes: undefined, next: async () => steps.shift() ?? { kind: "end" } }
  }

  test("an archive lies there sealed, and is read as it was sent", async () => {
    using folder = tempFolder()
    const spool = sealedIn(folder)
    const spooled = await spool.receive("a", upload(archive))
    expect(spooled).toMatchObject({
      kind: "spooled",
      bytes: archive.length,
      sha256: createHash("sha256").update(archive).digest(),
    })
    const file = readFileSync(spool.pathOf("a"))
    expect(Buffer.from(archive).includes("Wilhelmina")).toBe(true)
    expect(file.includes("Wilhelmina") || file.includes("PK")).toBe(false)
    const source = openSource("zip", () => spool.open("a"), { imageBytesMax: mebibyte, itemsMax: 100 })
    expect(await source.survey(new AbortController().signal)).toEqual({ kind: "ok", items: 3 })
    const items = await Array.fromAsync(source.items(() => false))
    expect(items.map((item) => item.kind === "item" && [item.person?.name, item.file, item.content.kind])).toEqual([
      ["Wilhelmina", "1.jpg", "picture"],
      ["Wilhelmina", "2.jpg", "picture"],
      ["Ada", "1.jpg", "picture"],
    ])
  })

  test("an upload that is cut leaves nothing, one that is changed on the disk is refused", async () => {
    using folder = tempFolder()
    const spool = sealedIn(folder)
    expect((await spool.receive("cut", uploadOf([mebibyte, "cut"], 3 * mebibyte))).kind).toBe("cut")
    expect(existsSync(spool.pathOf("cut"))).toBe(false)
    await spool.receive("a", upload(archive))
    const file = readFileSync(spool.pathOf("a"))
    file[file.length - 30]! ^= 1
    writeFileSync(spool.pathOf("a"), file)
    expect(spool.open("a")).rejects.toThrow("send the archive again")
  })

  test("one that came before the folder was sealed is sealed at the start", async () => {
    using folder = tempFolder()
    await spoolIn(folder).receive("a", upload(archive))
    const spool = sealedIn(folder)
    expect(readFileSync(spool.pathOf("a")).equals(archive)).toBe(true)
    await spool.sweep(["a"])
    expect(readFileSync(spool.pathOf("a")).includes("Wilhelmina")).toBe(false)
    await spool.sweep(["a"])
    await using opened = await spool.open("a")
    expect(Buffer.from(await opened.read(0, archive.length)).equals(archive)).toBe(true)
    expect(readdirSync(folder.file("enrolments"))).toEqual(["a.upload"])
  })
})
