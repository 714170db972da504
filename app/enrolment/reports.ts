import type { Store } from "../store/store.ts"
import type { EnrolmentsOptions } from "./options.ts"

/** How reports leave. */
export interface Reports {
  /** Removes a job that is over with all that is told of it, in small steps: nobody is answered during one. */
  remove(number: number): Promise<void>
  /** Removes the oldest beyond `reportsMax`. */
  shorten(): Promise<void>
}

/** A few milliseconds each. */
const stepRows = 500

export function keepReports(store: Store, { reportsMax }: Pick<EnrolmentsOptions, "reportsMax">): Reports {
  const steps = [
    store.prepare(`delete from enrolment_items where enrolment_number = ?1 and position in
      (select position from enrolment_items where enrolment_number = ?1 order by position limit ${stepRows})`),
    store.prepare(`delete from enrolment_people where number in
      (select number from enrolment_people where enrolment_number = ?1 limit ${stepRows})`),
    store.prepare("delete from enrolments where number = ?1"),
  ]
  const selectSurplus = store.prepare<{ number: number }>(`
    select number from enrolments where state not in ('waiting', 'running') order by number desc limit -1 offset ?`)

  async function remove(number: number): Promise<void> {
    for (const step of steps)
      while (store.transact<number>(() => step.run(number)) > 0)
        // A breath between steps: requests go first.
        await Bun.sleep(1)
  }

  return {
    remove,
    async shorten() {
      for (const { number } of selectSurplus.all(reportsMax)) await remove(number)
    },
  }
}
