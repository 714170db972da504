import { describe, expect, setDefaultTimeout, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { makeBackup } from "../../app/backup/make.ts"
import { restoreBackup } from "../../app/backup/restore.ts"
import { openShelf } from "../../app/backup/shelf.ts"
import { silentLog } from "../../app/base/log.ts"
import { openBoxFolder } from "../../app/box/open.ts"
import { makeRecoveryKey } from "../../app/box/recovery.ts"
import { openJobs } from "../../app/enrolment/jobs.ts"
import { openReport } from "../../app/enrolment/report.ts"
import { archiveKey } from "../../app/enrolment/secrets.ts"
import { createSpool, type UploadStep } from "../../app/enrolment/spool.ts"
import { openSightings } from "../../app/events/sightings.ts"
import { indexFolderOf, openGallery } from "../../app/gallery/open.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import type { SuiteName } from "../../app/vault/suite.ts"
import { fillGallery } from "../../scripts/bench/search/fill.ts"
import { pictures, zipOf } from "../enrolment/support.ts"
import { record } from "../events/support.ts"
import { tempFolder } from "../support/shared.ts"
import { folderOptions, plant, space } from "./support.ts"

setDefaultTimeout(120_000)

const people = 50
const dimension = 64
const shelfOptions = { folder: "backups", keep: 5, bytesMax: 1e9 }
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))

/** Eight-bit codes of a unit vector, as searches walk by them: the vector's shape, and enough to recognise somebody by. */
const codesOf = (vector: Float32Array): Uint8Array => {
  const largest = Math.max(...vector.map(Math.abs))
  return new Uint8Array(Int8Array.from(vector, (value) => Math.round((value * 127) / largest)).buffer).subarray(8, 24)
}

/** Everything a box keeps of people, and what to look for, by the kind of it. */
async function filledBox(dataFolder: string, suite: SuiteName, material: Uint8Array | undefined) {
  const { options, needs } = folderOptions(dataFolder, suite, material)
  const opened = openBoxFolder(options, needs)
  if (opened.kind !== "ok") throw new Error(opened.why)
  const { store, vault } = opened.value
  // Enough for a graph, so that there is a snapshot.
  const vectors = (_: number, count: number) => {
    const all = Float32Array.from({ length: count * dimension }, () => Math.random() - 0.5)
    for (let n = 0; n < count; n++) {
      const one = all.subarray(n * dimension, (n + 1) * dimension)
      const length = Math.hypot(...one)
      for (let at = 0; at < dimension; at++) one[at]! /= length
    }
    return all
  }
  fillGallery(store, vault, { space, dimension, faces: 1200, facesPerPerson: 1, vectors })
  const gallery = await openGallery(store, vault, { indexFolder: indexFolderOf(dataFolder), scannedMax: 100 })
  const needles: Record<string, Uint8Array[]> = {}
  const look = (kind: string, bytes: Uint8Array | string) => {
    needles[kind] ??= []
    needles[kind].push(Buffer.from(bytes))
  }
  for (let number = 0; number < people; number++) {
    const { bytes, vector } = plant({ gallery }, number)
    for (const [kind, needle] of Object.entries(bytes)) look(kind, needle)
    look("codes", codesOf(vector))
  }
  const sightings = openSightings(store, vault, gallery.nameOf)
  for (let number = 0; number < people; number++) {
    const snapshot = Uint8Array.from([0xff, 0xd8, ...random(4000)])
    record(sightings, { snapshot })
    look("sighting", snapshot.subarray(1000, 1100))
  }
  const jobs = openJobs(store, vault, Date.now)
  const report = openReport(store, vault, gallery.nameOf)
  const id = Bun.randomUUIDv7()
  const spool = createSpool(join(dataFolder, "enrolments"), { spoolBytesMax: 1e8, diskFreeBytesMin: 0 }, (job) =>
    archiveKey(vault, job),
  )
  const archive = zipOf(pictures("Wilhelmina Testfigur/1.jpg"), 0)
  const steps: UploadStep[] = [{ kind: "bytes", bytes: archive }]
  await spool.receive(id, { declaredBytes: undefined, next: async () => steps.shift() ?? { kind: "end" } })
  look("archive", "Wilhelmina Testfigur")
  const asked = { format: "zip", bytes: 1, sha256: new Uint8Array(32), requestedBy: "admin", groups: [] } as const
  jobs.add({ id, ...asked }, () => undefined)
  const number = jobs.numberOf(id) ?? 0
  store.transact<void>(() => {
    for (let position = 0; position < people; position++) {
      const word = random(8).toHex()
      const person = { name: `Enrolled ${word}`, externalId: `number ${word}` }
      const content = { kind: "refused", reason: "no_face", why: "" } as const
      report.add(number, { position, file: `file ${word}.jpg`, person, content }, { result: "no_face", why: `why ${word}` })
      for (const told of [person.name, person.externalId, `file ${word}`, `why ${word}`]) look("report", told)
    }
  })
  await gallery.indexesSaved()
  return {
    ...{ store, vault, gallery, needles },
    async [Symbol.asyncDispose]() {
      await gallery.close()
      store.close()
    },
  }
}

/** By the file's place in the folder, which kinds of needles are found there, and how many of each. */
function hits(dataFolder: string, needles: Readonly<Record<string, readonly Uint8Array[]>>) {
  const found: Record<string, Record<string, number>> = {}
  for (const file of readdirSync(dataFolder, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue
    const bytes = readFileSync(join(file.parentPath, file.name))
    for (const [kind, all] of Object.entries(needles)) {
      const count = all.filter((needle) => bytes.includes(needle)).length
      const place = file.name.replace(/^gatehouse-\d.*\.backup$/, "backup").replace(/^[0-9a-f-]{36}/, "job")
      if (count > 0) found[place] = { ...found[place], [kind]: count }
    }
  }
  return found
}

async function backUp(dataFolder: string, material?: Uint8Array): Promise<string> {
  const { file, number } = await openShelf(dataFolder, shelfOptions).next(Date.now())
  const made = await makeBackup(dataFolder, file, number, material === undefined ? [] : [material])
  if (made.kind === "failed") throw new Error(made.why)
  return file
}

const rowKinds = {
  name: people,
  externalId: people,
  consentNote: people,
  badge: people,
  landmarks: people,
  vector: people,
  jpeg: people,
}
const everything = { ...rowKinds, sighting: people, report: 4 * people }

test("where nothing is sealed, the search finds everything: in the database, in a backup, in an archive that waits", async () => {
  using folder = tempFolder()
  const data = folder.file("data")
  await using box = await filledBox(data, "aes", undefined)
  await backUp(data)
  const found = hits(data, box.needles)
  expect(found.backup).toEqual(everything)
  for (const kind of Object.keys(everything))
    expect((found["gatehouse.db"]?.[kind] ?? 0) + (found["gatehouse.db-wal"]?.[kind] ?? 0)).toBeGreaterThan(0)
  expect(found["job.upload"]).toEqual({ archive: 1 })
  const [graph = ""] = readdirSync(indexFolderOf(data))
  expect(
    readFileSync(join(indexFolderOf(data), graph))
      .subarray(0, 8)
      .toString(),
  ).toBe("GHINDEX1")
})

describe.each(["aes", "gm"] as const)("%s", (suite) => {
  test("a thief of the disk finds nobody: not in database, log, snapshot of an index, waiting archive or backup", async () => {
    using folder = tempFolder()
    const [data, material] = [folder.file("data"), createMaterial()]
    let needles: Awaited<ReturnType<typeof filledBox>>["needles"]
    {
      await using box = await filledBox(data, suite, material)
      needles = box.needles
      await backUp(data, material)
      expect(readdirSync(data)).toContain("gatehouse.db-wal")
      expect(hits(data, needles)).toEqual({})
      const [graph = ""] = readdirSync(indexFolderOf(data))
      expect(readFileSync(join(indexFolderOf(data), graph)).includes("GHINDEX1")).toBe(false)
    }
    expect(hits(data, needles)).toEqual({})
  })

  test("the snapshot is taken over at the next start, and searches find who is there", async () => {
    using folder = tempFolder()
    const [data, material] = [folder.file("data"), createMaterial()]
    await (await filledBox(data, suite, material))[Symbol.asyncDispose]()
    const { options, needs } = folderOptions(data, suite, material)
    const opened = openBoxFolder(options, needs)
    if (opened.kind !== "ok") throw new Error(opened.why)
    const { store, vault } = opened.value
    const gallery = await openGallery(store, vault, { indexFolder: indexFolderOf(data), scannedMax: 100, log: silentLog })
    expect(await gallery.checkIndexes()).toMatchObject([
      { faces: 1250, damaged: 0, missed: 0, snapshot: { kind: "taken_over" } },
    ])
    await gallery.close()
    store.close()
  })

  test("a folder in the clear leaves no trace anywhere once it is sealed, nor does its next backup", async () => {
    using folder = tempFolder()
    const [data, material] = [folder.file("data"), createMaterial()]
    const plain = await filledBox(data, suite, undefined)
    await plain[Symbol.asyncDispose]()
    // The archive that waits is sealed by the box, when it goes on with it: see tests/enrolment/spool.test.ts.
    const { archive: _, ...needles } = plain.needles
    const { options, needs } = folderOptions(data, suite, material)
    const opened = openBoxFolder(options, needs)
    if (opened.kind !== "ok") throw new Error(opened.why)
    await backUp(data, material)
    expect(hits(data, needles)).toEqual({})
    opened.value.store.close()
    expect(hits(data, needles)).toEqual({})
    expect(readdirSync(data)).not.toContain("index")
  })

  test("on an empty machine the recovery key brings all of it back", async () => {
    using folder = tempFolder()
    const [data, other, material, own] = [folder.file("data"), folder.file("other"), createMaterial(), createMaterial()]
    await using box = await filledBox(data, suite, material)
    const recoveryKey = makeRecoveryKey(box)
    if (recoveryKey.kind === "failed") throw new Error(recoveryKey.why)
    const file = await backUp(data, material)
    const restored = await restoreBackup(
      file,
      other,
      { replace: false, backupsFolder: "backups" },
      {
        offered: [],
        recoveryKey: () => recoveryKey.value,
        makeMaster: () => ({ kind: "ok", value: own }),
      },
    )
    expect(restored).toMatchObject({ kind: "ok", value: { unsealed: { by: "recovery_key", shredded: 0 } } })
    expect(hits(other, box.needles)).toEqual({})
    const { options, needs } = folderOptions(other, suite, own)
    const opened = openBoxFolder(options, needs)
    if (opened.kind !== "ok") throw new Error(opened.why)
    const { store, vault } = opened.value
    await using gallery = Object.assign(await openGallery(store, vault), { [Symbol.asyncDispose]: async () => store.close() })
    expect(gallery.subjects({ limit: 1000 }).items).toEqual(box.gallery.subjects({ limit: 1000 }).items as never)
    const sightings = openSightings(store, vault, gallery.nameOf)
    const seen = sightings.list({}, 100).items
    expect(seen).toHaveLength(people)
    for (const { id } of seen) expect(sightings.snapshot(id)).toHaveLength(4002)
    const job = openJobs(store, vault, Date.now).page({ limit: 1 }).items[0]
    const number = openJobs(store, vault, Date.now).numberOf(job?.id ?? "") ?? 0
    const { items } = openReport(store, vault, gallery.nameOf).page(number, { limit: 100 })
    expect(items.every(({ name, why }) => name?.startsWith("Enrolled") && why?.startsWith("why"))).toBe(true)
    await gallery.close()
  })
})
