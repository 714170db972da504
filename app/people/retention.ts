import { createAlarm } from "../base/alarm.ts"
import type { Log } from "../base/log.ts"
import { nowTickMs } from "../base/ticks.ts"
import { openTrustedClock } from "../events/trusted-clock.ts"
import type { Store } from "../store/store.ts"
import type { PeopleOptions } from "./options.ts"
import type { People } from "./people.ts"

export interface PeopleRetention {
  close(): Promise<void>
}

/** What one step took. */
export interface Left {
  readonly chips: number
  readonly undos: number
  readonly people: number
}

type RetainedPeople = Pick<People, "erase"> & { readonly rearrangements: Pick<People["rearrangements"], "forgetBefore"> }

/** In one transaction, during which nobody is answered: some 10 KB each. */
const stepChips = 50
const lookEveryMs = 60_000
const dayMs = 24 * 60 * 60 * 1000

/**
 * One bounded step; call it until nothing leaves. Ages are those of the trusted clock (events/trusted-clock.ts): a wall clock that
 * leaps wipes nobody.
 */
export function openPeopleRetention(store: Store, people: RetainedPeople, options: PeopleOptions) {
  const { chipsAgeMaxDays, eraseAfterEndDays, undoDays } = options
  const clock = openTrustedClock(store)
  // In the order of enrolment. A time that cannot be is a clock that was wrong then: such a face is as old as the next one.
  const selectChips = store.prepare<{ number: number; subjectId: string; createdAtMs: number }>(`
    select number, subject_id as subjectId, created_at_ms as createdAtMs
    from face_chips join faces on number = face_number
    where created_at_ms between ? and ? order by face_number limit ${stepChips}`)
  // Who shares the gallery with other boxes has to hear of it (app/sync/gallery/recorder.ts).
  const recordChips = store.prepare(`
    insert into changes (entity, kind, entity_id, face_number, space_number, subject_id, at_ms)
    select 'face', 'changed', id, number, null, subject_id, ? from faces where number in (select value from json_each(?))`)
  const removeChips = store.prepare("delete from face_chips where face_number in (select value from json_each(?))")
  const touch = store.prepare(
    "update subjects set version = version + 1, updated_at_ms = ? where id in (select value from json_each(?))",
  )
  const selectEnded = store.prepare<{ id: string }>(
    "select id from subjects where valid_until_ms < ? order by valid_until_ms, id limit 1",
  )

  function dropChips(nowMs: number, firstMs: number, cutoffMs: number): number {
    const old = selectChips.all(firstMs, nowMs).filter(({ createdAtMs }) => createdAtMs < cutoffMs)
    if (old.length === 0) return 0
    return store.transact<number>(() => {
      touch.run(nowMs, JSON.stringify(old.map(({ subjectId }) => subjectId)))
      const numbers = JSON.stringify(old.map(({ number }) => number))
      recordChips.run(nowMs, numbers)
      return removeChips.run(numbers)
    })
  }

  return async (nowMs: number, tickMs: number): Promise<Left> => {
    const trusted = clock(nowMs, tickMs)
    if (trusted.kind === "not_set") return { chips: 0, undos: 0, people: 0 }
    const { atMs, firstMs } = trusted
    const chips = chipsAgeMaxDays === null ? 0 : dropChips(nowMs, firstMs, atMs - chipsAgeMaxDays * dayMs)
    const undos = people.rearrangements.forgetBefore(atMs - undoDays * dayMs)
    const ended = eraseAfterEndDays === null ? undefined : selectEnded.get(atMs - eraseAfterEndDays * dayMs)
    if (ended !== undefined) await people.erase(ended.id, 0)
    return { chips, undos, people: ended === undefined ? 0 : 1 }
  }
}

/** Looks each minute, and goes on while there is more. */
export function keepPeopleRetention(
  { store, people, log }: { readonly store: Store; readonly people: RetainedPeople; readonly log: Pick<Log, "info" | "error"> },
  options: PeopleOptions,
): PeopleRetention {
  const step = openPeopleRetention(store, people, options)
  const stopping = new AbortController()
  const alarm = createAlarm()

  async function look(): Promise<void> {
    for (let more = true; more && !stopping.signal.aborted; ) {
      const left = await step(Date.now(), nowTickMs())
      more = left.chips + left.people > 0
      if (more) log.info(left, "left by age")
      await Bun.sleep(1)
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await look().catch((err: unknown) => log.error({ err }, "what is too old could not leave; trying again in a minute"))
      await alarm.sleep(lookEveryMs)
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
