import { describe, expect, test } from "bun:test"
import { cpSync } from "node:fs"
import { join } from "node:path"
import { type Log, silentLog } from "../../app/base/log.ts"
import { projectRoot } from "../../app/base/paths.ts"
import { openBoxFolder } from "../../app/box/open.ts"
import { exitCodes } from "../../app/cli/outcome.ts"
import { openGallery } from "../../app/gallery/open.ts"
import { openStore } from "../../app/store/store.ts"
import { BrokenSeal } from "../../app/vault/broken.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import { tempFolder } from "../support/shared.ts"
import { folderOptions, hitsIn, type OpenFolder, openFolder, plant, space, type Traces } from "./support.ts"

const suites = ["aes", "gm"] as const
const kinds = ["name", "externalId", "consentNote", "badge", "landmarks", "vector", "jpeg"]

async function fill(dataFolder: string, suite: (typeof suites)[number], material: Uint8Array | undefined, people: number) {
  await using folder = await openFolder(dataFolder, suite, material)
  return Array.from({ length: people }, (_, number) => plant(folder, number))
}

async function expectAnswers({ gallery }: OpenFolder, traces: readonly Traces[]): Promise<void> {
  for (const { subjectId, faceId, vector, jpeg, bytes } of traces) {
    const name = Buffer.from(bytes.name ?? []).toString()
    expect(gallery.subject(subjectId)).toMatchObject({ name, metadata: { badge: Buffer.from(bytes.badge ?? []).toString() } })
    expect(gallery.subjects({ limit: 2, name }).items.map(({ id }) => id)).toEqual([subjectId])
    const externalId = Buffer.from(bytes.externalId ?? []).toString()
    expect(gallery.subjects({ limit: 2, externalId }).items.map(({ id }) => id)).toEqual([subjectId])
    expect(gallery.addSubject({ name: "Somebody else", externalId })).toEqual({ kind: "external_id_taken", subjectId })
    expect(gallery.faceImage(faceId)?.jpeg.toHex()).toBe(jpeg.toHex())
    const [nearest] = await gallery.search(space, vector, 1)
    expect(nearest).toMatchObject({ subjectId, faceId, name, similarity: expect.closeTo(1, 4) })
  }
}

test("without a master key every trace of everybody is found on the disk: the search for them works", async () => {
  using folder = tempFolder()
  const traces = await fill(folder.file("data"), "aes", undefined, 50)
  const hits = hitsIn(folder.file("data"), traces)
  for (const what of kinds)
    for (const place of traces.keys()) expect(hits.some((hit) => hit.startsWith(`${what} of ${place} in`))).toBe(true)
})

describe.each(suites)("%s", (suite) => {
  test("a folder that had a master key from the beginning holds no trace, neither in its log nor when it is closed", async () => {
    using folder = tempFolder()
    const material = createMaterial()
    {
      await using open = await openFolder(folder.file("data"), suite, material)
      expect(open.vault).toMatchObject({ isSealed: true, suite: { name: suite } })
      const traces = Array.from({ length: 50 }, (_, number) => plant(open, number))
      expect(hitsIn(folder.file("data"), traces)).toEqual([])
      await expectAnswers(open, traces)
      expect(hitsIn(folder.file("data"), traces)).toEqual([])
    }
    await using again = await openFolder(folder.file("data"), suite, material)
    expect(again.gallery.counts()).toMatchObject({ subjects: 50, faces: 50 })
  })

  test("a folder that was in the clear is sealed when a key appears, with nothing left between the rows", async () => {
    using folder = tempFolder()
    const material = createMaterial()
    const traces = await fill(folder.file("data"), suite, undefined, 50)
    await using open = await openFolder(folder.file("data"), suite, material)
    expect(hitsIn(folder.file("data"), traces)).toEqual([])
    await expectAnswers(open, traces)
    expect(open.store.prepare("select sealing from vault").all()).toEqual([{ sealing: 0 }])
  })

  test("who is deleted takes the key along: a copy of the rows opens no more", async () => {
    using folder = tempFolder()
    await using open = await openFolder(folder.file("data"), suite, createMaterial())
    const { subjectId, faceId } = plant(open, 1)
    const row = open.store.prepare<{ details: Uint8Array }>("select details from subjects").get()
    open.gallery.deleteSubject(subjectId)
    expect(open.store.prepare("select owner from data_keys where owner like 'subject/%'").all()).toEqual([])
    const place = { table: "subjects", column: "details", row: subjectId }
    expect(open.vault.tryOpen(`subject/${subjectId}`, place, row?.details ?? new Uint8Array())).toMatchObject({
      kind: "broken",
    })
    expect(open.gallery.face(faceId)).toBeUndefined()
  })
})

const kills = Number(process.env.GATEHOUSE_KILLS ?? 6)

test.each(suites)(
  `%s: ${kills} kills while a folder is sealed lose nobody, and the last start leaves no trace`,
  async (suite) => {
    using folder = tempFolder()
    const material = createMaterial()
    const traces = await fill(folder.file("filled"), suite, undefined, 450)
    const copyTo = (name: string) => {
      cpSync(folder.file("filled"), folder.file(name), { recursive: true })
      return folder.file(name)
    }
    const takesMs = await sealInChild(copyTo("whole"), suite, material)
    let interrupted = 0
    for (let kill = 0; kill < kills; kill++) {
      const dataFolder = copyTo(`killed-${kill}`)
      // After one of the first commits, or at some moment.
      if (kill % 2 === 0) await sealInChild(dataFolder, suite, material, undefined, 1 + kill / 2)
      else await sealInChild(dataFolder, suite, material, (takesMs * kill) / kills)
      const looked = openStore(join(dataFolder, "gatehouse.db"))
      if (looked.kind === "failed") throw new Error(looked.why)
      const keys = looked.store.prepare<{ keys: number }>("select count(*) as keys from data_keys where owner like 'subject/%'")
      const sealed = keys.get()?.keys ?? 0
      if (sealed > 0 && sealed < traces.length) interrupted++
      looked.store.close()
      await using open = await openFolder(dataFolder, suite, material)
      expect(open.gallery.counts()).toMatchObject({ subjects: traces.length, faces: traces.length })
      expect(hitsIn(dataFolder, traces.slice(0, 60))).toEqual([])
      await expectAnswers(open, traces.slice(0, 60))
      await expectAnswers(open, traces.slice(-60))
    }
    expect(interrupted).toBeGreaterThan(0)
  },
)

/** Milliseconds from its word that it begins to its end. */
async function sealInChild(dataFolder: string, suite: string, material: Uint8Array, killAfterMs?: number, lastCommit = 0) {
  const script = require.resolve("./sealing-process.ts")
  const child = Bun.spawn([process.execPath, script, dataFolder, suite, material.toHex(), String(lastCommit)], {
    stderr: "inherit",
  })
  let begun = 0
  for await (const _ of child.stdout) {
    if (begun !== 0) continue
    begun = performance.now()
    if (killAfterMs !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfterMs)
  }
  const codes = lastCommit > 0 ? [137] : killAfterMs === undefined ? [0] : [0, 137]
  expect(codes).toContain(await child.exited)
  return performance.now() - begun
}

describe("what was changed on the disk is refused, and named", () => {
  /** Two people, then a change that a thief could make with SQLite alone; then what a box says of it. */
  async function tampered(
    sql: string,
    look: (folder: OpenFolder, ada: Traces, eve: Traces, said: string[]) => Promise<void> | void,
  ) {
    using folder = tempFolder()
    const material = createMaterial()
    const [ada, eve] = await fill(folder.file("data"), "aes", material, 2)
    if (ada === undefined || eve === undefined) throw new Error("two people")
    const opened = openStore(folder.file("data", "gatehouse.db"))
    if (opened.kind === "failed") throw new Error(opened.why)
    const changed = opened.store.prepare(sql.replaceAll("$ada", ada.subjectId).replaceAll("$eve", eve.subjectId)).run()
    expect(changed).toBeGreaterThan(0)
    opened.store.close()
    const said: string[] = []
    const log = Object.assign(Object.create(silentLog) as Log, { error: ({ why }: { why: string }) => void said.push(why) })
    const { options, needs } = folderOptions(folder.file("data"), "aes", material)
    const box = openBoxFolder(options, needs)
    if (box.kind !== "ok") throw new Error(box.why)
    const gallery = await openGallery(box.value.store, box.value.vault, { log })
    const close = async () => {
      await gallery.close()
      box.value.store.close()
    }
    await using open = { ...box.value, gallery, [Symbol.asyncDispose]: close }
    await look(open, ada, eve, said)
  }

  test("details that were swapped", () =>
    tampered(
      "update subjects set details = (select details from subjects as other where other.id <> subjects.id)",
      ({ gallery }, ada) => {
        const why = `subjects.details of row ${ada.subjectId}`
        expect(() => gallery.subject(ada.subjectId)).toThrow(BrokenSeal)
        expect(() => gallery.subject(ada.subjectId)).toThrow(why)
        expect(() => gallery.subjects({ limit: 10 })).toThrow(why)
        expect(gallery.nameOf(ada.subjectId)).toBeUndefined()
        // It can be got rid of.
        expect(gallery.deleteSubject(ada.subjectId).kind).toBe("deleted")
      },
    ))

  test("a row that was given the key of its neighbour as well", () =>
    tampered(
      "update data_keys set (id, wrapped) = (select id, wrapped from data_keys as other where other.owner = 'subject/$eve') where owner = 'subject/$ada'",
      ({ gallery }, ada, eve) => {
        expect(() => gallery.subject(ada.subjectId)).toThrow(`subject/${ada.subjectId}`)
        expect(gallery.subject(eve.subjectId)).toBeDefined()
      },
    ))

  test("a key that was taken away", () =>
    tampered("delete from data_keys where owner = 'subject/$ada'", ({ gallery }, ada) => {
      expect(() => gallery.subject(ada.subjectId)).toThrow(`there is no key of subject/${ada.subjectId}`)
    }))

  test("a face that was given to somebody else: it is in no answer, and the log and the check name it", () =>
    tampered("update faces set subject_id = '$eve' where subject_id = '$ada'", async ({ gallery }, ada, eve, said) => {
      const found = await gallery.search(space, ada.vector, 5)
      expect(found.map(({ subjectId }) => subjectId)).toEqual([eve.subjectId])
      expect(found[0]?.similarity).toBeLessThan(0.9)
      expect(said.filter((line) => line.includes(`faces.vector of row ${ada.faceId}`))).toHaveLength(1)
      expect(await gallery.checkIndexes()).toMatchObject([{ faces: 2, damaged: 1, missed: 0 }])
      expect(() => gallery.faceImage(ada.faceId)).toThrow(`face_chips.about of row ${ada.faceId}`)
    }))

  test("one bit of a vector, one of a chip", async () => {
    const flipped = (column: string) => `substr(${column}, 1, 100) || cast(x'00' as blob) || substr(${column}, 102)`
    await tampered(
      `update faces set vector = cast(${flipped("vector")} as blob) where subject_id = '$ada'`,
      async ({ gallery }, ada, _eve, said) => {
        expect((await gallery.search(space, ada.vector, 5)).map(({ subjectId }) => subjectId)).not.toContain(ada.subjectId)
        expect(said.join()).toContain(`faces.vector of row ${ada.faceId}`)
      },
    )
    await tampered(`update face_chips set jpeg = cast(${flipped("jpeg")} as blob)`, ({ gallery }, ada) => {
      expect(() => gallery.faceImage(ada.faceId)).toThrow(`face_chips.jpeg of row ${ada.faceId} was changed on the disk`)
    })
  })

  test("a row that was put there in the clear", () =>
    tampered(`update subjects set details = cast('{"name":"Mallory"}' as blob) where id = '$ada'`, ({ gallery }, ada) => {
      expect(() => gallery.subject(ada.subjectId)).toThrow(`row ${ada.subjectId} is not sealed`)
    }))

  test("a vault that was taken out, so that all looks as if it had never been sealed", () =>
    tampered("delete from vault", () => undefined).then(
      () => expect("opened").toBe("refused"),
      (error: Error) => expect(error.message).toContain("vault"),
    ))
})

describe("a sealed folder without its master key is locked", () => {
  test("none, another one, and the right one again", async () => {
    using folder = tempFolder()
    const material = createMaterial()
    await fill(folder.file("data"), "aes", material, 1)
    for (const wrong of [undefined, createMaterial()]) {
      const { options, needs } = folderOptions(folder.file("data"), "aes", wrong)
      const opened = openBoxFolder(options, needs)
      expect(opened).toMatchObject({ kind: "locked", why: expect.stringContaining("sealed under the master key") })
    }
    await using open = await openFolder(folder.file("data"), "aes", material)
    expect(open.gallery.counts().subjects).toBe(1)
  })

  test("a key file that is named and not there seals nothing, and nothing is written in the clear", () => {
    using folder = tempFolder()
    const { options, needs } = folderOptions(folder.file("data"), "aes", undefined)
    const keyFile = folder.file("master.key")
    const opened = openBoxFolder({ ...options, vault: { ...options.vault, keyFile } }, needs)
    expect(opened).toMatchObject({ kind: "locked", why: expect.stringContaining(`openssl rand -hex 32 > ${keyFile}`) })
  })

  test("the box ends at once with one line, and a code by which systemd does not start it again", async () => {
    using folder = tempFolder()
    await fill(folder.file("data"), "aes", createMaterial(), 1)
    const command = [process.execPath, join(projectRoot, "app/main.ts"), "serve", "--data", folder.file("data"), "--port", "0"]
    const child = Bun.spawn(command, { env: { GATEHOUSE_LOG: "fatal" }, stdout: "pipe", stderr: "pipe" })
    const said = await child.stderr.text()
    expect(await child.exited).toBe(exitCodes.locked)
    expect(said.trim().split("\n")).toHaveLength(1)
    expect(said).toContain("bring that key back")
  })
})

test("a folder that somebody uses in the clear is not sealed under their feet", async () => {
  using folder = tempFolder()
  await using _open = await openFolder(folder.file("data"), "aes")
  const { options, needs } = folderOptions(folder.file("data"), "aes", createMaterial())
  expect(openBoxFolder(options, needs)).toMatchObject({ kind: "failed", why: expect.stringContaining("is in use") })
  // Who only looks may.
  const looking = openBoxFolder(options, { ...needs, seals: false })
  expect(looking).toMatchObject({ kind: "ok", value: { vault: { isSealed: false } } })
  if (looking.kind === "ok") looking.value.store.close()
})
