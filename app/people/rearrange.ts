import { assert } from "../base/assert.ts"
import type { Holding } from "../base/holding.ts"
import type { Gallery, NewSubject, Subject } from "../gallery/gallery.ts"
import type { Merged, MergedPerson, Split, Unmerged } from "../gallery/moves.ts"
import { ownerOfSubject } from "../gallery/secrets.ts"
import type { Store } from "../store/store.ts"
import { unlessBroken } from "../vault/broken.ts"
import { type Place, readHeader } from "../vault/seal.ts"
import { pagedSealer, type Sealer } from "../vault/sealing.ts"
import type { Vault } from "../vault/vault.ts"

/** Somebody who became part of somebody else, or was taken out of somebody. */
export interface Rearrangement {
  readonly id: string
  readonly kind: "merge" | "split"
  /** Who has everything now (`merge`), or had it before (`split`). */
  readonly subjectId: string
  /** Who is gone since (`merge`), or is new (`split`). */
  readonly otherId: string
  readonly atMs: number
}

export type Rearranged<Done> =
  | { readonly kind: "done"; readonly rearrangement: Rearrangement; readonly done: Done }
  | Exclude<Merged | Split, { kind: "merged" | "split" }>

export type Undone =
  | { readonly kind: "undone"; readonly rearrangement: Rearrangement }
  /** It was undone before, its time is over, or the person was deleted. */
  | { readonly kind: "no_rearrangement" }
  | Exclude<Unmerged | Merged, { kind: "unmerged" | "merged" }>

interface Memo {
  /** Of a merge. */
  readonly merged?: MergedPerson
  /** By the holding that moved something. */
  readonly moved: Readonly<Record<string, unknown>>
  /** Of a merge: what could be undone with the one who is gone, by id, with the groups that to undo it takes away. */
  readonly carried?: Readonly<Record<string, readonly string[]>>
}

interface Row extends Rearrangement {
  readonly memo: Uint8Array
}

export type Rearrangements = ReturnType<typeof openRearrangements>

/** Merging and splitting people, and what it takes to undo that: sealed with the person's key, and gone with the person. */
export function openRearrangements(
  store: Store,
  vault: Pick<Vault, "seal" | "open">,
  { moves }: Pick<Gallery, "moves">,
  holdings: readonly Holding[],
  wallClockMs: () => number,
) {
  const insert = store.prepare(`
    insert into rearrangements (id, kind, subject_id, other_id, memo, at_ms) values (?, ?, ?, ?, ?, ?)`)
  const columns = "id, kind, subject_id as subjectId, other_id as otherId, at_ms as atMs"
  const selectOf = store.prepare<Rearrangement>(
    `select ${columns} from rearrangements where subject_id = ? or other_id = ? order by number desc`,
  )
  const select = store.prepare<Row>(`select ${columns}, memo from rearrangements where id = ?`)
  const selectOwn = store.prepare<Row>(`select ${columns}, memo from rearrangements where subject_id = ? order by number`)
  const selectParts = store.prepare<{ otherId: string }>(
    "select distinct other_id as otherId from rearrangements where kind = 'merge' and subject_id = ?",
  )
  const selectMerges = store.prepare<{ id: string }>(
    "select id from rearrangements where kind = 'merge' and other_id = ? order by number desc",
  )
  const hand = store.prepare("update rearrangements set subject_id = ?, memo = ? where id = ?")
  const remove = store.prepare("delete from rearrangements where id = ?")
  const selectOther = store.prepare("select 1 from rearrangements where other_id = ? limit 1")
  const removeOther = store.prepare("delete from rearrangements where other_id = ?")
  const removeOld = store.prepare("delete from rearrangements where at_ms < ?")

  function moveAll(fromId: string, toId: string): Memo["moved"] {
    return Object.fromEntries(holdings.flatMap(({ name, move }) => (move === undefined ? [] : [[name, move(fromId, toId)]])))
  }

  function moveBack({ moved }: Memo, fromId: string, toId: string): void {
    for (const { name, moveBack } of holdings) if (moved[name] !== undefined) moveBack?.(moved[name], fromId, toId)
  }

  /** In the transaction of the change. */
  function record(kind: Rearrangement["kind"], subjectId: string, otherId: string, memo: Memo): Rearrangement {
    const rearrangement = { id: Bun.randomUUIDv7(), kind, subjectId, otherId, atMs: wallClockMs() }
    insert.run(rearrangement.id, kind, subjectId, otherId, sealed(rearrangement, memo), rearrangement.atMs)
    return rearrangement
  }

  function sealed({ id, subjectId }: Pick<Row, "id" | "subjectId">, memo: Memo): Uint8Array {
    return vault.seal(ownerOfSubject(subjectId), placeOf(id), Buffer.from(JSON.stringify(memo)))
  }

  function memoOf({ id, subjectId, memo }: Row): Memo {
    // Written by ourselves, above.
    return JSON.parse(Buffer.from(vault.open(ownerOfSubject(subjectId), placeOf(id), memo)).toString()) as Memo
  }

  /** A memo leaves with the person it is sealed for, so it goes along with what that person has. */
  function carry({ id }: Row, memo: Memo, toId: string, groupsAdded: readonly string[]): void {
    const merged = memo.merged && { ...memo.merged, groupsAdded }
    hand.run(toId, sealed({ id, subjectId: toId }, { ...memo, ...(merged && { merged }) }), id)
  }

  /**
   * What can be undone with one person, it can be with whom they become part of; but for a memo that was damaged on the disk, which
   * leaves with the person.
   * @param groupsAdded of the one who stays: to undo an earlier merge takes away no others
   */
  function carryAll(fromId: string, toId: string, groupsAdded: readonly string[]): NonNullable<Memo["carried"]> {
    const carried: Record<string, readonly string[]> = {}
    for (const row of selectOwn.all(fromId)) {
      const memo = row.otherId === toId ? undefined : unlessBroken(() => memoOf(row))
      if (memo === undefined) continue
      const had = memo.merged?.groupsAdded ?? []
      const goesAlong = had.filter((group) => groupsAdded.includes(group))
      carry(row, memo, toId, goesAlong)
      carried[row.id] = had
    }
    return carried
  }

  function carryBack({ carried = {} }: Memo, fromId: string, toId: string): void {
    for (const [id, groups] of Object.entries(carried)) {
      const row = select.get(id)
      const memo = row?.subjectId === fromId ? unlessBroken(() => memoOf(row)) : undefined
      if (row !== undefined && memo !== undefined) carry(row, memo, toId, groups)
    }
  }

  function undoMerge(row: Row, asWas = (subject: Subject) => subject): Undone {
    const memo = memoOf(row)
    assert(memo.merged !== undefined, "who was merged is in the memo of a merge")
    const subject = asWas(memo.merged.subject)
    const unmerged = moves.unmerge({ ...memo.merged, subject }, row.subjectId, () => {
      moveBack(memo, row.subjectId, row.otherId)
      carryBack(memo, row.subjectId, row.otherId)
      remove.run(row.id)
    })
    return unmerged.kind === "unmerged" ? { kind: "undone", rearrangement: told(row) } : unmerged
  }

  /** Whatever came to the new person since goes back, too. */
  function undoSplit(row: Row): Undone {
    const merged = moves.merge(row.otherId, row.subjectId, ({ groupsAdded }) => {
      moveAll(row.otherId, row.subjectId)
      carryAll(row.otherId, row.subjectId, groupsAdded)
      remove.run(row.id)
    })
    return merged.kind === "merged" ? { kind: "undone", rearrangement: told(row) } : merged
  }

  function giveBack(row: Row): boolean {
    // Whoever has the number by now keeps it.
    const { kind } = undoMerge(row, (subject) => ({ ...subject, externalId: undefined }))
    if (kind !== "subject_exists") return kind === "undone"
    const memo = memoOf(row)
    store.transact<void>((transaction) => {
      moves.moveNow(row.subjectId, memo.merged?.faceIds ?? [], row.otherId, transaction)
      moveBack(memo, row.subjectId, row.otherId)
      remove.run(row.id)
    })
    return true
  }

  return {
    /** Everything held of `fromId` becomes that of `intoId`, but for reports of enrolments, which leave. */
    merge(fromId: string, intoId: string): Rearranged<Extract<Merged, { kind: "merged" }>> {
      const recorded: Rearrangement[] = []
      const done = moves.merge(fromId, intoId, (merged) => {
        const carried = carryAll(fromId, intoId, merged.groupsAdded)
        recorded.push(record("merge", intoId, fromId, { merged, moved: moveAll(fromId, intoId), carried }))
      })
      return done.kind === "merged" ? { kind: "done", rearrangement: only(recorded), done } : done
    },

    /** What was seen stays with `fromId`: nobody can say which face it was that matched. */
    split(fromId: string, faceIds: readonly string[], fields: NewSubject): Rearranged<Extract<Split, { kind: "split" }>> {
      const recorded: Rearrangement[] = []
      const done = moves.split(fromId, faceIds, fields, (newId) => {
        recorded.push(record("split", fromId, newId, { moved: {} }))
      })
      return done.kind === "split" ? { kind: "done", rearrangement: only(recorded), done } : done
    },

    undo(id: string): Undone {
      const row = select.get(id)
      if (row === undefined) return { kind: "no_rearrangement" }
      return row.kind === "merge" ? undoMerge(row) : undoSplit(row)
    },

    /**
     * Gives somebody who became part of somebody else here, and is being erased, all back that was theirs, so that it is erased with
     * them: they are made anew if need be. Another box, which did not know of the merge, has erased them, or an older backup knows of it.
     * @returns false when the memo of a merge, or a face, was damaged on the disk
     */
    giveBackToErase(subjectId: string): boolean {
      const given = selectMerges.all(subjectId).map(({ id }) => {
        // Read anew: with the one before it may have gone to somebody else.
        const row = select.get(id)
        return row === undefined || unlessBroken(() => giveBack(row))
      })
      return given.every((isDone) => isDone === true)
    },

    /** Who became part of this person, as far as it can be undone. */
    partsOf: (subjectId: string): readonly string[] => selectParts.all(subjectId).map(({ otherId }) => otherId),

    /** Newest first. */
    of: (subjectId: string): readonly Rearrangement[] => selectOf.all(subjectId, subjectId),
    /** Whether somebody can be made anew who is not here any more. */
    remembers: (subjectId: string): boolean => selectOther.get(subjectId) !== undefined,
    /** Whoever is erased is not to be made anew by whoever undoes a merge. How many memos it took. */
    forget: (subjectId: string): number => removeOther.run(subjectId),
    /** What was done before this can be undone no more. */
    forgetBefore: (atMs: number): number => removeOld.run(atMs),
  }
}

function only([recorded]: readonly Rearrangement[]): Rearrangement {
  assert(recorded !== undefined, "what was moved was recorded")
  return recorded
}

function told({ memo: _memo, ...rearrangement }: Row): Rearrangement {
  return rearrangement
}

const placeOf = (id: string): Place => ({ table: "rearrangements", column: "memo", row: id })

interface MemoRow {
  readonly number: number
  readonly id: string
  readonly subjectId: string
  readonly memo: Uint8Array
}

/** Seals what was remembered before there was a master key. After the gallery's: people have their keys then. */
export function rearrangementsSealer(store: Store, vault: Pick<Vault, "seal">): Sealer {
  const select = store.prepare<MemoRow>(
    "select number, id, subject_id as subjectId, memo from rearrangements where number > ? order by number limit ?",
  )
  const update = store.prepare("update rearrangements set memo = ? where number = ?")
  return pagedSealer<MemoRow>(store.transact<number>, {
    table: "rearrangements",
    page: (last, rowsMax) => select.all(last?.number ?? 0, rowsMax),
    isSealed: ({ memo }) => readHeader(memo) !== undefined,
    seal: ({ number, id, subjectId, memo }) => {
      update.run(vault.seal(ownerOfSubject(subjectId), placeOf(id), memo), number)
    },
  })
}
