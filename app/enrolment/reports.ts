import type { Store } from "../store/store.ts"
import type { Vault } from "../vault/vault.ts"
import type { EnrolmentsOptions } from "./options.ts"
import { ownerOfJob } from "./secrets.ts"

/** How reports leave. */
export interface Reports {
  /** Removes a job that is over with all that is told of it, in small steps: nobody is answered during one. */
  remove(number: number): Promise<void>
  /** Removes the oldest beyond `reportsMax`. */
  shorten(): Promise<void>
}

/** A few milliseconds each. */
const stepRows = 500

export function keepReports(store: Store, vault: Vault, { reportsMax }: Pick<EnrolmentsOptions, "reportsMax">): Reports {
  const steps = [
    store.prepare(`delete from enrolment_items where enrolment_number = ?1 and position in
      (select position from enrolment_items where enrolment_number = ?1 order by position limit ${stepRows})`),
    store.prepare(`delete from enrolment_people where number in
      (select number from enrolment_people where enrolment_number = ?1 limit ${stepRows})`),
  ]
  const removeJob = store.prepare<{ id: string }>("delete from enrolments where number = ? returning id")
  const selectSurplus = store.prepare<{ number: number }>(`
    select number from enrolments where state not in ('waiting', 'running') order by number desc limit -1 offset ?`)

  async function remove(number: number): Promise<void> {
    for (const step of steps)
      while (store.transact<number>(() => step.run(number)) > 0)
        // A breath between steps: requests go first.
        await Bun.sleep(1)
    store.transact<void>(() => {
      const removed = removeJob.get(number)
      if (removed !== undefined) vault.shredKey(ownerOfJob(removed.id))
    })
  }

  return {
    remove,
    async shorten() {
      for (const { number } of selectSurplus.all(reportsMax)) await remove(number)
    },
  }
}
