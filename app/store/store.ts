import { Database, type SQLQueryBindings, type Statement as SqliteStatement } from "bun:sqlite"
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statfsSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { assert } from "../base/assert.ts"
import { nowTickMs } from "../base/ticks.ts"
import { migrate } from "./migrate.ts"
import { migrations } from "./migrations/index.ts"
import { asTrouble, busyWaitMs, isDiskFull, wordsFor } from "./trouble.ts"

export type SqlValue = string | number | null | Uint8Array

/** A prepared statement with its values by position. Rows come back as objects named by their columns. Throws `StorageTrouble`. */
export interface Statement<Row> {
  all(...values: SqlValue[]): Row[]
  get(...values: SqlValue[]): Row | undefined
  /** How many rows it changed. */
  run(...values: SqlValue[]): number
}

export interface Transaction {
  /** Runs after the commit is on disk, never after a rollback. For what follows from the data: indexes, listeners. */
  afterCommit(effect: () => void): void
}

/** An async body would commit before its work is done, so the type turns it away. */
type Settled<Value> = Value extends PromiseLike<unknown> ? never : Value

/** In bytes. */
export interface Room {
  /** What the disk has left for us. */
  readonly free: number
  /** What the database has left inside itself, of what was deleted. */
  readonly reusable: number
  /** The whole disk. */
  readonly disk: number
}

/** The one SQLite file of a box. Everything that must survive is in it. */
export interface Store {
  prepare<Row>(sql: string): Statement<Row>
  /**
   * All or nothing, and on disk (fsync) when it returns. What `body` throws rolls everything back. One at a time: `body` may
   * not start another. Throws `StorageTrouble` when the disk does not take it.
   */
  transact<Value>(body: (transaction: Transaction) => Settled<Value>): Value
  room(): Room
  /** Called after a write found the disk full, and was rolled back: for whoever can make room. */
  whenFull(makeRoom: () => void): void
  /**
   * Folds the write-ahead log into the database and gives its space back, as far as it can be done without waiting for anybody.
   * Whether nothing is left in it.
   */
  shrinkLog(): boolean
  /**
   * Writes the whole file anew, so that nothing of what was deleted or written over is left between the rows, and empties the
   * write-ahead log. For who has the folder alone; takes a second for each 100 MB or so, and as much room again.
   */
  wipeFree(): void
  /** Another number when another process has changed the file; our own changes do not move it. */
  dataVersion(): number
  close(): void
}

export type OpenedStore = { readonly kind: "ok"; readonly store: Store } | { readonly kind: "failed"; readonly why: string }

/** Up to this size a file is checked whole at every start (a quarter of it took 50 ms); larger ones only as far as they are read. */
const checkedBytesMax = 256 * 1024 * 1024

/** What the write-ahead log keeps of the disk when it is empty: a few times what it holds between two checkpoints. */
const logBytesKept = 16 * 1024 * 1024

/** Told how long the disk took over each commit, fsync included. */
export type WatchCommit = (seconds: number) => void

/** Opens or makes the file at `path`, with its folder, readable by this user alone, and brings its schema up to date. */
export function openStore(
  path: string,
  steps: readonly string[] = migrations,
  watchCommit: WatchCommit = () => undefined,
): OpenedStore {
  let database: Database | undefined
  try {
    makePrivateFile(path)
    database = new Database(path, { create: true, readwrite: true, strict: true })
    const migrated = prepareDatabase(database, path, steps)
    if (migrated.kind === "ok") return { kind: "ok", store: storeOf(database, path, watchCommit) }
    database.close()
    return { kind: "failed", why: `${path}: ${migrated.why}` }
  } catch (error) {
    database?.close()
    return { kind: "failed", why: `${path}: ${wordsFor(error)}` }
  }
}

function prepareDatabase(database: Database, path: string, steps: readonly string[]): ReturnType<typeof migrate> {
  // First of all: the switch to WAL itself fails at once when another process holds the file.
  database.run(`pragma busy_timeout = ${busyWaitMs}`)
  database.run("pragma journal_mode = wal")
  // FULL makes each commit wait for the disk. NORMAL would lose acknowledged people in a power cut.
  database.run("pragma synchronous = full")
  // Names are read for every search: with the 2 MB that SQLite keeps by itself each row of a large gallery costs a third more.
  database.run("pragma cache_size = -32768")
  database.run("pragma foreign_keys = on")
  // Deleted vectors are overwritten with zeros, not left in free pages.
  database.run("pragma secure_delete = on")
  database.run("pragma temp_store = memory")
  // A backup or a long read lets the log grow; afterwards its space goes back to the disk.
  database.run(`pragma journal_size_limit = ${logBytesKept}`)
  if (statSync(path).size <= checkedBytesMax) {
    const found = database.query<{ quick_check: string }, []>("pragma quick_check(1)").get()?.quick_check
    if (found !== "ok") return { kind: "failed", why: `it is damaged (${found}): restore a backup` }
  }
  return migrate(database, steps)
}

function storeOf(database: Database, path: string, watchCommit: WatchCommit): Store {
  const prepared: SqliteStatement<unknown, SQLQueryBindings[]>[] = []
  let effects: (() => void)[] | undefined
  const roomMakers: (() => void)[] = []

  function askForRoom(): void {
    try {
      runAll(roomMakers)
    } catch (error) {
      // The disk again: whoever wanted to write hears of it, and the next write that finds no room asks again.
      if (asTrouble(error) === error) throw error
    }
  }

  /** A statement of its own is a transaction of its own, and may find the disk full like one. */
  function told<Value>(work: () => Value): Value {
    try {
      return work()
    } catch (error) {
      if (effects === undefined && isDiskFull(error)) askForRoom()
      throw asTrouble(error)
    }
  }

  function prepare<Row>(sql: string): Statement<Row> {
    const statement = database.prepare<Row, SQLQueryBindings[]>(sql)
    prepared.push(statement)
    return {
      all: (...values) => told(() => statement.all(...values)),
      get: (...values) => told(() => statement.get(...values) ?? undefined),
      run: (...values) => told(() => statement.run(...values).changes),
    }
  }

  const freePages = prepare<{ freelist_count: number }>("pragma freelist_count")
  const pageSize = prepare<{ page_size: number }>("pragma page_size").get()?.page_size ?? 0
  const dataVersion = prepare<{ data_version: number }>("pragma data_version")

  function transact<Value>(body: (transaction: Transaction) => Settled<Value>): Value {
    assert(effects === undefined, "a transaction does not start another")
    const following: (() => void)[] = []
    effects = following
    try {
      database.run("begin immediate")
      const value = body({ afterCommit: (effect) => following.push(effect) })
      assert(!isPromise(value), "the body of a transaction is not async")
      const commitTickMs = nowTickMs()
      database.run("commit")
      effects = undefined
      watchCommit((nowTickMs() - commitTickMs) / 1000)
      runAll(following)
      return value
    } catch (error) {
      // A full disk makes SQLite roll back by itself; a second rollback would be an error that hides the first.
      if (effects !== undefined && database.inTransaction) database.run("rollback")
      effects = undefined
      if (isDiskFull(error)) askForRoom()
      throw asTrouble(error)
    } finally {
      effects = undefined
    }
  }

  function shrinkLog(): boolean {
    // A backup reads an older state for minutes, and whoever is waited for stalls every request.
    database.run("pragma busy_timeout = 0")
    try {
      using checkpoint = database.prepare<{ busy: number }, []>("pragma wal_checkpoint(truncate)")
      return checkpoint.get()?.busy === 0
    } catch (error) {
      // Where the database has to grow for it and cannot, the log stays as it is until something has been deleted.
      if (!isDiskFull(error)) throw asTrouble(error)
      return false
    } finally {
      database.run(`pragma busy_timeout = ${busyWaitMs}`)
    }
  }

  return {
    prepare,
    transact,
    room() {
      const { bavail, blocks, bsize } = statfsSync(dirname(path))
      const reusable = (freePages.get()?.freelist_count ?? 0) * pageSize
      return { free: bavail * bsize, reusable, disk: blocks * bsize }
    },
    whenFull: (makeRoom) => void roomMakers.push(makeRoom),
    shrinkLog,
    wipeFree() {
      try {
        // The copy in between may be larger than the memory of the box; on the disk it is as sealed as what it is a copy of.
        database.run("pragma temp_store = file")
        database.run("vacuum")
      } catch (error) {
        throw asTrouble(error)
      } finally {
        database.run("pragma temp_store = memory")
      }
      shrinkLog()
    },
    dataVersion: () => dataVersion.get()?.data_version ?? 0,
    close() {
      // An unfinished statement keeps the file open, and the WAL would not be folded into it.
      for (const statement of prepared) statement.finalize()
      database.close(true)
    },
  }
}

/** Every effect runs, even after one threw: they belong to different owners, and the commit has happened for all of them. */
function runAll(effects: readonly (() => void)[]): void {
  const errors: unknown[] = []
  for (const effect of effects) {
    try {
      effect()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}

function isPromise(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value
}

/** SQLite gives its side files (-wal, -shm) the mode of the file itself, so the file is made before SQLite sees it. */
function makePrivateFile(path: string): void {
  // A folder that is there already keeps its mode: it may be shared on purpose, and the file alone is what must be private.
  if (!existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, "a", 0o600))
  chmodSync(path, 0o600)
}
