import { createAlarm } from "../base/alarm.ts"
import type { Log } from "../base/log.ts"
import type { Metrics } from "../base/metrics.ts"
import { nowTickMs } from "../base/ticks.ts"
import type { Room, Store } from "../store/store.ts"
import { storageTrouble } from "../store/trouble.ts"
import type { SightingsOptions } from "./options.ts"
import type { Sightings } from "./sighting.ts"
import { rowBytes } from "./sightings.ts"
import { openTrustedClock } from "./trusted-clock.ts"

export interface Retention {
  close(): Promise<void>
}

/** Removed in one transaction, during which nobody is answered: with pictures of 50 KB each, 0.6 ms for each of them (n = 280). */
const stepRows = 10
/**
 * Of the budget, so much room is made ahead, a step at most: a box whose record is full would otherwise remove one for each that
 * comes, and a removal writes to the disk as much as ten do (docs/performance.md).
 */
const aheadShare = 1 / 64
/** Looked at in one step for strangers: a millisecond. */
const lookRows = 200
const lookEveryMs = 60_000
const failedRestMs = 1000
const dayMs = 24 * 60 * 60 * 1000

/**
 * Removes what is over the budgets, the oldest first, in small steps: each minute, and as soon as a recording goes over the
 * bytes.
 */
export function keepRetention(
  needs: {
    readonly store: Store
    readonly sightings: Sightings
    readonly metrics: Pick<Metrics, "sightingsPrunedTotal" | "sightings" | "sightingBytes">
    readonly log: Log
  },
  options: SightingsOptions,
): Retention {
  const { sightings, metrics, log } = needs
  const step = openRetention(needs.store, sightings, options)
  const stopping = new AbortController()
  const alarm = createAlarm()
  sightings.follow(() => {
    if (sightings.totals().bytes > options.bytesMax || shortOf(needs.store.room(), options) > 0) alarm.ring()
  })
  needs.store.whenFull(() => alarm.ring())

  async function run() {
    while (!stopping.signal.aborted) {
      try {
        const { removed, reason } = step(Date.now(), nowTickMs())
        if (removed > 0) metrics.sightingsPrunedTotal.inc({ reason }, removed)
        // The log must not grow meanwhile: it takes of the room that there is not, and folding it in may need some itself.
        if (removed > 0 && reason === "disk") needs.store.shrinkLog()
        const { sightings: count, bytes } = sightings.totals()
        metrics.sightings.set(count)
        metrics.sightingBytes.set(bytes)
        // A breath between steps: requests go first.
        await (removed > 0 ? Bun.sleep(1) : alarm.sleep(lookEveryMs))
      } catch (error) {
        // Whatever it is, old sightings must not stay for ever because of one bad minute.
        const why = storageTrouble(error)
        if (why === undefined) log.error({ err: error }, "a bug: old sightings were not removed; trying again in a minute")
        else log.error({ why }, "old sightings could not be removed; trying again in a minute")
        // Not to be woken: a removal that finds the disk full is itself what wakes this loop, which would never rest again.
        await Bun.sleep(failedRestMs)
        await alarm.sleep(lookEveryMs)
      }
    }
  }

  const running = run()
  return {
    async close() {
      stopping.abort()
      alarm.ring()
      await running
    },
  }
}

type FreeBytes = Pick<SightingsOptions, "freeBytesMin">

/** Of a small disk, this share stands for what is asked for of larger ones. */
const freeShareMax = 1 / 8

/** How much more room there should be, in bytes. What the database holds inside itself is as good as the disk's, for us. */
function shortOf({ free, reusable, disk }: Room, { freeBytesMin }: FreeBytes): number {
  return Math.min(freeBytesMin, disk * freeShareMax) - free - reusable
}

export interface Removal {
  readonly removed: number
  readonly reason: "bytes" | "age" | "disk" | "unknown"
}

/** One bounded step; call it until nothing is removed. */
export function openRetention(
  store: Store,
  sightings: Pick<Sightings, "totals" | "shredMonths">,
  {
    bytesMax,
    ageMaxDays,
    unknownAgeMaxDays = null,
    freeBytesMin = 0,
  }: Pick<SightingsOptions, "bytesMax" | "ageMaxDays"> & Partial<FreeBytes & Pick<SightingsOptions, "unknownAgeMaxDays">>,
) {
  const clock = openTrustedClock(store)
  const selectOldest = store.prepare<{ number: number; snapshotBytes: number }>(
    "select number, coalesce(snapshot_bytes, 0) as snapshotBytes from sightings order by number limit ?",
  )
  // A time before our own first day or after this moment is a clock that was wrong then: such a sighting is as old as the next
  // one whose time can be.
  const selectDated = store.prepare<{ number: number; recordedAtMs: number }>(
    `select number, recorded_at_ms as recordedAtMs from sightings
     where recorded_at_ms between ? and ? order by number limit ?`,
  )
  const removeUpTo = store.prepare(
    "delete from sightings where number in (select number from sightings where number <= ? order by number limit ?)",
  )

  const selectLookedAt = store.prepare<{ number: number; recordedAtMs: number; known: 0 | 1 }>(`
    select number, recorded_at_ms as recordedAtMs,
      exists (select 1 from sighting_faces where sighting_number = number and subject_id is not null) as known
    from sightings where number > ? and recorded_at_ms between ? and ? order by number limit ?`)
  const removeSome = store.prepare("delete from sightings where number in (select value from json_each(?))")
  let lookedAt = 0

  return (nowMs: number, tickMs: number): Removal => {
    const overBytes = sightings.totals().bytes - bytesMax
    if (overBytes > 0) return { removed: remove(lastToFree(overBytes, bytesMax * aheadShare)), reason: "bytes" }
    const shortBytes = shortOf(store.room(), { freeBytesMin })
    if (shortBytes > 0 && sightings.totals().sightings > 0) return { removed: remove(lastToFree(shortBytes)), reason: "disk" }
    const tooOld = remove(lastTooOld(nowMs, tickMs))
    return tooOld > 0 ? { removed: tooOld, reason: "age" } : { removed: removeUnknown(nowMs, tickMs), reason: "unknown" }
  }

  /** Whoever is on a sighting of strangers alone may be anybody. Each is looked at once, when it is old enough. */
  function removeUnknown(nowMs: number, tickMs: number): number {
    const trusted = clock(nowMs, tickMs)
    if (unknownAgeMaxDays === null || trusted.kind === "not_set") return 0
    const cutoffMs = trusted.atMs - unknownAgeMaxDays * dayMs
    for (;;) {
      const strangers: number[] = []
      const page = selectLookedAt.all(lookedAt, trusted.firstMs, nowMs, lookRows)
      const old = page.slice(
        0,
        indexOr(
          page.length,
          page.findIndex(({ recordedAtMs }) => recordedAtMs >= cutoffMs),
        ),
      )
      for (const { number, known } of old) {
        if (strangers.length === stepRows) break
        if (known === 0) strangers.push(number)
        lookedAt = number
      }
      if (strangers.length > 0) return removeThese(strangers)
      if (old.length < lookRows) return 0
    }
  }

  function removeThese(numbers: readonly number[]): number {
    return store.transact<number>(() => {
      const removed = removeSome.run(JSON.stringify(numbers))
      sightings.shredMonths()
      return removed
    })
  }

  /** @param aheadBytes may go besides, in whole sightings */
  function lastToFree(bytes: number, aheadBytes = 0): number {
    let left = bytes
    let last = 0
    for (const { number, snapshotBytes } of selectOldest.all(stepRows)) {
      if (left <= 0 && left + aheadBytes < snapshotBytes + rowBytes) break
      left -= snapshotBytes + rowBytes
      last = number
    }
    return last
  }

  function lastTooOld(nowMs: number, tickMs: number): number {
    const trusted = clock(nowMs, tickMs)
    if (trusted.kind === "not_set") return 0
    const cutoffMs = trusted.atMs - ageMaxDays * dayMs
    let last = 0
    for (const { number, recordedAtMs } of selectDated.all(trusted.firstMs, nowMs, stepRows)) {
      if (recordedAtMs >= cutoffMs) break
      last = number
    }
    return last
  }

  function remove(upToNumber: number): number {
    if (upToNumber === 0) return 0
    return store.transact<number>(() => {
      const removed = removeUpTo.run(upToNumber, stepRows)
      sightings.shredMonths()
      return removed
    })
  }
}

function indexOr(otherwise: number, index: number): number {
  return index === -1 ? otherwise : index
}
