import type { Metrics } from "../base/metrics.ts"
import type { Store } from "../store/store.ts"
import type { Jobs } from "./jobs.ts"
import type { Ledger } from "./ledger.ts"
import type { Report } from "./report.ts"

export interface JobLedgerNeeds {
  readonly store: Pick<Store, "transact">
  readonly jobs: Pick<Jobs, "count">
  readonly report: Pick<Report, "isDone" | "addPerson" | "add" | "addLookAlikes">
  readonly metrics: Pick<Metrics, "enrolmentItemsTotal">
  /** Something new can be told of the job. */
  readonly changed: () => void
}

/** Keeps what becomes of a job's items in its rows. Made anew for each run: what it remembers is of what was written. */
export function createJobLedger(
  job: { readonly number: number; readonly doneBefore: number },
  { store, jobs, report, metrics, changed }: JobLedgerNeeds,
): Ledger {
  let doneBefore = job.doneBefore
  /** Done, while one before them is not. */
  const doneAhead = new Set<number>()

  function markDone(position: number): void {
    doneAhead.add(position)
    while (doneAhead.delete(doneBefore)) doneBefore += 1
  }

  return {
    isDone(position) {
      if (position < doneBefore) return true
      if (!report.isDone(job.number, position)) return false
      markDone(position)
      return true
    },

    personAdded({ person }, subjectId) {
      if (person !== undefined) report.addPerson(job.number, person, subjectId)
      jobs.count(job.number, { peopleAdded: 1, doneBefore })
    },

    enrolled(item, enrolled) {
      markDone(item.position)
      report.add(job.number, item, { result: "enrolled", ...enrolled })
      jobs.count(job.number, { done: 1, enrolled: 1, doneBefore })
    },

    settled(item, outcome) {
      switch (outcome.kind) {
        case "enrolled": {
          const { lookAlikes } = outcome
          if (lookAlikes.length > 0)
            store.transact<void>(() => {
              if (report.addLookAlikes(job.number, item.position, lookAlikes))
                jobs.count(job.number, { lookAlikes: 1, doneBefore })
            })
          break
        }
        case "duplicate":
          markDone(item.position)
          store.transact<void>(() => {
            report.add(job.number, item, { result: "duplicate", ...outcome })
            jobs.count(job.number, { done: 1, duplicates: 1, doneBefore })
          })
          break
        default:
          markDone(item.position)
          store.transact<void>(() => {
            report.add(job.number, item, { result: outcome.kind, ...outcome })
            jobs.count(job.number, { done: 1, refused: 1, doneBefore })
          })
      }
      const result = outcome.kind === "enrolled" || outcome.kind === "duplicate" ? outcome.kind : "refused"
      metrics.enrolmentItemsTotal.inc({ result })
      changed()
    },
  }
}
