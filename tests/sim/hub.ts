import type { HubEntry, HubRecord, Marker, Stream } from "../../app/sync/hub.ts"

interface Kept extends HubRecord {
  readonly isMarker: boolean
}

interface Log {
  /** By their number less one; nothing where one was removed. */
  readonly entries: (Kept | undefined)[]
  /** Of each key the numbers of what is there, rising. */
  readonly byKey: Map<string, number[]>
  readonly markers: Marker[]
}

type Done = { readonly stream: Stream; readonly removed?: Kept }

/** So far back an old copy of the hub's disk may be. */
const undoMax = 6000

export type SimulatedHub = ReturnType<typeof createHub>

/** What a hub does, without a network before it: it can lose its end, and then gives the numbers away again. */
export function createHub() {
  const newLog = (): Log => ({ entries: [], byKey: new Map(), markers: [] })
  const logs: Readonly<Record<Stream, Log>> = {
    erasures: newLog(),
    records: newLog(),
    sightings: newLog(),
    announcements: newLog(),
  }
  let done: Done[] = []
  const counts = { written: 0, conflicts: 0, removed: 0, lost: 0, rollbacks: 0 }

  const lastOf = (log: Log, key: string): number => log.byKey.get(key)?.at(-1) ?? 0

  function remember(step: Done): void {
    done.push(step)
    if (done.length > undoMax * 2) done = done.slice(-undoMax)
  }

  function append(stream: Stream, key: string, bytes: Uint8Array, isMarker: boolean): number {
    const log = logs[stream]
    const sequence = log.entries.length + 1
    log.entries.push({ sequence, key, bytes, isMarker })
    if (isMarker) log.markers.push({ sequence, name: key })
    else {
      const numbers = log.byKey.get(key)
      if (numbers) numbers.push(sequence)
      else log.byKey.set(key, [sequence])
    }
    remember({ stream })
    return sequence
  }

  function drop(log: Log, { sequence, key, isMarker }: Kept): void {
    if (isMarker) log.markers.pop()
    const left = (log.byKey.get(key) ?? []).filter((number) => number !== sequence)
    if (left.length === 0) log.byKey.delete(key)
    else log.byKey.set(key, left)
  }

  function undo({ stream, removed }: Done): Kept | undefined {
    const log = logs[stream]
    if (removed !== undefined) {
      log.entries[removed.sequence - 1] = removed
      log.byKey.set(
        removed.key,
        [...(log.byKey.get(removed.key) ?? []), removed.sequence].sort((a, b) => a - b),
      )
      return undefined
    }
    const entry = log.entries.pop()
    if (entry === undefined) return undefined
    drop(log, entry)
    return entry.isMarker ? undefined : entry
  }

  return {
    counts,
    read(stream: Stream, after: number, limit: number) {
      const { entries } = logs[stream]
      const found: HubEntry[] = []
      let at = after
      for (; at < entries.length && found.length < limit; at++) {
        const entry = entries[at]
        if (entry?.isMarker) found.push({ kind: "marker", marker: { sequence: entry.sequence, name: entry.key } })
        else if (entry !== undefined) found.push({ kind: "record", record: entry })
      }
      return { kind: "read", entries: found, isEnd: at >= entries.length } as const
    },
    write(stream: Stream, key: string, bytes: Uint8Array, expected: number) {
      if (lastOf(logs[stream], key) !== expected) {
        counts.conflicts++
        return { kind: "conflict" } as const
      }
      counts.written++
      return { kind: "written", sequence: append(stream, key, bytes, false) } as const
    },
    latest(stream: Stream, key: string) {
      const log = logs[stream]
      const entry = log.entries[lastOf(log, key) - 1]
      return entry === undefined ? ({ kind: "none" } as const) : ({ kind: "found", entry } as const)
    },
    markerAt(stream: Stream, sequence: number) {
      const entry = logs[stream].entries[sequence - 1]
      return entry?.isMarker ? ({ kind: "found", marker: { sequence, name: entry.key } } as const) : ({ kind: "none" } as const)
    },
    newestMarker(stream: Stream) {
      const marker = logs[stream].markers.at(-1)
      return marker === undefined ? ({ kind: "none" } as const) : ({ kind: "found", marker } as const)
    },
    mark(stream: Stream, name: string) {
      append(stream, name, new Uint8Array(), true)
      return { kind: "marked" } as const
    },
    remove(stream: Stream, { sequence, bytes }: HubRecord) {
      const log = logs[stream]
      const entry = log.entries[sequence - 1]
      if (entry !== undefined && entry.bytes === bytes) {
        log.entries[sequence - 1] = undefined
        drop(log, entry)
        remember({ stream, removed: entry })
        counts.removed++
      }
      return { kind: "removed" } as const
    },

    /** Back to what it was so many steps ago; what was lost. */
    rollBack(steps: number): readonly { readonly stream: Stream; readonly entry: HubRecord }[] {
      counts.rollbacks++
      const lost: { stream: Stream; entry: HubRecord }[] = []
      for (let left = steps; left > 0; left--) {
        const step = done.pop()
        if (step === undefined) break
        const entry = undo(step)
        if (entry !== undefined) lost.push({ stream: step.stream, entry })
      }
      counts.lost += lost.length
      return lost
    },
    /** All that is there of a key, the oldest first. */
    all(stream: Stream, key: string): readonly HubRecord[] {
      const log = logs[stream]
      return (log.byKey.get(key) ?? []).flatMap((sequence) => log.entries[sequence - 1] ?? [])
    },
    keys: (stream: Stream): Iterable<string> => logs[stream].byKey.keys(),
    last: (stream: Stream): number => logs[stream].entries.length,
  }
}
