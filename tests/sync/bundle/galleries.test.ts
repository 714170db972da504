import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { runCli } from "../../../app/cli/cli.ts"
import type { CliNeeds } from "../../../app/cli/needs.ts"
import { revoke } from "../../../app/sync/site/authority.ts"
import { openBundlesAlone } from "../../../app/wiring/bundles.ts"
import { near, enrol as put, randomFrom, randomVector, spaceOf } from "../../gallery/support.ts"
import { createStickFolders, type StickBox, type StickParts } from "./folders.ts"
import { tempFolder } from "./support.ts"

const space = spaceOf(64)
const random = randomFrom(5)
const parent = tempFolder()
let a: StickBox
let b: StickBox
let c: StickBox

beforeAll(async () => {
  const boxes = await createStickFolders(parent.path, ["gate-1", "gate-2", "gate-3"])
  ;[a, b, c] = [boxes[0]!, boxes[1]!, boxes[2]!]
})
afterAll(() => parent[Symbol.dispose]())

/** People with two faces each. */
function enrol({ gallery }: StickParts, count: number, name = "Nora") {
  return Array.from({ length: count }, (_, i) => {
    const vector = randomVector(64, random)
    return { vector, ...put(gallery, `${name} ${i}`, space, [vector, near(vector, 0.3, random)]) }
  })
}

const nearest = async ({ gallery }: StickParts, vector: Float32Array) => (await gallery.search(space, vector, 1))[0]

async function exported(box: StickBox, folder: string, receiver?: string) {
  const out = await box.bundles((bundles) => bundles.exportTo(folder, receiver))
  if (out.kind !== "exported") throw new Error(`not exported: ${JSON.stringify(out)}`)
  return out
}

const imported = (box: StickBox, file: string) => box.bundles((bundles) => bundles.importFile(file))

test("who is enrolled at one box is recognised at another by a stick alone; erased, and an old stick does not bring back", async () => {
  using stick = tempFolder()
  const people = await a.use((parts) => enrol(parts, 300))
  const out = await exported(a, stick.path, "gate-2")
  // A face is one record, with what was known of the person.
  expect(out.records).toBe(600)
  expect(await imported(b, out.file)).toMatchObject({ kind: "imported", changed: 600, known: 0, refused: [] })
  const someone = people[17]!
  await b.use(async (parts) => {
    expect(await nearest(parts, someone.vector)).toMatchObject({ subjectId: someone.subjectId, name: "Nora 17" })
    expect(parts.gallery.counts()).toMatchObject({ subjects: 300, faces: 600 })
  })
  expect(await imported(b, out.file)).toMatchObject({ changed: 0, known: 600, wasKnown: true })

  // Back again, beside a change and an erasure.
  await b.use(async (parts) => {
    parts.gallery.updateSubject(people[3]!.subjectId, { name: "Ines" })
    expect((await parts.people.erase(someone.subjectId)).kind).toBe("erased")
    enrol(parts, 2, "Mara")
  })
  const back = await exported(b, stick.path, "gate-1")
  expect(await imported(a, back.file)).toMatchObject({ kind: "imported", changed: 6, refused: [] })
  expect(await imported(b, out.file)).toMatchObject({ changed: 0 })
  for (const box of [a, b])
    await box.use(async (parts) => {
      expect(parts.gallery.subject(people[3]!.subjectId)?.name).toBe("Ines")
      expect(parts.gallery.subject(someone.subjectId)).toBeUndefined()
      expect((await nearest(parts, someone.vector))?.subjectId).not.toBe(someone.subjectId)
      expect(parts.gallery.counts()).toMatchObject({ subjects: 301, faces: 602 })
      expect(parts.people.erasure(someone.subjectId)?.receipt).toBeDefined()
    })
  // The receipt went back with the stick: the next one has only what is new since.
  const next = await exported(a, stick.path, "gate-2")
  expect(next.records).toBe(6)
  expect(next.receipts.map(({ kind }) => kind).sort()).toEqual(["confirmed", "not_ours"])
  expect(await imported(b, next.file)).toMatchObject({ changed: 0, known: 6 })
})

test("an import beside a process that uses the gallery is found by its very next search", async () => {
  using stick = tempFolder()
  await a.use(async (parts) => {
    const [mara] = await b.use((other) => enrol(other, 1, "Mara"))
    const out = await exported(b, stick.path)
    expect(await imported(a, out.file)).toMatchObject({ kind: "imported", changed: 2 })
    expect(await nearest(parts, mara!.vector)).toMatchObject({ subjectId: mara!.subjectId })
  })
})

test("the roster goes along: a box that hears of a revocation by a stick takes nothing of the revoked box any more", async () => {
  using stick = tempFolder()
  await c.use((parts) => enrol(parts, 1, "Eve"))
  const before = await exported(c, stick.path)
  expect(await imported(b, before.file)).toMatchObject({ kind: "imported", changed: 2 })
  await a.use(({ site }) => {
    expect(revoke(site, "gate-3", Date.now()).kind).toBe("ok")
  })
  const news = await exported(a, stick.path, "gate-2")
  // Sealed under a key that gate-2 has not heard of, but for the roster in the bundle itself.
  expect(news.header.epoch).toBe(2)
  expect(await imported(b, news.file)).toMatchObject({ kind: "imported" })
  await c.use((parts) => enrol(parts, 1, "Eve"))
  const later = await exported(c, stick.path)
  expect(await imported(b, later.file)).toMatchObject({ kind: "not_taken", refusal: { kind: "revoked_box" } })
  // … and the revoked one reads nothing that was written since.
  expect(await imported(c, news.file)).toMatchObject({ kind: "not_taken", refusal: { kind: "no_key" } })
})

test("a box that was sent away says so, and neither writes nor takes", async () => {
  using stick = tempFolder()
  const out = await exported(a, stick.path)
  // It has heard of it by the roster of the bundle before.
  const stopped = { kind: "stopped", why: expect.stringContaining("this box was revoked") }
  expect(await c.bundles((bundles) => bundles.exportTo(stick.path))).toMatchObject(stopped)
  expect(await imported(c, out.file)).toMatchObject(stopped)
})

test("the command says what it did, and ends with a code", async () => {
  using stick = tempFolder()
  await a.use((parts) => enrol(parts, 3, "Lena"))
  const command = async (...argv: string[]) => {
    const lines: string[] = []
    const terminal = { out: (text: string) => lines.push(text), err: (text: string) => lines.push(text), watched: false }
    const needs = { openBundles: openBundlesAlone } as CliNeeds
    const code = await runCli(argv, needs, {
      ...terminal,
      out: (text) => void lines.push(text),
      err: (text) => void lines.push(text),
    })
    return { code, text: lines.join("\n") }
  }
  const at = ({ config }: StickBox) => ["--data", config.dataFolder]
  const out = await command("bundle", "export", "--to", stick.path, ...at(a))
  expect(out.code).toBe(0)
  const file = /^(\S+\.bundle): \d+ records \(everything\)/m.exec(out.text)?.[1] ?? ""
  expect(existsSync(file)).toBe(true)
  const header = await command("bundle", "inspect", file)
  expect(header).toMatchObject({ code: 0, text: expect.stringContaining("of the site gate: everything that box knows") })
  expect(await command("bundle", "inspect", file, "--check", ...at(b))).toMatchObject({ code: 0 })
  expect(await command("bundle", "import", file, ...at(b))).toMatchObject({
    code: 0,
    text: expect.stringMatching(/6 records new/),
  })
  expect((await command("bundle", "import", file, ...at(b))).text).toContain("nothing changed")
  expect((await command("bundle", "export", "--to", stick.path, "--for", "gate-2", ...at(a))).text).toContain(
    "gate-2 has all up to",
  )
  expect(await command("bundle", "export", "--to", stick.path, "--for", "gate-7", ...at(a))).toMatchObject({ code: 3 })
  expect(await command("bundle", "import", join(stick.path, "none"), ...at(b))).toMatchObject({
    code: 3,
    text: expect.stringContaining("cannot be read (ENOENT)"),
  })
  const outside = await command("bundle", "export", "--to", stick.path, "--data", join(parent.path, "alone"))
  expect(outside).toMatchObject({ code: 3, text: expect.stringContaining("belongs to no site") })
})
