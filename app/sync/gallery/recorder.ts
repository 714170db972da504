import type { Log } from "../../base/log.ts"
import type { ChangeRow } from "../../gallery/changes.ts"
import type { Exchange, ExchangedFace } from "../../gallery/exchange.ts"
import type { Store, Transaction } from "../../store/store.ts"
import type { Tables } from "../box.ts"
import { encodeContent } from "../content.ts"
import type { PersonDetails } from "../person.ts"
import { contentBytesMax } from "../record.ts"
import { sealRecords, type WritingKeys } from "../sealing.ts"
import type { SyncStore } from "../store/sync-store.ts"
import { shrink } from "../vector.ts"
import { type Change, writeChanges } from "../write.ts"
import type { Claims } from "./claims.ts"
import { detailsOf, encodePerson, isSamePerson } from "./details.ts"
import { isPut, type PersonRows, pathOf, pathOfChip, rowsOfPerson, toldDetails } from "./person-rows.ts"
import type { GalleryShowing } from "./showing.ts"

export interface RecorderNeeds {
  readonly store: Store
  readonly syncStore: Pick<SyncStore, "ownTables" | "recorded">
  readonly exchange: Exchange
  readonly claims: Pick<Claims, "freed">
  readonly showing: Pick<GalleryShowing, "begin" | "settleDisputes">
  readonly keys: () => WritingKeys
  /** Whether somebody who is gone was erased, or only deleted: by a merge, for one. */
  readonly isErased: (subjectId: string) => boolean
  /** Pictures of faces are told to other boxes. */
  readonly sendsChips: boolean
  readonly log: Pick<Log, "error">
  readonly wallClockMs?: () => number
}

export type Recorder = ReturnType<typeof createRecorder>

/** Changes that are read at once: an enrolment has three. */
const pageRows = 256

/** What the log says of a person since the recorder looked last. */
interface Touched {
  atMs: number
  isDeleted: boolean
  /** Name, groups and so on may be others. */
  hasDetails: boolean
  readonly facesGone: Set<string>
  readonly chipsGone: Set<string>
}

/**
 * Turns what happened to people and faces into sealed and signed records. The row in the gallery's log of changes lies in the
 * transaction of the change itself, and the records in one transaction with how far the log was read: nothing is lost by a kill
 * between the two, and nothing written twice.
 */
export function createRecorder(needs: RecorderNeeds) {
  const { store, syncStore, exchange, claims, showing } = needs
  const { recorded } = syncStore
  const wallClockMs = needs.wallClockMs ?? Date.now

  /** In the caller's transaction. @returns how many changes were read */
  function drainPage(tables: Tables, transaction: Transaction, limit: number): number {
    const rows = exchange.changesAfter(recorded.changeSeq(), limit)
    const last = rows.at(-1)
    if (last === undefined) return 0
    const people = touchedBy(rows)
    write(tables, people)
    recorded.setChangeSeq(last.seq)
    showing.begin(tables)
    for (const [subjectId, { isDeleted, hasDetails, facesGone }] of people) {
      if (isDeleted || hasDetails) claims.freed(subjectId)
      if (isDeleted || facesGone.size > 0) showing.settleDisputes(subjectId, transaction)
    }
    return rows.length
  }

  function write(tables: Tables, people: ReadonlyMap<string, Touched>): void {
    const all = [...people].flatMap(([subjectId, touched]) => changesOf(tables, subjectId, touched))
    // What is there now before what is there no more: a face that moved to somebody else is moved elsewhere, too, and not made anew.
    const changes = [...all.filter(({ kind }) => kind === "put"), ...all.filter(({ kind }) => kind !== "put")]
    if (changes.length > 0) writeChanges(tables, changes, wallClockMs(), (drafts) => sealRecords(needs.keys(), drafts))
  }

  /** How the records of the person differ from the person. */
  function changesOf(tables: Tables, subjectId: string, touched: Touched): readonly Change[] {
    const rows = rowsOfPerson(tables, pathOf(subjectId))
    if (rows.person?.record.kind === "erase") return []
    if (!exchange.isThere(subjectId)) return goneChanges(rows, subjectId, touched)
    // Being erased, part by part: nothing goes out of them, and their record is written when the last row has left.
    if (needs.isErased(subjectId)) return []
    const person = exchange.person(subjectId)
    if (person === undefined) {
      needs.log.error({ subjectId }, "a person whose row does not open is not told to other boxes")
      return []
    }
    const details = detailsOf(person)
    const faces = exchange.facesOf(subjectId)
    const taken = takenFaces(rows, faces, touched)
    const own = needsOwnRecord(rows, details, touched, faces.length === 0 || taken.length > 0)
    return [
      ...(own ? [putOf(touched.atMs, encodePerson(details), subjectId)] : []),
      ...faces.flatMap((face) => putsOfFace(rows, subjectId, face, details, touched)),
      ...taken,
    ]
  }

  function goneChanges(
    { person, faces, chips }: PersonRows,
    subjectId: string,
    { atMs, isDeleted }: Touched,
  ): readonly Change[] {
    const path = pathOf(subjectId)
    if (needs.isErased(subjectId)) return [{ kind: "erase", entity: path, content: nothing, atMs }]
    if (!isDeleted) return []
    const rows = [person, ...faces.values(), ...chips.values()].filter(isPut)
    return rows.map(({ record }) => ({ kind: "del", entity: record.entity, content: nothing, atMs }))
  }

  /**
   * A face brings its person along, so most people have no record of their own. One is written when something else is known of the
   * person than their faces say, and before a face leaves: it may have been the last that says anything.
   */
  function needsOwnRecord(rows: PersonRows, details: PersonDetails, { hasDetails }: Touched, isLeftAlone: boolean): boolean {
    if (!isPut(rows.person) && isLeftAlone) return true
    if (!hasDetails || !(isPut(rows.person) || rows.faces.values().some(isPut))) return false
    const told = toldDetails(needs.keys(), rows)
    return told === undefined || !isSamePerson(told, details)
  }

  function putsOfFace(
    rows: PersonRows,
    subjectId: string,
    { id, space, source, quality, hasChip }: ExchangedFace,
    person: PersonDetails,
    { atMs }: Touched,
  ): readonly Change[] {
    const puts: Change[] = []
    if (!isPut(rows.faces.get(id))) {
      const vector = exchange.vectorOf(id)
      if (vector === undefined) {
        needs.log.error({ faceId: id }, "a face whose vector does not open is not told to other boxes")
        return []
      }
      const told = { about: "face", space, source, vector: shrink(vector), person, ...(quality && { quality }) } as const
      puts.push(putOf(atMs, encodeContent(told), subjectId, id))
    }
    if (!needs.sendsChips || !hasChip || isPut(rows.chips.get(id))) return puts
    const chip = exchange.chipOf(id)
    const content = chip && encodeContent({ about: "chip", chip })
    // One that was put there by hand may be larger than any of ours.
    if (content !== undefined && content.length <= contentBytesMax)
      puts.push({ kind: "put", entity: pathOfChip(subjectId, id), content, atMs })
    return puts
  }

  /** Faces that were told and are gone, or somebody else's, and pictures that are gone. Others may only not be shown here. */
  function takenFaces(rows: PersonRows, present: readonly ExchangedFace[], touched: Touched): readonly Change[] {
    const here = new Map(present.map((face) => [face.id, face]))
    const taken: Change[] = []
    const take = (row: PersonRows["person"]) => {
      if (isPut(row)) taken.push({ kind: "del", entity: row.record.entity, content: nothing, atMs: touched.atMs })
    }
    for (const [id, row] of rows.faces) {
      if (here.has(id) || !touched.facesGone.has(id)) continue
      take(row)
      take(rows.chips.get(id))
    }
    for (const id of touched.chipsGone) if (here.get(id)?.hasChip === false) take(rows.chips.get(id))
    return taken
  }

  return {
    /**
     * Reads the log of changes on, in the caller's transaction.
     * @param limit so many changes at most, of all that are there
     * @returns how many it was
     */
    drain(tables: Tables, transaction: Transaction, limit = Number.POSITIVE_INFINITY): number {
      for (let read = 0; ; ) {
        const rows = drainPage(tables, transaction, Math.min(pageRows, limit - read))
        read += rows
        // Until there are none: what becomes free by a change is written as a change.
        if (rows === 0 || read >= limit) return read
      }
    },

    /** `drain` in a transaction of its own. */
    drainAlone(limit: number): number {
      if (exchange.lastSeq() === recorded.changeSeq()) return 0
      return store.transact<number>((transaction) => this.drain(syncStore.ownTables(transaction), transaction, limit))
    },

    /**
     * The next people who were here before the box joined its site, in a transaction of its own. Best after everything was read from
     * the hub once: who is known there already is not told anew.
     * @returns how many people it was; 0 when none are left
     */
    backlogPage(limit: number): number {
      if (recorded.backlog() === undefined) return 0
      return store.transact<number>((transaction) => {
        const after = recorded.backlog()
        if (after === undefined) return 0
        const ids = exchange.subjectIdsAfter(after, limit)
        const people = ids.map((id) => [id, { ...untouched(), atMs: exchange.updatedAtMs(id) ?? wallClockMs() }] as const)
        write(syncStore.ownTables(transaction), new Map(people))
        recorded.setBacklog(ids.length < limit ? undefined : ids.at(-1))
        return ids.length
      })
    },

    /** What the caller's transaction has changed up to here is not this box's to tell. */
    skip(): void {
      const last = exchange.lastSeq()
      // A transaction that changes nothing does not wait for the disk: a stick that is imported twice has hundreds of them.
      if (last !== recorded.changeSeq()) recorded.setChangeSeq(last)
    },
  }
}

const nothing = new Uint8Array()

const untouched = (): Touched => ({
  atMs: 0,
  isDeleted: false,
  hasDetails: false,
  facesGone: new Set(),
  chipsGone: new Set(),
})

function putOf(atMs: number, content: Uint8Array, ...ids: readonly string[]): Change {
  return { kind: "put", entity: pathOf(...ids), content, atMs }
}

/** By person, in the order in which they came first. */
function touchedBy(rows: readonly ChangeRow[]): ReadonlyMap<string, Touched> {
  const people = new Map<string, Touched>()
  for (const { entity, kind, id, subjectId, isTwin, atMs } of rows) {
    // Faces that were embedded again stay on the box. Without a person it is older than the box's being in the site.
    if (isTwin === 1 || subjectId === null) continue
    const touched = people.get(subjectId) ?? untouched()
    people.set(subjectId, touched)
    touched.atMs = atMs
    if (entity === "subject" && kind === "deleted") touched.isDeleted = true
    else if (entity === "subject") touched.hasDetails = true
    else if (kind === "deleted") touched.facesGone.add(id)
    else if (kind === "changed") touched.chipsGone.add(id)
  }
  return people
}
