import type { Store } from "../store/store.ts"

/** Sites, departments and watch lists that are asked for again and again. */
const groupsKept = 64

export type GroupMembers = ReturnType<typeof openGroupMembers>

/**
 * Numbers of the faces of a group's members in one space, rising. Read once and kept while nothing changes: reading 5,000 takes as
 * long as searching all of a large gallery.
 * @param lastSeq of the log of changes, in which every change of people and faces stands
 */
export function openGroupMembers(store: Store, lastSeq: () => number) {
  const select = store.prepare<{ number: number }>(`
    select faces.number from subject_groups as member cross join faces on faces.subject_id = member.subject_id
    where member.name = ? and +faces.space_number = ? order by faces.number`)
  const kept = new Map<string, { readonly seq: number; readonly numbers: Float64Array<ArrayBuffer> }>()

  return (spaceNumber: number, group: string): Float64Array<ArrayBuffer> => {
    const key = `${spaceNumber} ${group}`
    const seq = lastSeq()
    const before = kept.get(key)
    // Put back at the end: the one that nobody asked for longest is the first to leave.
    kept.delete(key)
    const entry =
      before?.seq === seq ? before : { seq, numbers: Float64Array.from(select.all(group, spaceNumber), ({ number }) => number) }
    kept.set(key, entry)
    const oldest = kept.keys().next().value
    if (kept.size > groupsKept && oldest !== undefined) kept.delete(oldest)
    return entry.numbers
  }
}

/** Whether a rising row of numbers holds one. */
export function holds(rising: Float64Array, wanted: number): boolean {
  let low = 0
  let high = rising.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const there = rising[middle] ?? 0
    if (there === wanted) return true
    if (there < wanted) low = middle + 1
    else high = middle - 1
  }
  return false
}
