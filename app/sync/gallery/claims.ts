import type { Exchange } from "../../gallery/exchange.ts"
import type { PersonDetails } from "../person.ts"
import type { ConflictList } from "../store/sync-store.ts"
import { detailsOf, isSamePerson, subjectOf } from "./details.ts"

export type Claims = ReturnType<typeof createClaims>

/**
 * People as they are put into the gallery. Two boxes that knew nothing of each other may have given two people the same number in
 * another system. Both stay, on every box: whoever has the smaller id keeps the number, the other one claims it, and gets it
 * when the first leaves or gives it up. All of it in the caller's transaction.
 */
export function createClaims(
  exchange: Pick<Exchange, "person" | "isThere" | "holderOf" | "putPerson">,
  conflicts: Pick<ConflictList, "add" | "of" | "resolve">,
) {
  /** Makes the person so, or anew. Nothing is written for somebody who is so already. */
  function put(id: string, details: PersonDetails, createdAtMs: number): void {
    if (!exchange.isThere(id)) {
      write(id, details, createdAtMs)
      return
    }
    const before = exchange.person(id)
    if (before !== undefined && isSamePerson(detailsOf(before), details)) return
    forgetClaims(id)
    write(id, details, createdAtMs)
    const hadId = before?.subject.externalId
    if (hadId !== undefined && hadId !== details.externalId) freed(id)
  }

  function write(id: string, details: PersonDetails, createdAtMs: number): void {
    const { externalId, ...others } = details
    const holderId = externalId === undefined ? undefined : exchange.holderOf(externalId, id)
    if (holderId === undefined) {
      exchange.putPerson(id, subjectOf(details), undefined, createdAtMs)
      return
    }
    const holder = exchange.person(holderId)
    if (holderId < id || holder === undefined) {
      exchange.putPerson(id, subjectOf(others), externalId, createdAtMs)
      conflicts.add({ kind: "external_id", subjectId: id, otherId: holderId })
      return
    }
    const { externalId: claimed, ...ofHolder } = detailsOf(holder)
    exchange.putPerson(holderId, subjectOf(ofHolder), claimed, holder.subject.createdAtMs)
    exchange.putPerson(id, subjectOf(details), undefined, createdAtMs)
    conflicts.add({ kind: "external_id", subjectId: holderId, otherId: id })
    // Whoever waited for that one waits for this one.
    freed(holderId)
  }

  function forgetClaims(id: string): void {
    for (const conflict of conflicts.of(id))
      if (conflict.kind === "external_id" && conflict.subjectId === id) conflicts.resolve(conflict.id)
  }

  /** Somebody has left, or given up a number: those who claim it get it, the smallest id first. */
  function freed(holderId: string): void {
    const waiting = conflicts.of(holderId).filter(({ kind, otherId }) => kind === "external_id" && otherId === holderId)
    for (const { id, subjectId } of waiting.toSorted((a, b) => (a.subjectId < b.subjectId ? -1 : 1))) {
      const person = exchange.person(subjectId)
      conflicts.resolve(id)
      if (person?.claimedExternalId !== undefined) write(subjectId, detailsOf(person), person.subject.createdAtMs)
    }
  }

  return { put, freed }
}
