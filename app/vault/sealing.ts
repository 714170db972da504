import type { Log } from "../base/log.ts"
import { nowTickMs } from "../base/ticks.ts"
import type { VaultTables } from "./open.ts"

/** Seals what one table held in the clear before there was a master key. */
export interface Sealer {
  /** The table, for the log. */
  readonly table: string
  /**
   * The next rows that are not sealed yet, in one transaction of its own, and how many they were; 0 when all are sealed. Where it
   * is it must read from the tables: the process may be killed at any moment.
   */
  step(rowsMax: number): number
}

/** The rows of a table, for `pagedSealer`. */
export interface PagedRows<Row> {
  readonly table: string
  /** The next rows after one, in an order that sealing does not change; the first ones when none is given. */
  page(last: Row | undefined, rowsMax: number): readonly Row[]
  /** Whether a process that was killed has sealed it. */
  isSealed(row: Row): boolean
  seal(row: Row): void
}

/** @param transact of the store */
export function pagedSealer<Row>(transact: (body: () => number) => number, rows: PagedRows<Row>): Sealer {
  let last: Row | undefined
  return {
    table: rows.table,
    step: (rowsMax) =>
      transact(() => {
        for (;;) {
          const page = rows.page(last, rowsMax)
          if (page.length === 0) return 0
          last = page.at(-1)
          const left = page.filter((row) => !rows.isSealed(row))
          for (const row of left) rows.seal(row)
          if (left.length > 0) return left.length
        }
      }),
  }
}

/** With chips of 15 KB each some megabytes, which are one commit. */
const rowsPerStep = 200
const sayEveryMs = 5000

/**
 * Seals a folder that nobody else uses. Killed at any moment it goes on where it was, the next time. Not before nothing is left in
 * the clear in the tables, `wipe` is called for what is left of it between them, and then the folder counts as sealed.
 */
export function sealAll(tables: VaultTables, sealers: readonly Sealer[], wipe: () => void, log: Pick<Log, "info">): void {
  for (const { table, step } of sealers) {
    let rows = 0
    let saidTickMs = nowTickMs()
    for (let sealed = step(rowsPerStep); sealed > 0; sealed = step(rowsPerStep)) {
      rows += sealed
      if (nowTickMs() - saidTickMs < sayEveryMs) continue
      saidTickMs = nowTickMs()
      log.info({ table, rows }, "sealing the data folder")
    }
    if (rows > 0) log.info({ table, rows }, "sealed")
  }
  wipe()
  tables.endSealing()
}
