import { expect, test } from "bun:test"
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { entity } from "../support.ts"
import { type BundleBox, createBundleSite, tempFolder } from "./support.ts"

const names = { "gate-1": "0a0a0a0a", "gate-2": "0b0b0b0b", "gate-3": "0c0c0c0c" }

async function exportOf(box: BundleBox, folder: string, receiver?: string) {
  const out = await box.bundles.exportTo(folder, receiver)
  if (out.kind !== "exported") throw new Error(`not exported: ${JSON.stringify(out)}`)
  return out
}

async function importOf(box: BundleBox, file: string) {
  const imported = await box.bundles.importFile(file)
  if (imported.kind !== "imported") throw new Error(`not imported: ${JSON.stringify(imported)}`)
  return imported
}

function boxes() {
  const site = createBundleSite(names)
  const [a, b] = [site.box("gate-1"), site.box("gate-2")]
  a.enrol(1, 200)
  return { site, a, b }
}

test("the next bundle for a box begins where its receipt ends; receipts are taken once", async () => {
  using stick = tempFolder()
  const { a, b } = boxes()
  const first = await exportOf(a, stick.path, "gate-2")
  expect(first).toMatchObject({ records: 200, header: { receiver: b.member, since: 0 } })
  const imported = await importOf(b, first.file)
  expect(imported.receiptFile).toEqual({ kind: "ok", value: `${first.file}.receipt` })
  a.enrol(300, 7)
  const second = await exportOf(a, stick.path, "gate-2")
  expect(second).toMatchObject({
    records: 7,
    receipts: [{ kind: "confirmed", receiver: b.member, receiverName: "gate-2", through: first.header.through }],
    header: { since: first.header.through },
  })
  expect(second.bytes).toBeLessThan(first.bytes / 10)
  expect(existsSync(`${first.file}.receipt`)).toBe(false)
  expect(await importOf(b, second.file)).toMatchObject({ changed: 7, known: 0 })
  expect(b.digest()).toEqual(a.digest())
  // For everybody else it is all of it, and so it is for a box that confirmed nothing.
  expect(await exportOf(a, stick.path)).toMatchObject({ records: 207 })
  expect(await exportOf(a, stick.path, names["gate-3"])).toMatchObject({ records: 207 })
})

test("without a receipt the next bundle has all of it again", async () => {
  using stick = tempFolder()
  const { a } = boxes()
  expect(await exportOf(a, stick.path, "gate-2")).toMatchObject({ records: 200 })
  expect(await exportOf(a, stick.path, "gate-2")).toMatchObject({ records: 200 })
})

test("what came the other way need not come back, and a bundle carries what third boxes wrote", async () => {
  using stick = tempFolder()
  const { site, a, b } = boxes()
  const c = site.box("gate-3")
  await importOf(b, (await exportOf(a, stick.path)).file)
  b.enrol(500, 3)
  expect(await importOf(c, (await exportOf(b, stick.path)).file)).toMatchObject({ changed: 203 })
  expect(c.digest()).toEqual(b.digest())
})

test("a bundle with changes missing before it comes in, says so, and is not confirmed", async () => {
  using stick = tempFolder()
  const { site, a, b } = boxes()
  const first = await exportOf(a, stick.path, "gate-2")
  await importOf(b, first.file)
  a.enrol(300, 7)
  const second = await exportOf(a, stick.path, "gate-2")
  // Restored from a backup of before the first.
  const restored = site.box("gate-2")
  const imported = await importOf(restored, second.file)
  expect(imported).toMatchObject({ changed: 7, missing: { after: 0, upTo: first.header.through } })
  expect(imported.receipt.body.through).toBe(0)
  // … which sends the exporter back.
  expect(await exportOf(a, stick.path, "gate-2")).toMatchObject({ records: 207, header: { since: 0 } })
})

test("an exporter that was restored from a backup counts anew, and an old receipt means nothing to it", async () => {
  using stick = tempFolder()
  const { a, b } = boxes()
  const backup = a.disk.backup()
  a.enrol(300, 50)
  const first = await exportOf(a, stick.path, "gate-2")
  await importOf(b, first.file)
  a.disk.restore(backup)
  a.enrol(400, 60)
  const second = await exportOf(a, stick.path, "gate-2")
  expect(second).toMatchObject({ records: 260, receipts: [{ kind: "not_ours" }], header: { since: 0 } })
  expect(await importOf(b, second.file)).toMatchObject({ changed: 60, known: 200 })
  expect(b.disk.rows().size).toBe(310)
})

test("receipts of strangers, changed ones, and other files are left where they are", async () => {
  using stick = tempFolder()
  const { a, b } = boxes()
  const first = await exportOf(a, stick.path, "gate-2")
  await importOf(b, first.file)
  const receipt = `${first.file}.receipt`
  const text = readFileSync(receipt, "utf8")
  writeFileSync(`${stick.path}/picture.receipt`, new Uint8Array(20_000))
  writeFileSync(`${stick.path}/note.receipt`, "3 apples")
  copyFileSync(receipt, `${stick.path}/changed.receipt`)
  writeFileSync(receipt, text.replace(/"through": \d+/, '"through": 999'))
  const elsewhere = createBundleSite(names)
  const stranger = elsewhere.box("gate-2")
  const other = elsewhere.box("gate-1")
  other.enrol(1, 3)
  const foreign = await importOf(stranger, (await exportOf(other, stick.path)).file)
  expect(foreign.receiptFile?.kind).toBe("ok")
  writeFileSync(`${stick.path}/changed.receipt`, text.replace("gate-2", "gate-9"))
  const out = await exportOf(a, stick.path, "gate-2")
  expect(out.receipts.map(({ kind }) => kind)).toEqual(["not_believed", "not_believed", "not_believed"])
  expect(out).toMatchObject({ records: 200 })
  expect(readdirSync(stick.path).filter((name) => name.endsWith(".receipt")).length).toBe(5)
})

test("an erasure goes with the next bundle, however little else does", async () => {
  using stick = tempFolder()
  const { a, b } = boxes()
  await importOf(b, (await exportOf(a, stick.path, "gate-2")).file)
  a.write("erase", entity(20))
  expect(await importOf(b, (await exportOf(a, stick.path, "gate-2")).file)).toMatchObject({ changed: 1 })
  expect(b.digest()).toEqual(a.digest())
  expect(b.disk.rows().has(entity(20, 20))).toBe(false)
})
