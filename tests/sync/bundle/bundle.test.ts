import { describe, expect, test } from "bun:test"
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createRandom } from "../../../app/base/random.ts"
import { inspectHeader } from "../../../app/sync/bundle/bundles.ts"
import { readU32 } from "../../../app/sync/bundle/format.ts"
import { openSuite } from "../../../app/vault/suites.ts"
import { entity } from "../support.ts"
import { createBundleSite, inPieces, tempFolder } from "./support.ts"

const names = { "gate-1": "0a0a0a0a", "gate-2": "0b0b0b0b", "gate-3": "0c0c0c0c" }

/** Two boxes, of which the first has 700 people and an erasure, and a bundle of all of it. */
async function exported(stick: { readonly path: string }, site = createBundleSite(names)) {
  const [a, b] = [site.box("gate-1"), site.box("gate-2")]
  a.enrol(1, 700)
  a.write("erase", entity(1))
  a.write("del", entity(2, 2))
  const out = await a.bundles.exportTo(stick.path)
  if (out.kind !== "exported") throw new Error(`not exported: ${JSON.stringify(out)}`)
  return { site, a, b, file: out.file, out }
}

describe("a bundle", () => {
  test.each(["aes", "gm"] as const)("brings all to another box, a second time nothing, and says so (%s)", async (suite) => {
    using stick = tempFolder()
    const { a, b, file, out } = await exported(stick, createBundleSite(names, openSuite(suite).suite))
    expect(out).toMatchObject({ records: 700, receipts: [], header: { since: 0, exporterName: "gate-1", suite } })
    expect(readdirSync(stick.path).map((name) => join(stick.path, name))).toEqual([file])
    const imported = await b.bundles.importFile(file)
    expect(imported).toMatchObject({ kind: "imported", changed: 700, known: 0, refused: [], wasKnown: false })
    expect(b.digest()).toEqual(a.digest())
    // The importer offers them to the hub.
    expect(b.due()).toBe(700)
    expect(await b.bundles.importFile(file)).toMatchObject({ kind: "imported", changed: 0, known: 700, wasKnown: true })
    expect(await b.bundles.inspect(file)).toMatchObject({ kind: "whole", records: 700, refused: 0 })
  })

  test("of a box that was away for long does not bring back who was erased meanwhile", async () => {
    using stick = tempFolder()
    const { b, file } = await exported(stick)
    await b.bundles.importFile(file)
    b.write("erase", entity(50))
    expect(await b.bundles.importFile(file)).toMatchObject({ changed: 0, known: 700 })
    expect([...b.disk.rows().keys()].some((path) => path.startsWith(`${entity(50)}.`))).toBe(false)
  })

  test("tells its header without any key, and reveals nothing of the records", async () => {
    using stick = tempFolder()
    const { file, a } = await exported(stick)
    expect(await inspectHeader(file)).toMatchObject({
      kind: "header",
      header: { site: "gate", exporterName: "gate-1", epoch: 1, since: 0, exporter: a.disk.tables.origin() },
    })
    const bytes = readFileSync(file)
    expect(bytes.includes(Buffer.from(entity(5), "hex"))).toBe(false)
    expect(bytes.includes(Buffer.from("gate-1"))).toBe(true)
  })

  test("of nothing is a bundle, too", async () => {
    const site = createBundleSite(names)
    const [a, b] = [site.box("gate-1"), site.box("gate-2")]
    using stick = tempFolder()
    const out = await a.bundles.exportTo(stick.path)
    expect(out).toMatchObject({ kind: "exported", records: 0 })
    if (out.kind !== "exported") return
    expect(await b.bundles.importFile(out.file)).toMatchObject({ kind: "imported", changed: 0, known: 0 })
  })

  test("ends although the box goes on writing, and the next one has what came meanwhile", async () => {
    const site = createBundleSite(names)
    const [a, b] = [site.box("gate-1"), site.box("gate-2")]
    a.enrol(1, 300)
    const begun = await a.bundles.begin()
    if (begun.kind !== "begun") throw new Error(begun.why)
    const pieces: Uint8Array[] = []
    for (const piece of begun.bytes) {
      pieces.push(piece)
      if (pieces.length < 50) a.enrol(1000 * pieces.length, 150)
    }
    expect(pieces.length).toBeLessThan(10)
    expect(await b.bundles.import(inPieces(Buffer.concat(pieces)))).toMatchObject({ changed: 300, refused: [] })
    const again = await a.bundles.begin()
    if (again.kind !== "begun") throw new Error(again.why)
    expect(await b.bundles.import(inPieces(Buffer.concat([...again.bytes])))).toMatchObject({ kind: "imported", known: 300 })
    expect(b.digest()).toEqual(a.digest())
  })

  test("is written by one at a time, also when nobody fetched the last one", async () => {
    const box = createBundleSite(names).box("gate-1")
    const begun = await box.bundles.begin()
    if (begun.kind !== "begun") throw new Error(begun.why)
    expect((await box.bundles.begin()).kind).toBe("busy")
    begun.bytes.return({ records: 0 })
    expect((await box.bundles.begin()).kind).toBe("begun")
  })
})

describe("what is not taken", () => {
  test("a bundle with any one byte changed: nothing that was changed gets in, and nothing after it", async () => {
    using stick = tempFolder()
    const { site, a, file } = await exported(stick)
    const whole = readFileSync(file)
    const openingBytes = framesOf(whole).opening.length
    const random = createRandom(3)
    const kinds = new Set<string>()
    const all = new Set(a.digest())
    for (let i = 0; i < 60; i++) {
      const bytes = Buffer.from(whole)
      // Many of them in the opening, which is short.
      const at = Math.floor(random() * (i < 30 ? openingBytes : bytes.length))
      bytes[at]! ^= 1 << Math.floor(random() * 8)
      const b = site.box("gate-2")
      const imported = await b.bundles.import(inPieces(bytes))
      expect([at, imported.kind]).toEqual([at, "not_taken"])
      if (imported.kind === "not_taken") kinds.add(imported.refusal.kind)
      for (const row of b.digest()) expect(all.has(row)).toBe(true)
      if (at < openingBytes) expect(b.digest()).toEqual([])
    }
    expect([...kinds]).toContain("tampered")
    expect([...kinds]).toContain("bad_signature")
  })

  test("a bundle that was cut anywhere: what came before is there, and the whole one goes on", async () => {
    using stick = tempFolder()
    const { site, a, file, out } = await exported(stick)
    const whole = readFileSync(file)
    const random = createRandom(4)
    for (let i = 0; i < 25; i++) {
      const b = site.box("gate-2")
      const cut = Math.floor(random() * (out.bytes - 1))
      const first = await b.bundles.import(inPieces(whole.subarray(0, cut)))
      expect(first).toMatchObject({ kind: "not_taken", refusal: { kind: cut < 13 ? "no_bundle" : "truncated" } })
      const came = first.kind === "not_taken" ? first.changed : 0
      const second = await b.bundles.import(inPieces(whole))
      expect(second).toMatchObject({ kind: "imported", changed: 700 - came, known: came, wasKnown: false })
      expect(b.digest()).toEqual(a.digest())
    }
  })

  test("a bundle that ends between two of its blocks", async () => {
    using stick = tempFolder()
    const { site, file } = await exported(stick)
    const { opening, frames } = framesOf(readFileSync(file))
    for (const count of frames.keys()) {
      const b = site.box("gate-2")
      const cut = Buffer.concat([opening, ...frames.slice(0, count)])
      expect(await b.bundles.import(inPieces(cut))).toMatchObject({ kind: "not_taken", refusal: { kind: "truncated" } })
    }
  })

  test("blocks that were swapped, doubled, left out or taken from another bundle, an end moved forward, bytes behind it", async () => {
    using stick = tempFolder()
    const { site, a, file } = await exported(stick)
    const { opening, frames } = framesOf(readFileSync(file))
    a.enrol(5000, 10)
    const again = await a.bundles.exportTo(stick.path)
    if (again.kind !== "exported") throw new Error("not exported")
    const other = framesOf(readFileSync(again.file))
    expect(frames.length).toBeGreaterThan(4)
    const [first, second, third, ...rest] = frames as [Buffer, Buffer, Buffer, ...Buffer[]]
    const forged = {
      swapped: [first, third, second, ...rest],
      doubled: [first, first, second, third, ...rest],
      "left out": [first, third, ...rest],
      foreign: [first, other.frames[1]!, third, ...rest],
      "an early end": [first, rest.at(-1)!],
      "bytes behind": [...frames, Buffer.from("x")],
    }
    for (const [what, pieces] of Object.entries(forged)) {
      const b = site.box("gate-2")
      const imported = await b.bundles.import(inPieces(Buffer.concat([opening, ...pieces])))
      expect([what, imported.kind === "not_taken" && imported.refusal.kind]).toEqual([what, "tampered"])
    }
    // Whoever knows the site's key alone could seal a block, and not sign it.
    for (const i of frames.keys()) {
      const unsigned = frames.map((frame) => Buffer.from(frame))
      unsigned[i]![unsigned[i]!.length - 1]! ^= 1
      const importer = site.box("gate-2")
      const imported = await importer.bundles.import(inPieces(Buffer.concat([opening, ...unsigned])))
      expect(imported).toMatchObject({ kind: "not_taken", refusal: { kind: "tampered" } })
      expect(importer.disk.rows().size).toBeLessThanOrEqual(i * 128)
    }
    const b = site.box("gate-2")
    const mixed = await b.bundles.import(inPieces(Buffer.concat([other.opening, ...frames])))
    expect(mixed).toMatchObject({ kind: "not_taken", refusal: { kind: "tampered" }, changed: 0 })
  })

  test("a bundle of another site, of an unknown or revoked box, of a newer version, of an epoch without a key, of another suite", async () => {
    using stick = tempFolder()
    const { site, b, file } = await exported(stick)
    const bytes = readFileSync(file)
    const refusalOf = async (importer: typeof b, given: Uint8Array = bytes) => {
      const imported = await importer.bundles.import(inPieces(given))
      expect(importer.digest()).toEqual([])
      return imported.kind === "not_taken" ? `${imported.refusal.kind}: ${imported.refusal.why}` : imported.kind
    }
    const elsewhere = createBundleSite(names, undefined, "harbour").box("gate-2")
    expect(await refusalOf(elsewhere)).toContain("other_site: it is of the site gate, and this box belongs to harbour")
    const strangers = createBundleSite({ "gate-2": "0b0b0b0b" }).box("gate-2")
    expect(await refusalOf(strangers)).toContain("unknown_box: written by the box gate-1 (0a0a0a0a)")
    // The same names, and other keys.
    const impostor = createBundleSite(names)
    impostor.pairs.set("0a0a0a0a", impostor.pairs.get("0c0c0c0c")!)
    expect(await refusalOf(impostor.box("gate-2"))).toContain("bad_signature: not signed by the box gate-1")
    const newer = Buffer.from(bytes)
    newer[8] = 2
    expect(await refusalOf(b, newer)).toContain("newer_version: it has format 2")
    expect(await refusalOf(b, Buffer.from("PK\x03\x04 a zip of holiday pictures"))).toContain("no_bundle")
    const gm = createBundleSite(names, openSuite("gm").suite).box("gate-2")
    expect(await refusalOf(gm)).toContain("other_suite: sealed by the suite aes; this site uses gm")
    const key = site.epochs.get(1)!
    site.epochs.clear()
    site.epochs.set(2, key)
    expect(await refusalOf(b)).toContain("no_key: sealed by the site key of epoch 1")
    site.revoked.add("0a0a0a0a")
    expect(await refusalOf(b)).toContain("revoked_box: written by the box gate-1 (0a0a0a0a), which is no member any more")
  })

  test("a record whose bytes a member changed: it is named and counted, the rest comes in, and it is to be sent again", async () => {
    using stick = tempFolder()
    const { a, b } = await exported(stick)
    // A chip of one person in the record of another, by a member that has all keys but its own signature alone.
    const [one, two] = [a.disk.tables.row(entity(10, 10))!, a.disk.tables.row(entity(11, 11))!]
    const swapped = Buffer.from(one.record.bytes)
    swapped.set(two.record.bytes.subarray(70, 200), 70)
    a.disk.transact((tables) => tables.write({ ...one, record: { ...one.record, bytes: swapped } }))
    const out = await a.bundles.exportTo(stick.path)
    if (out.kind !== "exported") throw new Error("not exported")
    const imported = await b.bundles.importFile(out.file)
    expect(imported).toMatchObject({ kind: "imported", changed: 699, refused: [{ kind: "bad_signature", count: 1 }] })
    expect(b.disk.rows().has(entity(10, 10))).toBe(false)
    expect(b.disk.refused()).toBe(1)
    expect(imported.kind === "imported" && imported.receipt.body).toMatchObject({ through: 0, refused: 1 })
  })

  test("anything by a box whose gallery lost people without a record of it", async () => {
    using stick = tempFolder()
    const { b, file } = await exported(stick)
    b.disk.tables.counts = () => ({ expected: 100, present: 10 })
    expect(await b.bundles.importFile(file)).toMatchObject({ kind: "stopped" })
    expect(await b.bundles.exportTo(stick.path)).toMatchObject({ kind: "stopped" })
    expect(b.digest()).toEqual([])
  })

  test("a file that is not there, or a folder in its place", async () => {
    using stick = tempFolder()
    const { b } = await exported(stick)
    for (const path of [join(stick.path, "none.bundle"), stick.path])
      expect(await b.bundles.importFile(path)).toMatchObject({ kind: "not_taken", refusal: { kind: "unreadable" } })
    expect(await b.bundles.exportTo(join(stick.path, "no-such-folder"))).toMatchObject({ kind: "failed" })
  })
})

describe("an export", () => {
  test("that was cut off leaves no bundle, and the next one removes what it left", async () => {
    using stick = tempFolder()
    const { a, b, file } = await exported(stick)
    const draft = `${file}.draft`
    const others = join(stick.path, "gate-gate-1-2-000000000001-12345678.bundle.draft")
    for (const path of [draft, others]) writeFileSync(path, readFileSync(file))
    truncateSync(draft, 1000)
    expect(await b.bundles.importFile(draft)).toMatchObject({ kind: "not_taken", refusal: { kind: "truncated" } })
    await a.bundles.exportTo(stick.path)
    const left = readdirSync(stick.path)
    expect(left.filter((name) => name.endsWith(".draft")).map((name) => join(stick.path, name))).toEqual([others])
    expect(left.filter((name) => name.endsWith(".bundle")).length).toBe(2)
  })

  test("first writes down what no record says yet", async () => {
    using stick = tempFolder()
    const site = createBundleSite(names)
    let recorded = 0
    const a = site.box("gate-1", {
      recordAll: async () => {
        a.enrol(1, 5)
        recorded++
      },
    })
    expect(await a.bundles.exportTo(stick.path)).toMatchObject({ records: 5 })
    expect(recorded).toBe(1)
  })
})

/** The frames of a bundle, as they stand in it. */
function framesOf(bytes: Buffer): { readonly opening: Buffer; readonly frames: readonly Buffer[] } {
  const headerEnd = 13 + readU32(bytes, 9)
  const openingEnd = headerEnd + 4 + readU32(bytes, headerEnd) + 64
  const frames: Buffer[] = []
  for (let at = openingEnd; at < bytes.length; ) {
    const end = at + 5 + readU32(bytes, at + 1) + 64
    frames.push(bytes.subarray(at, end))
    at = end
  }
  return { opening: bytes.subarray(0, openingEnd), frames }
}
