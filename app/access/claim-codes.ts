import { timingSafeEqual } from "node:crypto"
import { uptime } from "node:os"
import type { Store } from "../store/store.ts"
import { hashOfClaimCode, makeClaimCode, parseClaimCode } from "./claim-code.ts"

/** A code is asked for this long after the box was started, or after it was made. */
export const claimWindowS = 15 * 60

/** So many wrong codes in all, over any number of restarts; then it takes another code, which is made on the box itself. */
export const claimTriesMax = 5

/** Whence a code comes: a file that was flashed, a start of the box without one, or `gatehouse admin claim-code`. */
export type ClaimCodeSource = "file" | "start" | "command"

/** How a code that somebody typed stands to the one that is asked for. */
export type ClaimCodeCheck =
  | { readonly kind: "right" }
  | { readonly kind: "wrong"; readonly triesLeft: number }
  /** Too many wrong ones, or there is none that could be right. */
  | { readonly kind: "locked" }
  | { readonly kind: "expired" }

/** What a start of the box asks for from now on. `code` is there when it was made just now, and is told nowhere else. */
export interface AskedCode {
  readonly source: ClaimCodeSource
  readonly code?: string
}

/** The one-time codes of a box. Every call belongs into a transaction of its caller, but for `isEmpty`. */
export interface ClaimCodes {
  /** Whether no code was ever asked for here. */
  isEmpty(): boolean
  /**
   * Opens the window for the code of the file; where there is none, or it was used or locked, for the one of the command; else for a
   * new one. All others count no more.
   *
   * @param fileCode as `parseClaimCode` returns it
   */
  openAtStart(fileCode: string | undefined): AskedCode
  /** A new code in place of the one that is asked for. */
  openByCommand(): string
  /** @param code as `parseClaimCode` returns it. A wrong one is counted. */
  check(code: string): ClaimCodeCheck
  /** Never again this one. */
  use(): void
}

interface CodeRow {
  readonly hash: Uint8Array
  readonly wrongTries: number
  readonly openedUptimeS: number
  readonly usedAtMs: number | null
}

/** @param uptimeS seconds since the machine was started: the time of day may leap when a box without a battery learns it. For tests. */
export function openClaimCodes(store: Store, uptimeS: () => number = uptime): ClaimCodes {
  const columns = "hash, wrong_tries as wrongTries, opened_uptime_s as openedUptimeS, used_at_ms as usedAtMs"
  const selectAny = store.prepare("select 1 from claim_codes limit 1")
  const selectCurrent = store.prepare<CodeRow>(`select ${columns} from claim_codes where is_current = 1`)
  const selectByHash = store.prepare<CodeRow>(`select ${columns} from claim_codes where hash = ?`)
  const selectCommand = store.prepare<CodeRow>(`select ${columns} from claim_codes where source = 'command' and is_current = 1`)
  const leaveCurrent = store.prepare("update claim_codes set is_current = 0 where is_current = 1")
  // Of a file's code the row stays: the file may lie there for ever. Others are nowhere any more.
  const deleteOthers = store.prepare(
    "delete from claim_codes where source <> 'file' and hash <> ? and used_at_ms is null and is_current = 0",
  )
  const open = store.prepare(`
    insert into claim_codes (hash, source, wrong_tries, opened_uptime_s, is_current) values (?, ?, 0, ?, 1)
    on conflict (hash) do update set opened_uptime_s = excluded.opened_uptime_s, is_current = 1`)
  const countWrong = store.prepare("update claim_codes set wrong_tries = wrong_tries + 1 where is_current = 1")
  const updateUsed = store.prepare("update claim_codes set used_at_ms = ? where is_current = 1")

  const isUsable = (row: CodeRow | undefined) => row !== undefined && row.usedAtMs === null && row.wrongTries < claimTriesMax

  function ask(hash: Uint8Array, source: ClaimCodeSource): void {
    leaveCurrent.run()
    open.run(hash, source, Math.floor(uptimeS()))
    deleteOthers.run(hash)
  }

  function askNew(source: ClaimCodeSource): string {
    const code = makeClaimCode()
    const parsed = parseClaimCode(code)
    if (parsed.kind === "failed") throw new Error(`a claim code that was made just now cannot be read: ${parsed.why}`)
    ask(hashOfClaimCode(parsed.value), source)
    return code
  }

  return {
    isEmpty: () => selectAny.get() === undefined,

    openAtStart(fileCode) {
      if (fileCode !== undefined) {
        const hash = hashOfClaimCode(fileCode)
        const known = selectByHash.get(hash)
        if (known === undefined || isUsable(known)) {
          ask(hash, "file")
          return { source: "file" }
        }
      }
      const byCommand = selectCommand.get()
      if (byCommand !== undefined && isUsable(byCommand)) {
        ask(byCommand.hash, "command")
        return { source: "command" }
      }
      return { source: "start", code: askNew("start") }
    },

    openByCommand: () => askNew("command"),

    check(code) {
      const row = selectCurrent.get()
      if (row === undefined || !isUsable(row)) return { kind: "locked" }
      const openS = uptimeS() - row.openedUptimeS
      // Below zero: it was opened before the machine was started, or on another one.
      if (openS < 0 || openS > claimWindowS) return { kind: "expired" }
      if (timingSafeEqual(hashOfClaimCode(code), row.hash)) return { kind: "right" }
      countWrong.run()
      return { kind: "wrong", triesLeft: claimTriesMax - row.wrongTries - 1 }
    },

    use: () => void updateUsed.run(Date.now()),
  }
}
