import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs"
import { dirname } from "node:path"
import { z } from "zod"
import type { Store } from "../store/store.ts"
import type { Receipt } from "../vault/signer.ts"
import type { ErasureBody } from "./receipt.ts"

/** Somebody who was erased, or is being erased. */
export interface Erasure {
  /** A random id, which is nobody's any more. */
  readonly subjectId: string
  readonly askedAtMs: number
  /** Absent until the last trace is gone. */
  readonly receipt?: Receipt<ErasureBody>
}

export type Ledger = ReturnType<typeof openLedger>

interface ErasureRow {
  readonly subjectId: string
  readonly askedAtMs: number
  readonly receipt: string | null
}

const line = z.object({ subjectId: z.string().min(1), askedAtMs: z.number(), receipt: z.unknown().optional() })

/**
 * Who was erased. It stands twice: in a file, which stays when an older backup is restored into the folder, and in the database,
 * which goes into each newer backup and so to another box. Whatever either knows, both know from the opening on.
 *
 * The file has a line of JSON for each step, and is only ever appended to: a kill leaves a last line that is cut, which is nobody's.
 * @param path of the file; without one the database alone remembers
 */
export function openLedger(store: Store, path: string | undefined) {
  const columns = "subject_id as subjectId, asked_at_ms as askedAtMs, receipt"
  const select = store.prepare<ErasureRow>(`select ${columns} from erasures order by asked_at_ms, subject_id`)
  const selectOne = store.prepare<ErasureRow>(`select ${columns} from erasures where subject_id = ?`)
  const upsert = store.prepare(`
    insert into erasures (subject_id, asked_at_ms, receipt) values (?, ?, ?)
    on conflict do update set receipt = coalesce(excluded.receipt, receipt)`)

  function inDatabase(): Erasure[] {
    return select.all().map(toErasure)
  }

  function write({ subjectId, askedAtMs, receipt }: Erasure): void {
    upsert.run(subjectId, askedAtMs, receipt === undefined ? null : JSON.stringify(receipt))
  }

  const inFile = readLedgerFile(path)
  const missing = inDatabase().filter(({ subjectId, receipt }) => {
    const known = inFile.get(subjectId)
    return known === undefined || (receipt !== undefined && known.receipt === undefined)
  })
  append(path, missing)
  if (inFile.size > 0)
    store.transact<void>(() => {
      for (const erasure of inFile.values()) write(erasure)
    })

  return {
    /** In the order in which they were asked for. */
    all: inDatabase,

    get(subjectId: string): Erasure | undefined {
      const row = selectOne.get(subjectId)
      return row && toErasure(row)
    },

    /**
     * In the caller's transaction, and in the database alone: for somebody whom another box has erased. `record` follows, after a kill at
     * the next start.
     */
    note: write,

    /** On the disk when it returns, in both places: from now on nobody of this id is ever served again. */
    record(erasure: Erasure): void {
      append(path, [erasure])
      write(erasure)
    },
  }
}

function toErasure({ receipt, ...rest }: ErasureRow): Erasure {
  return { ...rest, ...(receipt !== null && { receipt: JSON.parse(receipt) as Receipt<ErasureBody> }) }
}

/** By subject id; the last line of an id counts. */
export function readLedgerFile(path: string | undefined): ReadonlyMap<string, Erasure> {
  const known = new Map<string, Erasure>()
  if (path === undefined || !existsSync(path)) return known
  for (const text of readFileSync(path, "utf8").split("\n")) {
    const parsed = line.safeParse(jsonOf(text))
    if (!parsed.success) continue
    const { subjectId, askedAtMs, receipt } = parsed.data
    // Ours: whoever can write into this folder can do anything with it.
    known.set(subjectId, { subjectId, askedAtMs, ...(receipt !== undefined && { receipt: receipt as Receipt<ErasureBody> }) })
  }
  return known
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // Cut off by a kill, or empty.
  }
}

function append(path: string | undefined, erasures: readonly Erasure[]): void {
  if (path === undefined || erasures.length === 0) return
  const isNew = !existsSync(path)
  const file = openSync(path, "a", 0o600)
  try {
    // Begins with a line break: what a kill has cut off before must not swallow it.
    writeSync(file, erasures.map((erasure) => `\n${JSON.stringify(erasure)}\n`).join(""))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  if (!isNew) return
  const folder = openSync(dirname(path), "r")
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
