import { type BackoffOptions, nextDelayMs } from "../base/backoff.ts"
import { type HeldFile, type HeldPerson, type Holding, jsonFile } from "../base/holding.ts"
import type { Log } from "../base/log.ts"
import { version } from "../base/version.ts"
import type { Gallery } from "../gallery/gallery.ts"
import { rewriteKeys } from "../store/rewrite.ts"
import type { Store } from "../store/store.ts"
import type { Vault } from "../vault/vault.ts"
import { createEraser, type ErasedRows } from "./eraser.ts"
import { type Erasure, openLedger } from "./ledger.ts"
import { openRearrangements, type Rearrangements } from "./rearrange.ts"
import type { ErasedBackups, ErasureBody } from "./receipt.ts"
import { zipWithManifest } from "./zip.ts"

/** What concerns one person everywhere: told to the person, or taken away. */
export interface People {
  /** Everything held of a person as a zip; `undefined` when there is no such person. */
  export(subjectId: string): ReadableStream<Uint8Array> | undefined
  /**
   * Resolves when the last trace is gone, or, with `pending`, when that takes longer than `waitMs`: then it goes on by itself, over
   * a restart too, and the receipt is there later.
   * @param faceIds of faces that have left already, with another box's word that the person is erased
   */
  erase(subjectId: string, waitMs?: number, faceIds?: readonly string[]): Promise<Erased>
  /**
   * In the caller's transaction: somebody was erased at another box. `erase` is to follow after it; the next start does so where a kill
   * comes first.
   * @param isHere whether there is a row of the person
   * @returns false when nothing is held of the person, so that there is nothing to erase
   */
  noteErasure(subjectId: string, isHere: boolean): boolean
  erasures(): readonly Erasure[]
  erasure(subjectId: string): Erasure | undefined
  readonly rearrangements: Rearrangements
  /** Of all folders. */
  readonly holdings: readonly Holding[]
  close(): Promise<void>
}

export type Erased =
  | { readonly kind: "erased"; readonly erasure: Required<Erasure> }
  /** Nobody finds the person any more; `why` says what is waited for. */
  | { readonly kind: "pending"; readonly erasure: Erasure; readonly why: string }
  | { readonly kind: "no_subject" }

export interface PeopleNeeds {
  readonly store: Store
  readonly vault: Pick<Vault, "isSealed" | "signer" | "seal" | "open">
  readonly gallery: Pick<Gallery, "moves">
  /** In the order in which they are erased; the gallery's is the last. */
  readonly holdings: readonly Holding[]
  /** Takes people out of the backups that are kept. */
  readonly eraseFromBackups: (subjectIds: readonly string[]) => Promise<ErasedBackups>
  /** Older galleries that a restore has put aside. */
  readonly copiesLeft: () => readonly string[]
  readonly log: Pick<Log, "info" | "warn" | "error">
  readonly wallClockMs?: () => number
}

/** A backup reads the write-ahead log for as long as it takes; it is looked at again so often. */
const logLookMs = 200
/** Longer and longer: a disk that is full makes room for nobody, and each try costs the box something. */
const failedRest: BackoffOptions = { firstMs: 5000, maxMs: 10 * 60_000 }
const waitMsDefault = 10_000

/**
 * Opens what is known of people who were erased, and erases whoever of them has come back with an older backup: nobody is to be
 * served before this resolves.
 * @param ledgerPath the file that stays in the folder when a backup is restored
 */
export async function openPeople(needs: PeopleNeeds, ledgerPath: string | undefined): Promise<People> {
  const { store, vault, gallery, log } = needs
  const wallClockMs = needs.wallClockMs ?? Date.now
  const rearrangements = openRearrangements(store, vault, gallery, needs.holdings, wallClockMs)
  const holdings = [rearrangementsHolding(rearrangements), ...needs.holdings]
  const ledger = openLedger(store, ledgerPath)
  const eraser = createEraser(store, holdings)
  const selectReturned = store.prepare<{ id: string }>(`
    select value as id from json_each(?)
    where value in (select id from subjects) or value in (select other_id from rearrangements where kind = 'merge')`)
  /** Gone from the tables, not yet from everywhere; with what was counted. */
  const unfinished = new Map<string, ErasedRows>()
  const underWay = new Map<string, Promise<void>>()
  let finishing: Promise<void> | undefined
  let failures = 0
  let waitsFor = ""
  const stopping = Promise.withResolvers<void>()
  let closing = false

  for (const { subjectId, receipt } of ledger.all()) if (receipt === undefined) unfinished.set(subjectId, {})
  const returned = selectReturned.all(JSON.stringify(ledger.all().map(({ subjectId }) => subjectId)))
  for (const { id } of returned) await eraseRows(id)
  if (returned.length > 0)
    log.warn({ people: returned.length }, "an older backup brought back people who were erased: erased again")
  if (unfinished.size > 0) void finishSoon()

  async function begin(subjectId: string, faceIds?: readonly string[]): Promise<void> {
    // Before anything else: whatever is killed from here on, the next start ends it.
    ledger.record({ subjectId, askedAtMs: ledger.get(subjectId)?.askedAtMs ?? wallClockMs() })
    await eraseRows(subjectId, faceIds)
  }

  async function eraseRows(subjectId: string, faceIds?: readonly string[]): Promise<void> {
    if (!rearrangements.giveBackToErase(subjectId))
      log.error({ subjectId }, "a memo of a merge is damaged: faces of an erased person stay with whom they became part of")
    const parts = rearrangements.partsOf(subjectId).filter(isToLeaveWith)
    for (const id of parts) {
      ledger.record({ subjectId: id, askedAtMs: ledger.get(id)?.askedAtMs ?? wallClockMs() })
      gallery.moves.erasedAsPart(id)
    }
    unfinished.set(subjectId, await eraser.erase(subjectId, faceIds))
    for (const id of parts) unfinished.set(id, {})
  }

  /** Who became part of somebody leaves with their rows: here, but not from older backups, and not at other boxes. */
  function isToLeaveWith(partId: string): boolean {
    return !eraser.isThere(partId) && ledger.get(partId)?.receipt === undefined
  }

  /** By another box, and nothing has been done about it yet. */
  function isNoted(subjectId: string): boolean {
    const erasure = ledger.get(subjectId)
    return erasure !== undefined && erasure.receipt === undefined && !unfinished.has(subjectId)
  }

  function finishSoon(): Promise<void> {
    finishing ??= finish().finally(() => {
      finishing = undefined
      if (unfinished.size > 0 && !closing) void finishSoon()
    })
    return finishing
  }

  /** What is done once for many: files are written anew, and receipts signed when that is on the disk. */
  async function finish(): Promise<void> {
    const people = new Map(unfinished)
    try {
      waitsFor = "indexes and caches are being cleared"
      for (const { eraseCopies } of holdings) await eraseCopies?.()
      waitsFor = "somebody still reads the database as it was before, a backup for one"
      if (vault.isSealed) rewriteKeys(store)
      else store.wipeFree()
      while (!store.shrinkLog()) {
        if (closing) return
        await Bun.sleep(logLookMs)
      }
      // After that: one that was being made meanwhile is there now.
      waitsFor = "the backups are being cleared"
      const backups = await needs.eraseFromBackups([...people.keys()])
      for (const [subjectId, rows] of people) {
        sign(subjectId, rows, backups)
        unfinished.delete(subjectId)
      }
      failures = 0
      log.info({ people: people.size }, "people were erased")
    } catch (error) {
      log.error({ err: error }, "people who were erased are not gone everywhere yet; trying again shortly")
      waitsFor = error instanceof Error ? error.message : String(error)
      failures++
      await rest(nextDelayMs(failures, failedRest))
    }
  }

  function sign(subjectId: string, rows: ErasedRows, backups: ErasedBackups): void {
    const { askedAtMs = wallClockMs() } = ledger.get(subjectId) ?? {}
    const body: ErasureBody = {
      what: "erasure of a person",
      ...{ subjectId, askedAtMs, erasedAtMs: wallClockMs(), program: version, rows },
      database: vault.isSealed ? "shredded" : "rewritten",
      backups: { ...backups },
      copiesLeft: needs.copiesLeft(),
    }
    ledger.record({ subjectId, askedAtMs, receipt: vault.signer.sign(body) })
  }

  /** Ends with the box. */
  async function rest(ms: number): Promise<void> {
    const timer = Promise.withResolvers<void>()
    const wake = setTimeout(timer.resolve, ms)
    await Promise.race([timer.promise, stopping.promise])
    clearTimeout(wake)
  }

  async function outcome(subjectId: string): Promise<Erased> {
    const erasure = ledger.get(subjectId)
    if (erasure === undefined) return { kind: "no_subject" }
    const { receipt } = erasure
    return receipt === undefined
      ? { kind: "pending", erasure, why: waitsFor }
      : { kind: "erased", erasure: { ...erasure, receipt } }
  }

  async function* filesOf(person: HeldPerson): AsyncGenerator<HeldFile> {
    for (const { files } of holdings.toReversed()) yield* files(person)
  }

  return {
    export(subjectId) {
      if (!eraser.isThere(subjectId)) return undefined
      const exportedAtMs = wallClockMs()
      const about = { what: "everything held of one person", subjectId, exportedAtMs, program: version }
      return zipWithManifest(filesOf(eraser.personOf(subjectId)), about, exportedAtMs)
    },

    noteErasure(subjectId, isHere) {
      if (!isHere && !rearrangements.remembers(subjectId)) return false
      ledger.note({ subjectId, askedAtMs: wallClockMs() })
      return true
    },

    async erase(subjectId, waitMs = waitMsDefault, faceIds) {
      const running = underWay.get(subjectId)
      if (running !== undefined) await running
      else if (eraser.isThere(subjectId) || isNoted(subjectId)) {
        const begun = begin(subjectId, faceIds).finally(() => underWay.delete(subjectId))
        underWay.set(subjectId, begun)
        await begun
      }
      const deadline = Bun.sleep(waitMs)
      let late = false
      void deadline.then(() => {
        late = true
      })
      while (unfinished.has(subjectId) && !late && !closing) await Promise.race([finishSoon(), deadline])
      return outcome(subjectId)
    },

    erasures: ledger.all,
    erasure: ledger.get,
    rearrangements,
    holdings,
    async close() {
      closing = true
      stopping.resolve()
      await finishing
    },
  }
}

/**
 * Of whom the person was made, or who was taken out of them: it leaves with the person's row. What it takes to make the person anew, who
 * became part of somebody else, has to be taken there.
 */
function rearrangementsHolding({ of, forget }: Pick<Rearrangements, "of" | "forget">): Holding {
  return {
    name: "rearrangements",
    tables: ["rearrangements"],
    *files({ subjectId }) {
      const all = of(subjectId)
      if (all.length > 0) yield jsonFile("rearrangements.json", all)
    },
    erase: ({ subjectId }) => forget(subjectId),
  }
}
