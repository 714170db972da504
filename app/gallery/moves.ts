import type { Space } from "../face/embedding.ts"
import type { Store, Transaction } from "../store/store.ts"
import type { Vault } from "../vault/vault.ts"
import type { Changes } from "./changes.ts"
import type { Chips } from "./chips.ts"
import type { Faces } from "./faces.ts"
import type { AddedSubject, NewSubject, Subject } from "./gallery.ts"
import type { Impostors } from "./impostors.ts"
import { openVector, sealVector } from "./secrets.ts"
import type { Subjects } from "./subjects.ts"

/** What it takes to make a person again who became part of another one. */
export interface MergedPerson {
  /** As the person was. */
  readonly subject: Subject
  readonly faceIds: readonly string[]
  /** Groups that the other person was no member of before. */
  readonly groupsAdded: readonly string[]
  /** Who was said not to be this person. */
  readonly impostorIds?: readonly string[]
}

type NoSubject = { readonly kind: "no_subject"; readonly subjectId: string }

export type Merged = { readonly kind: "merged"; readonly subject: Subject } | NoSubject | { readonly kind: "same_subject" }

export type Unmerged =
  | { readonly kind: "unmerged"; readonly subject: Subject }
  /** The person has come back in another way. */
  | { readonly kind: "subject_exists" }
  | NoSubject
  | Exclude<AddedSubject, { kind: "added" }>

export type Split =
  | { readonly kind: "split"; readonly subject: Subject }
  | NoSubject
  /** None of that id, or it is another person's. */
  | { readonly kind: "no_face"; readonly faceId: string }
  | Exclude<AddedSubject, { kind: "added" }>

/** `also` runs in the transaction. */
export interface Moves {
  /** In the caller's transaction: those of these faces that are the one's become the other's, and both count as changed. */
  moveNow(fromId: string, faceIds: readonly string[], intoId: string, transaction: Transaction): void
  /** All faces and groups of the one become the other's; the one is gone. What is known of the other stays as it is. */
  merge(fromId: string, intoId: string, also: (merged: MergedPerson) => void): Merged
  unmerge(merged: MergedPerson, fromId: string, also: () => void): Unmerged
  /** Somebody who became part of somebody else was erased with them: the log of changes says once more that they are gone. */
  erasedAsPart(subjectId: string): void
  /** These faces become those of a new person. */
  split(fromId: string, faceIds: readonly string[], fields: NewSubject, also: (subjectId: string) => void): Split
}

interface MovingFace {
  readonly number: number
  readonly id: string
  readonly subjectId: string
  readonly space: Space
  readonly vector: Uint8Array
}

interface MovesNeeds {
  readonly faces: Pick<Faces, "moved">
  readonly chips: Chips
  readonly impostors: Pick<Impostors, "idsOf" | "move">
  readonly subjects: Pick<Subjects, "get" | "present" | "insertAs" | "removeNow">
  readonly changes: Pick<Changes, "recordSubject" | "recordFace">
}

/** Faces keep their numbers and vectors, so indexes have nothing to do; what is sealed goes under the key of the new person. */
export function openMoves(
  store: Store,
  vault: Vault,
  { faces, chips, impostors, subjects, changes }: MovesNeeds,
  wallClockMs: () => number,
): Moves {
  const select = store.prepare<MovingFace>(`
    select faces.number, faces.id, subject_id as subjectId, spaces.name as space, vector
    from faces join spaces on spaces.number = space_number
    where subject_id = ? and coalesce(twin_of, faces.id) in (select value from json_each(?)) order by faces.id`)
  const selectIds = store.prepare<{ id: string }>("select id from faces where subject_id = ? and twin_of is null order by id")
  const update = store.prepare("update faces set subject_id = ?, vector = ? where number = ?")
  const removeChip = store.prepare("delete from face_chips where face_number = ?")
  const touch = store.prepare("update subjects set updated_at_ms = ?, version = version + 1 where id = ?")
  const addGroup = store.prepare("insert into subject_groups (name, subject_id) values (?, ?) on conflict do nothing")
  const removeGroup = store.prepare("delete from subject_groups where name = ? and subject_id = ?")

  const idsOf = (subjectId: string): string[] => selectIds.all(subjectId).map(({ id }) => id)

  /** Those of them that are still this person's. Throws `BrokenSeal`, and then nothing has moved. */
  function move(fromId: string, faceIds: readonly string[], toId: string, transaction: Transaction): void {
    const moving = select.all(fromId, JSON.stringify(faceIds))
    const atMs = wallClockMs()
    for (const face of moving) {
      const { number, id } = face
      const chip = chips.of(id)
      const moved = { id, subjectId: toId, space: face.space }
      changes.recordFace("deleted", { id, number, subjectId: fromId, spaceNumber: null }, atMs)
      update.run(toId, sealVector(vault, moved, openVector(vault, face, face.vector)), number)
      if (chip === undefined || chip === null) continue
      removeChip.run(number)
      chips.add({ number, id, subjectId: toId }, chip)
    }
    transaction.afterCommit(() => faces.moved(moving.map(({ number }) => number)))
  }

  function changed(subjectId: string): void {
    const atMs = wallClockMs()
    touch.run(atMs, subjectId)
    changes.recordSubject("changed", subjectId, atMs)
  }

  return {
    moveNow(fromId, faceIds, intoId, transaction) {
      move(fromId, faceIds, intoId, transaction)
      changed(fromId)
      changed(intoId)
    },

    merge: (fromId, intoId, also) =>
      store.transact<Merged>((transaction) => {
        if (fromId === intoId) return { kind: "same_subject" }
        const [subject, into] = [subjects.get(fromId), subjects.get(intoId)]
        if (subject === undefined) return { kind: "no_subject", subjectId: fromId }
        if (into === undefined) return { kind: "no_subject", subjectId: intoId }
        const faceIds = idsOf(fromId)
        const groupsAdded = subject.groups.filter((group) => !into.groups.includes(group))
        const impostorIds = impostors.idsOf(fromId)
        move(fromId, faceIds, intoId, transaction)
        impostors.move(fromId, impostorIds, intoId)
        for (const group of groupsAdded) addGroup.run(group, intoId)
        also({ subject, faceIds, groupsAdded, impostorIds })
        subjects.removeNow(fromId, transaction)
        changed(intoId)
        return { kind: "merged", subject: subjects.present(intoId) }
      }),

    unmerge: ({ subject, faceIds, groupsAdded, impostorIds = [] }, fromId, also) =>
      store.transact<Unmerged>((transaction) => {
        if (subjects.get(fromId) === undefined) return { kind: "no_subject", subjectId: fromId }
        if (subjects.get(subject.id) !== undefined) return { kind: "subject_exists" }
        const found = subjects.insertAs(subject.id, subject, subject.createdAtMs, wallClockMs())
        if (found !== undefined) return found
        move(fromId, faceIds, subject.id, transaction)
        impostors.move(fromId, impostorIds, subject.id)
        for (const group of groupsAdded) removeGroup.run(group, fromId)
        also()
        changed(fromId)
        return { kind: "unmerged", subject: subjects.present(subject.id) }
      }),

    erasedAsPart: (subjectId) => store.transact<void>(() => changes.recordSubject("deleted", subjectId, wallClockMs())),

    split: (fromId, faceIds, fields, also) =>
      store.transact<Split>((transaction) => {
        if (subjects.get(fromId) === undefined) return { kind: "no_subject", subjectId: fromId }
        const own = new Set(idsOf(fromId))
        const strange = faceIds.find((id) => !own.has(id))
        if (strange !== undefined) return { kind: "no_face", faceId: strange }
        const id = Bun.randomUUIDv7()
        const atMs = wallClockMs()
        const found = subjects.insertAs(id, fields, atMs, atMs)
        if (found !== undefined) return found
        move(fromId, faceIds, id, transaction)
        also(id)
        changed(fromId)
        return { kind: "split", subject: subjects.present(id) }
      }),
  }
}
