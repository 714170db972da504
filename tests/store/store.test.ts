import { expect, test } from "bun:test"
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { StorageTrouble } from "../../app/base/storage-trouble.ts"
import { openStore, type Store } from "../../app/store/store.ts"
import { tempFolder } from "../support/shared.ts"

const oneTable = ["create table notes (text text not null) strict;"]

function opened(path: string, steps?: readonly string[]): Store & Disposable {
  const result = openStore(path, steps)
  if (result.kind === "failed") throw new Error(result.why)
  return { ...result.store, [Symbol.dispose]: () => result.store.close() }
}

function whyNot(path: string, steps?: readonly string[]): string {
  const result = openStore(path, steps)
  if (result.kind === "ok") throw new Error("it opened")
  return result.why
}

const texts = (store: Store) =>
  store
    .prepare<{ text: string }>("select text from notes order by rowid")
    .all()
    .map((row) => row.text)

test("the file, its side files and its new folder are private", () => {
  using folder = tempFolder()
  const path = folder.file("data", "box", "gatehouse.db")
  using store = opened(path, oneTable)
  store.prepare("insert into notes values ('a')").run()
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700)
  for (const side of ["", "-wal", "-shm"]) expect(statSync(path + side).mode & 0o777).toBe(0o600)
})

test("it is set to lose nothing and to leave nothing", () => {
  using folder = tempFolder()
  using store = opened(folder.file("box.db"))
  const pragma = (name: string) => Object.values(store.prepare<Record<string, unknown>>(`pragma ${name}`).get() ?? {})[0]
  expect(pragma("journal_mode")).toBe("wal")
  expect(pragma("synchronous")).toBe(2)
  expect(pragma("foreign_keys")).toBe(1)
  expect(pragma("secure_delete")).toBe(1)
  expect(pragma("busy_timeout")).toBe(5000)
})

test("a body that throws leaves nothing behind and no effect runs", () => {
  using folder = tempFolder()
  using store = opened(folder.file("box.db"), oneTable)
  const insert = store.prepare("insert into notes values (?)")
  const ran: string[] = []
  const broken = () =>
    store.transact((transaction) => {
      insert.run("lost")
      transaction.afterCommit(() => ran.push("after a rollback"))
      throw new Error("half way")
    })
  expect(broken).toThrow("half way")
  expect(texts(store)).toEqual([])
  store.transact((transaction) => {
    transaction.afterCommit(() => ran.push(`sees ${texts(store).join()}`))
    insert.run("kept")
  })
  expect(ran).toEqual(["sees kept"])
})

test("an async body is refused by the type and rolled back", () => {
  using folder = tempFolder()
  using store = opened(folder.file("box.db"), oneTable)
  const insert = store.prepare("insert into notes values (?)")
  const asynchronous = async () => {
    insert.run("too early")
  }
  // @ts-expect-error: the type is the first to say no
  expect(() => store.transact(asynchronous)).toThrow("not async")
  expect(texts(store)).toEqual([])
})

test("an effect that fails does not undo the write, and the others run", () => {
  using folder = tempFolder()
  using store = opened(folder.file("box.db"), oneTable)
  const ran: string[] = []
  const write = () =>
    store.transact((transaction) => {
      store.prepare("insert into notes values ('kept')").run()
      transaction.afterCommit(() => {
        throw new Error("listener")
      })
      transaction.afterCommit(() => ran.push("second"))
    })
  expect(write).toThrow("listener")
  expect(ran).toEqual(["second"])
  expect(texts(store)).toEqual(["kept"])
  store.transact(() => undefined)
})

test("migrations run once each, from empty and from any older schema", () => {
  using folder = tempFolder()
  const path = folder.file("box.db")
  const second = "insert into notes values ('second step');"
  {
    using store = opened(path, oneTable)
    expect(texts(store)).toEqual([])
  }
  for (let start = 0; start < 2; start++) {
    using store = opened(path, [...oneTable, second])
    expect(texts(store)).toEqual(["second step"])
  }
})

test("a step that fails half way leaves the older schema whole", () => {
  using folder = tempFolder()
  const path = folder.file("box.db")
  const broken = "create table halves (a integer) strict; insert into nowhere values (1);"
  expect(whyNot(path, [...oneTable, broken])).toContain("nowhere")
  using store = opened(path, oneTable)
  expect(store.prepare<{ name: string }>("select name from sqlite_schema where type = 'table'").all()).toEqual([
    { name: "notes" },
  ])
})

test("the real schema comes up from empty, all tables strict", () => {
  using folder = tempFolder()
  using store = opened(folder.file("box.db"))
  const tables = store.prepare<{ name: string; strict: number }>(
    "select name, strict from pragma_table_list where schema = 'main' and name not like 'sqlite_%' order by name",
  )
  const found = tables.all()
  expect(found.map(({ name }) => name)).toContain("subjects")
  expect(found.filter(({ strict }) => strict !== 1)).toEqual([])
})

test("a newer schema, another program's file, a picture and a damaged file are refused in words", () => {
  using folder = tempFolder()
  const newer = folder.file("newer.db")
  opened(newer, [...oneTable, "select 1;"]).close()
  expect(whyNot(newer, oneTable)).toMatch(/newer Gatehouse \(schema 2; this one knows up to 1\).*start the newer program/)

  const foreign = folder.file("foreign.db")
  opened(foreign, oneTable).close()
  patch(foreign, 68, Buffer.from([1, 2, 3, 4])) // application_id in the header of an SQLite file
  expect(whyNot(foreign, oneTable)).toContain("another program")

  const picture = folder.file("picture.db")
  writeFileSync(picture, Buffer.alloc(4096, "not a database at all "))
  expect(whyNot(picture)).toContain("not a database")

  const damaged = folder.file("damaged.db")
  {
    using store = opened(damaged, oneTable)
    store.transact(() => {
      const insert = store.prepare("insert into notes values (?)")
      for (let i = 0; i < 2000; i++) insert.run("x".repeat(100))
    })
  }
  patch(damaged, 4096 * 5, Buffer.alloc(4096, 0xff))
  expect(whyNot(damaged, oneTable)).toContain("damaged")
  truncateSync(damaged, 4096 * 3)
  expect(whyNot(damaged, oneTable)).toContain("damaged")

  expect(whyNot("/proc/gatehouse/box.db")).toContain("/proc/gatehouse/box.db")
})

test("a change by another process moves the data version", async () => {
  using folder = tempFolder()
  const path = folder.file("box.db")
  using store = opened(path, oneTable)
  const before = store.dataVersion()
  store.prepare("insert into notes values ('ours')").run()
  expect(store.dataVersion()).toBe(before)
  const script = `
    import { Database } from "bun:sqlite"
    const database = new Database(process.argv[1])
    database.run("insert into notes values ('theirs')")
  `
  const child = Bun.spawn([process.execPath, "-e", script, path], { stderr: "inherit" })
  expect(await child.exited).toBe(0)
  expect(store.dataVersion()).not.toBe(before)
  expect(texts(store)).toEqual(["ours", "theirs"])
})

function patch(path: string, offset: number, bytes: Buffer): void {
  const content = readFileSync(path)
  bytes.copy(content, offset)
  writeFileSync(path, content)
}

test("a full disk is told as such, nothing of the write stays, and whoever can is asked for room", () => {
  using folder = tempFolder()
  using store = opened(folder.file("box.db"), oneTable)
  const insert = store.prepare("insert into notes values (?)")
  insert.run("before")
  let asked = 0
  store.whenFull(() => {
    asked++
    store.prepare("pragma max_page_count = 100000").get()
  })
  // SQLite's own limit stands for the disk's: the error is the same.
  const fill = () => {
    store.prepare("pragma max_page_count = 3").get()
    insert.run("x".repeat(100_000))
  }
  expect(fill).toThrow(StorageTrouble)
  expect(() => store.transact(fill)).toThrow("is full: free some space")
  expect(asked).toBe(2)
  expect(texts(store)).toEqual(["before"])
  insert.run("after")
  expect(texts(store)).toEqual(["before", "after"])
})

test("room is told with what deletions left inside, and the log gives its own back", () => {
  using folder = tempFolder()
  using store = opened(folder.file("box.db"), oneTable)
  expect(store.room().reusable).toBe(0)
  store.prepare("insert into notes values (?)").run("x".repeat(1_000_000))
  store.prepare("delete from notes").run()
  const { free, reusable, disk } = store.room()
  expect(reusable).toBeGreaterThan(900_000)
  expect(disk).toBeGreaterThan(free)
  expect(statSync(folder.file("box.db-wal")).size).toBeGreaterThan(1_000_000)
  store.shrinkLog()
  expect(statSync(folder.file("box.db-wal")).size).toBe(0)
})
