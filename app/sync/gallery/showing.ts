import type { Exchange } from "../../gallery/exchange.ts"
import type { Transaction } from "../../store/store.ts"
import type { Tables } from "../box.ts"
import { type Content, type FaceContent, parseContent } from "../content.ts"
import { chipPart, type Entity, idsOf } from "../entity.ts"
import { type Version, wins } from "../merge.ts"
import type { SyncRecord } from "../record.ts"
import type { SiteKeys } from "../sealing.ts"
import { stampMs } from "../stamp.ts"
import type { Showing } from "../store/showing.ts"
import type { ConflictList } from "../store/sync-store.ts"
import { grow } from "../vector.ts"
import type { Claims } from "./claims.ts"
import { contentOf } from "./details.ts"
import { isPut, isTold, pathOf, pathOfChip, rowsOfPerson, toldDetails } from "./person-rows.ts"

export interface ShowingNeeds {
  readonly exchange: Exchange
  readonly claims: Claims
  readonly conflicts: Pick<ConflictList, "add" | "of" | "resolve">
  readonly keys: () => Pick<SiteKeys, "suite" | "siteKey">
  /** Pictures of faces that other boxes send are kept here. */
  readonly keepsChips: boolean
  /** Somebody was erased elsewhere: in the transaction, so that a kill after it forgets nobody. False when nothing is held of them. */
  readonly noteErasure: (subjectId: string, isHere: boolean) => boolean
  /** … and after it: everything else that is held of the person here has to go. */
  readonly erasedHere: (subjectId: string, faceIds: readonly string[]) => void
}

export type GalleryShowing = ReturnType<typeof openShowing>

/**
 * Puts records of other boxes into the gallery, and takes them out. Whatever order they come in, the gallery is what the records
 * together say (person-rows.ts). A record of a newer version, or of something that this box does not know, is kept and not shown.
 */
export function openShowing(needs: ShowingNeeds) {
  const { exchange, claims, conflicts, keepsChips } = needs
  let present: Tables | undefined

  /** Of the transaction that is under way. */
  function tables(): Tables {
    if (present === undefined) throw new Error("records are shown in a transaction that has begun here")
    return present
  }

  function show(version: Version, content: Content | undefined, transaction: Transaction): void {
    const [subjectId = "", faceId, part] = idsOf(version.entity)
    if (content?.about === "person" && faceId === undefined) showPerson(subjectId, content.person, version, transaction)
    else if (content?.about === "face" && faceId !== undefined && part === undefined)
      showFace({ subjectId, faceId }, content, version, transaction)
    else if (content?.about === "chip" && faceId !== undefined && version.entity.endsWith(chipPart))
      showChip({ subjectId, faceId }, content.chip)
  }

  function showPerson(
    subjectId: string,
    details: Parameters<Claims["put"]>[1],
    { stamp }: Version,
    transaction: Transaction,
  ): void {
    const isNew = !exchange.isThere(subjectId)
    claims.put(subjectId, details, createdAtMs(stamp))
    // Faces that brought nobody along have waited.
    if (isNew) settleFaces(subjectId, transaction)
  }

  function showFace({ subjectId, faceId }: Path, content: FaceContent, version: Version, transaction: Transaction): void {
    const vector = grow(content.vector)
    if (vector === undefined) return
    if (exchange.isThere(subjectId)) settleDetails(subjectId)
    else if (content.person !== undefined) claims.put(subjectId, content.person, createdAtMs(version.stamp))
    else return
    const place = exchange.placeOf(faceId)
    if (place?.isTwin === 1) return
    if (place === undefined) {
      const { space, source, quality } = content
      const face = { id: faceId, subjectId, space, source, vector, createdAtMs: createdAtMs(version.stamp) }
      exchange.addFace({ ...face, ...(quality && { quality }) }, transaction)
    } else if (place.subjectId !== subjectId && !takeOver({ subjectId, faceId }, place.subjectId, version, transaction)) return
    if (!keepsChips) return
    const row = tables().row(pathOfChip(subjectId, faceId))
    if (isPut(row)) showKept(row.record, transaction)
  }

  /** A face that is somebody else's here: after a merge or a split elsewhere, or because two boxes have merged differently. */
  function takeOver({ subjectId, faceId }: Path, ownerId: string, version: Version, transaction: Transaction): boolean {
    const other = tables().row(pathOf(ownerId, faceId))
    if (isPut(other) && wins(other.record, version)) {
      conflicts.add({ kind: "face", subjectId, otherId: ownerId })
      return false
    }
    exchange.moveFace(faceId, ownerId, subjectId, transaction)
    if (isPut(other)) conflicts.add({ kind: "face", subjectId: ownerId, otherId: subjectId })
    return true
  }

  function showChip({ subjectId, faceId }: Path, chip: Extract<Content, { about: "chip" }>["chip"]): void {
    if (keepsChips && exchange.placeOf(faceId)?.subjectId === subjectId && !exchange.hasChip(faceId))
      exchange.addChip(faceId, chip)
  }

  /** Without a record of their own, people are as the face says that was written last. */
  function settleDetails(subjectId: string): void {
    const path = pathOf(subjectId)
    if (isPut(tables().row(path))) return
    const details = toldDetails(needs.keys(), rowsOfPerson(tables(), path))
    if (details !== undefined) claims.put(subjectId, details, Date.now())
  }

  /** Shows the faces of a person that are not in the gallery, though they should be. */
  function settleFaces(subjectId: string, transaction: Transaction): void {
    const rows = rowsOfPerson(tables(), pathOf(subjectId))
    for (const [faceId, row] of rows.faces)
      if (isPut(row) && exchange.placeOf(faceId)?.subjectId !== subjectId) showKept(row.record, transaction)
  }

  function showKept(record: SyncRecord, transaction: Transaction): void {
    const content = contentOf(needs.keys(), record)
    if (content !== undefined) show(record, content, transaction)
  }

  function hideFace({ subjectId, faceId }: Path, transaction: Transaction): void {
    const place = exchange.placeOf(faceId)
    if (place?.isTwin === 0 && place.subjectId === subjectId) exchange.removeFace(faceId, transaction)
    settle(subjectId, transaction)
  }

  /** Something that was said of the person holds no more. */
  function settle(subjectId: string, transaction: Transaction): void {
    if (exchange.isThere(subjectId)) {
      if (isTold(rowsOfPerson(tables(), pathOf(subjectId)))) settleDetails(subjectId)
      else {
        exchange.removePerson(subjectId, transaction)
        claims.freed(subjectId)
      }
    }
    settleDisputes(subjectId, transaction)
  }

  /** Faces that two people have by their records, and of which this one had some or waited for some. */
  function settleDisputes(subjectId: string, transaction: Transaction): void {
    for (const { id, kind, subjectId: waitingId } of conflicts.of(subjectId)) {
      if (kind !== "face") continue
      // It comes back where the dispute goes on.
      conflicts.resolve(id)
      settleFaces(waitingId, transaction)
    }
  }

  function erase(subjectId: string, transaction: Transaction): void {
    const isHere = exchange.isThere(subjectId)
    const faceIds = isHere ? exchange.stripPerson(subjectId, transaction) : []
    if (needs.noteErasure(subjectId, isHere)) transaction.afterCommit(() => needs.erasedHere(subjectId, faceIds))
    claims.freed(subjectId)
    settleDisputes(subjectId, transaction)
  }

  function hide(entity: Entity, kind: "del" | "erase", transaction: Transaction): void {
    const [subjectId = "", faceId, part] = idsOf(entity)
    if (kind === "erase" && tables().row(pathOf(subjectId))?.record.kind === "erase") {
      // What lies below the person has left with the person.
      if (faceId === undefined) erase(subjectId, transaction)
    } else if (faceId === undefined) settle(subjectId, transaction)
    else if (part === undefined) hideFace({ subjectId, faceId }, transaction)
    else if (entity.endsWith(chipPart) && exchange.placeOf(faceId)?.subjectId === subjectId) exchange.removeChip(faceId)
  }

  const showing: Showing = {
    show: (record, content, transaction) => show(record, parseContent(content), transaction),
    hide,
    present: exchange.facesCount,
  }
  return {
    ...showing,
    settleDisputes,
    /** What is shown in the transaction under way is read in these. */
    begin(given: Tables): void {
      present = given
    },
  }
}

interface Path {
  readonly subjectId: string
  readonly faceId: string
}

const createdAtMs = (stamp: number): number => Math.floor(stampMs(stamp))
