import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { checkBackup, makeBackup } from "../../app/backup/make.ts"
import { restoreBackup } from "../../app/backup/restore.ts"
import { openDataFolder } from "../../app/store/data-folder.ts"
import { dumpDatabase, faultsOf } from "../../scripts/faults/storage/dump.ts"
import { tempFolder } from "../support/shared.ts"
import { ok, openFilledFolder, whyNot } from "./support.ts"

const plain = { replace: false, backupsFolder: "backups" }

test("what a running box holds is in the backup, and comes out of it on an empty machine", async () => {
  using folder = tempFolder()
  const [data, file, other] = [folder.file("data"), folder.file("one.backup"), folder.file("other")]
  await using _ = await openFilledFolder(data)
  const manifest = ok(await makeBackup(data, file))
  expect(manifest.rows).toMatchObject({ subjects: 3, faces: 3, sightings: 3, sighting_snapshots: 3 })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(ok(await restoreBackup(file, other, plain)).manifest).toEqual(manifest)
  expect(dumpDatabase(`${other}/gatehouse.db`)).toEqual(dumpDatabase(`${data}/gatehouse.db`))
  expect(faultsOf(`${other}/gatehouse.db`)).toEqual([])
  expect(readdirSync(other).sort()).toEqual(["gatehouse.db", "gatehouse.lock"])
  // What stands before the manifest is a database for anybody's SQLite.
  using readable = new Database(file, { readonly: true })
  expect(readable.query("select count(*) as people from subjects").get()).toEqual({ people: 3 })
})

test("what was deleted is not in the backup", async () => {
  using folder = tempFolder()
  {
    await using _ = await openFilledFolder(folder.file("data"))
  }
  using database = new Database(folder.file("data", "gatehouse.db"))
  database.run(
    "pragma secure_delete = off; create table secrets (text text) strict; insert into secrets values ('quagga-quagga'); drop table secrets",
  )
  ok(await makeBackup(folder.file("data"), folder.file("one.backup")))
  expect(readFileSync(folder.file("one.backup")).includes("quagga-quagga")).toBe(false)
})

test("no byte of it can change unnoticed, and it cannot be cut", async () => {
  using folder = tempFolder()
  const file = folder.file("one.backup")
  await using _ = await openFilledFolder(folder.file("data"), 1)
  ok(await makeBackup(folder.file("data"), file))
  const whole = readFileSync(file)
  const places = [0, 100, 4096, whole.length - 1, whole.length - 9, whole.length - 20, whole.length - 60]
  for (let n = 0; n < 60; n++) places.push(Math.floor(Math.random() * whole.length))
  for (const place of places) {
    const changed = Buffer.from(whole)
    changed[place]! ^= 1 << (place % 8)
    writeFileSync(file, changed)
    expect({ place, kind: (await checkBackup(file)).kind }).toEqual({ place, kind: "failed" })
  }
  for (const length of [0, 10, 5000, whole.length - 1]) {
    writeFileSync(file, whole)
    truncateSync(file, length)
    expect(await whyNot(checkBackup(file))).toContain("is no backup of Gatehouse, or its end is missing")
  }
  writeFileSync(file, whole)
  appendFileSync(file, "more")
  expect((await checkBackup(file)).kind).toBe("failed")
  writeFileSync(file, whole)
  truncateSync(file, whole.length - 5)
  expect(await whyNot(restoreBackup(file, folder.file("other"), plain))).toContain("its end is missing")
  expect(existsSync(folder.file("other"))).toBe(false)
})

test("a damaged gallery makes no backup, and leaves none behind", async () => {
  using folder = tempFolder()
  const data = folder.file("data")
  {
    await using _ = await openFilledFolder(data, 20)
  }
  const content = readFileSync(`${data}/gatehouse.db`)
  content.fill(0xff, 4096 * 40, 4096 * 60)
  writeFileSync(`${data}/gatehouse.db`, content)
  expect(await whyNot(makeBackup(data, folder.file("one.backup")))).toContain("damaged")
  expect(readdirSync(folder.path)).toEqual(["data"])
  expect(await whyNot(makeBackup(folder.file("nothing"), folder.file("one.backup")))).toContain("--data")
})

test("a folder in use is not restored over, whoever uses it", async () => {
  using folder = tempFolder()
  const [data, file] = [folder.file("data"), folder.file("one.backup")]
  {
    await using _ = await openFilledFolder(data)
    ok(await makeBackup(data, file))
    expect(await whyNot(restoreBackup(file, data, { ...plain, replace: true }))).toContain("is in use: stop the box")
    // … not even over a database that is damaged under the box.
    writeFileSync(`${data}/gatehouse.db`, "not a database any more")
    expect(await whyNot(restoreBackup(file, data, { ...plain, replace: true }))).toContain("is in use: stop the box")
  }
  ok(await restoreBackup(file, data, { ...plain, replace: true }))
  expect(faultsOf(`${data}/gatehouse.db`)).toEqual([])
})

test("a gallery that is there gives way only when told so, and is put aside whole", async () => {
  using folder = tempFolder()
  const [data, file] = [folder.file("data"), folder.file("one.backup")]
  await makeOlder()
  const before = dumpDatabase(`${data}/gatehouse.db`)
  expect(await whyNot(restoreBackup(file, data, plain))).toContain("--replace")
  expect(dumpDatabase(`${data}/gatehouse.db`)).toEqual(before)

  writeFileSync(`${data}/something-derived`, "from the gallery that was")
  mkdirSync(`${data}/backups`)
  const { asideFolder } = ok(await restoreBackup(file, data, { ...plain, replace: true }))
  expect(dumpDatabase(`${asideFolder}/gatehouse.db`)).toEqual(before)
  expect(readdirSync(data).sort()).toEqual(["backups", "before-restore-1", "gatehouse.db", "gatehouse.lock"])
  expect(dumpDatabase(`${data}/gatehouse.db`).subjects?.rows).toBe(3)
  expect(ok(await restoreBackup(file, data, { ...plain, replace: true })).asideFolder).toBe(`${data}/before-restore-2`)

  async function makeOlder() {
    await using box = await openFilledFolder(data)
    ok(await makeBackup(data, file))
    box.add("Later")
  }
})

test("a file that is not there is said with what to do, and nothing is made", async () => {
  using folder = tempFolder()
  const why = await whyNot(restoreBackup(folder.file("no.backup"), folder.file("data"), plain))
  expect(why).toBe(`there is no ${folder.file("no.backup")}: name the file that gatehouse backup wrote, with its whole path`)
  expect(readdirSync(folder.path)).toEqual([])
})

test("a folder of other things is left alone", async () => {
  using folder = tempFolder()
  await using _ = await openFilledFolder(folder.file("data"))
  ok(await makeBackup(folder.file("data"), folder.file("one.backup")))
  mkdirSync(folder.file("home"))
  writeFileSync(folder.file("home", "letter.txt"), "dear")
  const restored = restoreBackup(folder.file("one.backup"), folder.file("home"), { ...plain, replace: true })
  expect(await whyNot(restored)).toContain("letter.txt")
  expect(readFileSync(folder.file("home", "letter.txt"), "utf8")).toBe("dear")
})

test("a restore that was interrupted keeps the box from starting on half of it, and ends when run again", async () => {
  using folder = tempFolder()
  const [data, file] = [folder.file("data"), folder.file("one.backup")]
  {
    await using _ = await openFilledFolder(data)
    ok(await makeBackup(data, file))
  }
  writeFileSync(`${data}/restore-under-way`, "")
  const opened = openDataFolder(data)
  expect(opened).toMatchObject({ kind: "failed", why: expect.stringContaining("run gatehouse restore again") })
  ok(await restoreBackup(file, data, plain))
  const again = openDataFolder(data)
  if (again.kind === "failed") throw new Error(again.why)
  again.store.close()
})

test("a file that is there is not written over", async () => {
  using folder = tempFolder()
  await using _ = await openFilledFolder(folder.file("data"))
  writeFileSync(folder.file("one.backup"), "precious")
  expect(await whyNot(makeBackup(folder.file("data"), folder.file("one.backup")))).toContain("is there already")
  expect(readFileSync(folder.file("one.backup"), "utf8")).toBe("precious")
})
