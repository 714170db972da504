import { existsSync } from "node:fs"
import type { Log } from "../base/log.ts"
import type { Metrics } from "../base/metrics.ts"
import type { Space } from "../face/embedding.ts"
import type { Gallery } from "../gallery/gallery.ts"
import type { Thresholds } from "../gallery/match.ts"
import { lookAlikesOf } from "../pipeline/look-alikes.ts"
import type { RecognitionOptions } from "../pipeline/options.ts"
import type { Store } from "../store/store.ts"
import { storageTrouble } from "../store/trouble.ts"
import { BrokenSeal } from "../vault/broken.ts"
import type { Vault } from "../vault/vault.ts"
import { openSource } from "./archive/open.ts"
import { openChecksums } from "./checksums.ts"
import { enrolItem } from "./enrol-item.ts"
import { createJobLedger } from "./job-ledger.ts"
import type { ActiveJob, Jobs } from "./jobs.ts"
import type { EnrolmentsOptions } from "./options.ts"
import { createPeople } from "./people.ts"
import { type PolitePool, politely } from "./polite.ts"
import type { Progress } from "./progress.ts"
import type { Report } from "./report.ts"
import type { Reports } from "./reports.ts"
import type { Spool } from "./spool.ts"
import { workOff } from "./work.ts"

export interface RunnerNeeds {
  readonly store: Store
  readonly vault: Vault
  readonly gallery: Pick<Gallery, "nameOf" | "subjects" | "addSubject" | "updateSubject" | "addFace" | "lookAlikes">
  readonly pool: PolitePool
  /** The space the engines embed into. */
  readonly space: Space
  readonly thresholds: Thresholds
  readonly recognition: RecognitionOptions
  readonly imageBytesMax: number
  readonly metrics: Pick<Metrics, "enrolmentItemsTotal">
  readonly log: Log
}

/** The parts of the folder that keep what a run needs and makes. */
export interface RunnerParts {
  readonly jobs: Jobs
  readonly report: Report
  readonly reports: Reports
  readonly spool: Spool
  readonly progress: Progress
}

/** Works off one job after the other, the oldest first, from where an earlier run of the box has left it. */
export interface Runner {
  /** There is a new job. */
  nudge(): void
  /** Ends the job here and now; what an engine has in hand is not written any more. */
  cancel(job: ActiveJob): Promise<void>
  /** Between two items; what is not done goes on at the next start. */
  close(): Promise<void>
}

/** Items in hand: an engine each where there are as many to spare, and the next ones already read. */
const atOnce = 4
/** After trouble with the disk, or a bug. */
const againMs = 5000
/** Look-alikes are written after their face: those of the last few before a kill may be missing. */
const lookAgainItems = 4 * atOnce

export function startRunner(needs: RunnerNeeds, parts: RunnerParts, { itemsMax }: Pick<EnrolmentsOptions, "itemsMax">): Runner {
  const { store, gallery, metrics, log } = needs
  const { jobs, report, reports, spool, progress } = parts
  const checksums = openChecksums(store, needs.vault)
  const limits = { imageBytesMax: needs.imageBytesMax, itemsMax }
  const stopping = new AbortController()
  let present: { readonly id: string; readonly cancelling: AbortController } | undefined
  let wake = Promise.withResolvers<void>()
  const running = run()

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const [next] = jobs.active()
        if (next === undefined) await wake.promise
        else await attempt(next)
      } catch (error) {
        const why = storageTrouble(error)
        if (why === undefined) log.error({ err: error }, "a bug: a job of enrolment was interrupted; trying again shortly")
        else log.error({ why }, "a job of enrolment cannot go on; trying again shortly")
        await Promise.race([Bun.sleep(againMs), wake.promise])
      }
    }
  }

  /** Throws when the disk is at fault: the job goes on later, from where it was. */
  async function attempt(job: ActiveJob): Promise<void> {
    const cancelling = new AbortController()
    present = { id: job.id, cancelling }
    try {
      await work(job, AbortSignal.any([stopping.signal, cancelling.signal]))
    } catch (error) {
      if (storageTrouble(error) !== undefined) throw error
      // The archive, or a key, was changed on the disk.
      if (error instanceof BrokenSeal) return await end(job, "failed", error.message)
      log.error({ job: job.id, err: error }, "a bug: a job of enrolment failed")
      await end(job, "failed", "something is broken in the box; its log has the cause under this job's id")
    } finally {
      present = undefined
    }
  }

  async function work(job: ActiveJob, signal: AbortSignal): Promise<void> {
    if (!existsSync(spool.pathOf(job.id))) return end(job, "failed", "its archive is not there any more; send it again")
    const source = openSource(job.format, () => spool.open(job.id), limits)
    const survey = await source.survey(signal)
    if (signal.aborted) return
    if (survey.kind === "failed") return end(job, "failed", survey.why)
    jobs.begin(job.number, survey.items)
    log.info({ job: job.id, items: survey.items, doneBefore: job.doneBefore }, "a job of enrolment goes on")
    progress.changed()

    const analyze = politely(needs.pool, signal)
    const ledger = createJobLedger(job, { store, jobs, report, metrics, changed: progress.changed })
    await lookAgain(job)
    const people = createPeople(gallery, job.groups)
    const itemNeeds = { ...needs, analyze, people, checksums, ledger, lookAlikes: gallery.lookAlikes }
    const { enrolment, facesMax } = needs.recognition
    const { faceWidthPxMin, qualityScoreMin, keepFaceImages: chips } = enrolment
    // How long an item may wait is `politely`'s to say.
    const itemOptions = { faceWidthPxMin, facesMax, qualityScoreMin, faces: "largest", chips, budgetMs: 0, signal } as const
    const worked = await workOff(source, ledger, (item) => enrolItem(item, itemNeeds, itemOptions), atOnce, signal)
    if (worked.kind === "done") return end(job, "finished")
    if (worked.kind === "broken") return end(job, "failed", `${worked.why}; what was read before is done`)
  }

  /** What a kill may have left out between a face and the warning that it looks like somebody else's. */
  async function lookAgain({ number, doneBefore }: ActiveJob): Promise<void> {
    for (const { position, faceId } of report.enrolledSince(number, doneBefore - lookAgainItems)) {
      const lookAlikes = await lookAlikesOf(faceId, { lookAlikes: gallery.lookAlikes, thresholds: needs.thresholds })
      if (lookAlikes.length === 0) continue
      store.transact<void>(() => {
        if (report.addLookAlikes(number, position, lookAlikes)) jobs.count(number, { lookAlikes: 1, doneBefore })
      })
    }
  }

  async function end(
    { number, id }: Pick<ActiveJob, "number" | "id">,
    state: "finished" | "failed" | "cancelled",
    why?: string,
  ) {
    if (!jobs.end(number, state, why)) return
    // Not why: the words may hold what somebody called a file.
    log.info({ job: id, state }, "a job of enrolment is over")
    progress.changed()
    await spool.remove(id)
    await reports.shorten()
  }

  function nudge(): void {
    wake.resolve()
    wake = Promise.withResolvers()
  }

  return {
    nudge,

    async cancel(job) {
      if (present?.id === job.id) present.cancelling.abort()
      await end(job, "cancelled")
    },

    async close() {
      stopping.abort()
      nudge()
      await running
    },
  }
}
