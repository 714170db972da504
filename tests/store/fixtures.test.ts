import { Database } from "bun:sqlite"
import { afterAll, expect, test } from "bun:test"
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { openCreates } from "../../app/access/creates.ts"
import { openKeys } from "../../app/access/keys.ts"
import { projectRoot } from "../../app/base/paths.ts"
import { openBoxFolder } from "../../app/box/open.ts"
import { exitCodes } from "../../app/cli/outcome.ts"
import { openSightings } from "../../app/events/sightings.ts"
import type { Gallery } from "../../app/gallery/gallery.ts"
import { openGallery } from "../../app/gallery/open.ts"
import { migrations } from "../../app/store/migrations/index.ts"
import { openStore, type Store } from "../../app/store/store.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import type { Vault } from "../../app/vault/vault.ts"
import { folderOptions } from "../box/support.ts"
import { databaseName, type Expected, readEnrolment } from "../fixtures/fixture.ts"
import { readSync } from "../fixtures/sync.ts"
import { randomFrom } from "../gallery/support.ts"
import { tempFolder } from "../support/shared.ts"
import { plainVaultOf } from "../support/vault.ts"

/** Data folders as older programs left them, by the number of their schema (scripts/fixture.ts). */
const fixturesFolder = join(projectRoot, "tests/fixtures")
const fixtures = readdirSync(fixturesFolder).filter((name) => /^data-\d+$/.test(name))
const kills = 10

const folder = tempFolder()
afterAll(() => folder[Symbol.dispose]())

const expectedOf = (fixture: string): Expected =>
  JSON.parse(readFileSync(join(fixturesFolder, fixture, "expected.json"), "utf8"))

function copyOf(fixture: string, as: string): string {
  const path = folder.file(as, databaseName)
  mkdirSync(dirname(path))
  copyFileSync(join(fixturesFolder, fixture, databaseName), path)
  return path
}

async function expectAnswers(path: string, expected: Expected): Promise<void> {
  const opened = openStore(path)
  if (opened.kind === "failed") throw new Error(opened.why)
  await expectToldBy({ store: opened.store, vault: plainVaultOf(opened.store) }, expected)
}

/** Closes the store. */
async function expectToldBy(opened: { readonly store: Store; readonly vault: Vault }, expected: Expected): Promise<void> {
  const { vault } = opened
  const gallery = await openGallery(opened.store, vault)
  try {
    expect(opened.store.prepare("pragma integrity_check").get()).toEqual({ integrity_check: "ok" })
    expect(opened.store.prepare("pragma foreign_key_check").all()).toEqual([])
    expect(opened.store.prepare("pragma user_version").get()).toEqual({ user_version: migrations.length })
    expect(gallery.subjects({ limit: 1000 }).items).toMatchObject([...expected.subjects])
    for (const { id } of expected.subjects)
      expect(gallery.facesOf(id, { limit: 1000 })?.items).toMatchObject([...(expected.faces[id] ?? [])])
    for (const { space, vector, candidates } of expected.searches) {
      const found = await gallery.search(space, Float32Array.from(vector), 3)
      expect(found).toEqual(candidates.map((one) => ({ ...one, similarity: expect.closeTo(one.similarity, 5) })))
    }
    for (const [id, jpeg] of Object.entries(expected.images ?? {})) expect(gallery.faceImage(id)?.jpeg.toBase64()).toBe(jpeg)
    expectSightings(opened.store, vault, gallery, expected)
    const { enrolment, sync } = expected
    if (sync !== undefined) expect(readSync(opened.store, vault)).toEqual(sync)
    if (enrolment !== undefined) expect(readEnrolment(opened.store, vault, gallery, enrolment.job.id)).toEqual(enrolment)
    const keys = openKeys(opened.store)
    expect(keys.verify(expected.adminKey)).toEqual({ role: "admin" })
    expect(keys.ensureAdminKey()).toEqual({ kind: "kept" })
  } finally {
    await gallery.close()
    opened.store.close()
  }
}

function expectSightings(
  store: Store,
  vault: Vault,
  gallery: Gallery,
  { sightings = [], snapshots = {}, create }: Expected,
): void {
  const present = openSightings(store, vault, gallery.nameOf)
  expect(present.recordedAfter(0, 1000)).toMatchObject([...sightings])
  expect(present.totals().sightings).toBe(sightings.length)
  for (const [id, jpeg] of Object.entries(snapshots)) expect(present.snapshot(id)?.toBase64()).toBe(jpeg)
  if (create === undefined) return
  const { key, entityId, recordedAtMs } = create
  expect(openCreates(store, vault, () => recordedAtMs).find(key)?.entityId).toBe(entityId)
}

test("there is a data folder for every schema there ever was since one was kept", () => {
  const schemas = Array.from({ length: migrations.length - 1 }, (_, i) => `data-${i + 2}`)
  // A new step: run scripts/fixture.ts before the next one is added.
  expect(fixtures.toSorted()).toEqual(schemas.toSorted())
})

test.each(fixtures)("%s: a data folder of that schema opens and answers as it did", async (fixture) => {
  const expected = expectedOf(fixture)
  expect(fixture).toBe(`data-${expected.schema}`)
  expect(expected.searches.some(({ candidates }) => candidates.length > 0)).toBe(true)
  await expectAnswers(copyOf(fixture, fixture), expected)
})

test.each(fixtures.flatMap((fixture) => [[fixture, "aes"] as const, [fixture, "gm"] as const]))(
  "%s: started with a master key, it is sealed (%s) and answers as it did",
  async (fixture, suite) => {
    const path = copyOf(fixture, `${fixture}-${suite}`)
    const { options, needs } = folderOptions(dirname(path), suite, createMaterial())
    for (const _ of ["sealed now", "sealed before"]) {
      const opened = openBoxFolder(options, needs)
      if (opened.kind !== "ok") throw new Error(opened.why)
      expect(opened.value.vault).toMatchObject({ isSealed: true, suite: { name: suite } })
      await expectToldBy(opened.value, expectedOf(fixture))
    }
    const names = new Set(expectedOf(fixture).subjects.map(({ name }) => name))
    expect(["Grace", ...names].filter((name) => readFileSync(path).includes(name))).toEqual([])
  },
)

test.each(fixtures)(`%s: ${kills} kills at random moments of the migration change no answer`, async (fixture) => {
  const random = randomFrom(11)
  // How long it takes when nobody kills it: what lies before and after is killed too.
  const takesMs = await openInChild(copyOf(fixture, `${fixture}-whole`), undefined)
  for (let round = 0; round < kills; round++) {
    const path = copyOf(fixture, `${fixture}-killed-${round}`)
    await openInChild(path, random() * takesMs * 1.2)
    const database = new Database(path, { readonly: true })
    expect(database.query("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }])
    database.close()
    await expectAnswers(path, expectedOf(fixture))
  }
})

test.each(fixtures)("%s: written by a newer program, it is refused with one line and left as it is", async (fixture) => {
  const path = copyOf(fixture, `${fixture}-newer`)
  const newer = migrations.length + 1
  const database = new Database(path)
  database.run(`pragma user_version = ${newer}`)
  database.close()
  const before = readFileSync(path)

  const command = [process.execPath, join(projectRoot, "app/main.ts"), "serve", "--data", dirname(path), "--port", "0"]
  const child = Bun.spawn(command, { env: { GATEHOUSE_LOG: "fatal" }, stdout: "pipe", stderr: "pipe" })
  const [out, said] = await Promise.all([child.stdout.text(), child.stderr.text()])
  expect(await child.exited).toBe(exitCodes.failed)
  expect(out).toBe("")
  expect(said).toContain(
    `newer Gatehouse (schema ${newer}; this one knows up to ${migrations.length}): start the newer program`,
  )
  expect(said.trim().split("\n")).toHaveLength(1)
  expect(readFileSync(path).equals(before)).toBe(true)
})

/** Milliseconds from its word that it begins to its word that it is done, or to its end. */
async function openInChild(path: string, killAfterMs: number | undefined): Promise<number> {
  const child = Bun.spawn([process.execPath, require.resolve("./opening-process.ts"), path], { stderr: "inherit" })
  let begun = 0
  let ended = 0
  for await (const bytes of child.stdout) {
    if (begun === 0) {
      begun = performance.now()
      if (killAfterMs !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfterMs)
    }
    if (Buffer.from(bytes).includes("opened")) ended = performance.now()
  }
  expect([0, killAfterMs === undefined ? 0 : 137]).toContain(await child.exited)
  return (ended || performance.now()) - begun
}
