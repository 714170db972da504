import { existsSync } from "node:fs"
import { join } from "node:path"
import type { Log } from "../base/log.ts"
import type { Metrics } from "../base/metrics.ts"
import type { Space } from "../face/embedding.ts"
import type { Gallery, Page, PageQuery } from "../gallery/gallery.ts"
import type { Thresholds } from "../gallery/match.ts"
import { lookAlikesOf } from "../pipeline/look-alikes.ts"
import type { RecognitionOptions } from "../pipeline/options.ts"
import type { Store } from "../store/store.ts"
import { storageTrouble } from "../store/trouble.ts"
import { type Format, formatOf, openSource } from "./archive/open.ts"
import { openChecksums } from "./checksums.ts"
import { enrolItem } from "./enrol-item.ts"
import type { Job, JobItemsPage, JobItemsQuery } from "./job.ts"
import { createJobLedger } from "./job-ledger.ts"
import { type ActiveJob, openJobs } from "./jobs.ts"
import type { EnrolmentsOptions } from "./options.ts"
import { createPeople } from "./people.ts"
import { type PolitePool, politely } from "./polite.ts"
import { createProgress, type Listening } from "./progress.ts"
import { openReport } from "./report.ts"
import { keepReports } from "./reports.ts"
import { createSpool, type Spooled, type Upload } from "./spool.ts"
import { workOff } from "./work.ts"

/** What an upload is asked to become. */
export interface Asked {
  readonly format: Format
  /** Everybody enrolled becomes a member of these. */
  readonly groups: readonly string[]
  /** Who asks, for the record. */
  readonly requestedBy: string
}

export type Accepted =
  | { readonly kind: "accepted"; readonly job: Job }
  /** As many jobs wait as may, as many uploads are on their way, or the box is stopping. */
  | { readonly kind: "full"; readonly why: string; readonly retryAfterS: number }
  /** What came is not what it was said to be. */
  | { readonly kind: "other_format"; readonly why: string }
  | Exclude<Spooled, { kind: "spooled" }>

export type Removed =
  /** It was not over: what it has enrolled stays, what is left is not done. */
  | { readonly kind: "cancelled"; readonly job: Job }
  /** It was over: its report is gone. */
  | { readonly kind: "removed" }
  | { readonly kind: "no_job" }

/** The enrolment of many at once: one job after the other, on the engines' spare time, through kills and restarts. */
export interface Enrolments {
  /** @param created runs in the transaction that writes the job down; its answer comes once archive and job are on disk */
  accept(upload: Upload, asked: Asked, created: (id: string) => void): Promise<Accepted>
  get(id: string): Job | undefined
  /** Newest first. */
  list(query: PageQuery): Page<Job>
  /** In the order of the archive; `undefined` when there is no such job. */
  items(id: string, query: JobItemsQuery): JobItemsPage | undefined
  remove(id: string): Promise<Removed>
  /** The job as it is now, then as it goes on, to its end. */
  listen(id: string, signal: AbortSignal): Listening
  readGauges(): void
  /** Stops between two items; what is not done goes on at the next start. Ends all listening. */
  close(): Promise<void>
}

export interface EnrolmentsNeeds {
  readonly store: Store
  readonly gallery: Pick<Gallery, "subjects" | "addSubject" | "updateSubject" | "addFace" | "lookAlikes">
  readonly pool: PolitePool
  /** The space the engines embed into. */
  readonly space: Space
  readonly thresholds: Thresholds
  readonly recognition: RecognitionOptions
  readonly imageBytesMax: number
  readonly dataFolder: string
  readonly metrics: Pick<Metrics, "enrolmentItemsTotal" | "enrolmentJobs" | "enrolmentSpoolBytes">
  readonly log: Log
}

/** Items in hand: an engine each where there are as many to spare, and the next ones already read. */
const atOnce = 4
/** After trouble with the disk, or a bug. */
const againMs = 5000
const fullRetryAfterS = 30
/** Look-alikes are written after their face: those of the last few before a kill may be missing. */
const lookAgainItems = 4 * atOnce

/** Goes on with what an earlier run of the box has left. */
export async function openEnrolments(needs: EnrolmentsNeeds, options: EnrolmentsOptions): Promise<Enrolments> {
  const { store, gallery, metrics, log } = needs
  const jobs = openJobs(store, Date.now)
  const report = openReport(store)
  const checksums = openChecksums(store)
  const spool = createSpool(join(needs.dataFolder, "enrolments"), options)
  const reports = keepReports(store, options)
  const progress = createProgress(jobs.get, options)
  const limits = { imageBytesMax: needs.imageBytesMax, itemsMax: options.itemsMax }
  const stopping = new AbortController()
  let present: { readonly id: string; readonly cancelling: AbortController } | undefined
  let wake = Promise.withResolvers<void>()
  let uploads = 0

  await spool.sweep(jobs.active().map(({ id }) => id))
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
      log.error({ job: job.id, err: error }, "a bug: a job of enrolment failed")
      await end(job, "failed", "something is broken in the box; its log has the cause under this job's id")
    } finally {
      present = undefined
    }
  }

  async function work(job: ActiveJob, signal: AbortSignal): Promise<void> {
    if (!existsSync(spool.pathOf(job.id))) return end(job, "failed", "its archive is not there any more; send it again")
    const source = openSource(job.format, spool.pathOf(job.id), limits)
    const survey = await source.survey(signal)
    if (signal.aborted) return
    if (survey.kind === "failed") return end(job, "failed", survey.why)
    jobs.begin(job.number, survey.items)
    log.info({ job: job.id, items: survey.items, doneBefore: job.doneBefore }, "a job of enrolment goes on")
    progress.changed()

    const analyze = politely(needs.pool, signal)
    const ledger = createJobLedger(job, { store, jobs, report, metrics, changed: progress.changed })
    await lookAgain(job)
    const itemNeeds = {
      ...needs,
      analyze,
      people: createPeople(gallery, job.groups),
      checksums,
      ledger,
      lookAlikes: gallery.lookAlikes,
    }
    const { enrolment, facesMax } = needs.recognition
    const { faceWidthPxMin, qualityScoreMin, keepFaceImages } = enrolment
    const look = {
      faceWidthPxMin,
      facesMax,
      qualityScoreMin,
      faces: "largest",
      chips: keepFaceImages,
    } as const
    const itemOptions = { ...look, budgetMs: 0, signal }
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
    log.info({ job: id, state, why }, "a job of enrolment is over")
    progress.changed()
    await spool.remove(id)
    await reports.shorten()
  }

  function nudge(): void {
    wake.resolve()
    wake = Promise.withResolvers()
  }

  async function receive(upload: Upload, { format, ...asked }: Asked, created: (id: string) => void): Promise<Accepted> {
    const id = Bun.randomUUIDv7()
    const spooled = await spool.receive(id, upload)
    if (spooled.kind !== "spooled") return spooled
    const found = spooled.bytes === 0 ? undefined : await formatOf(spool.pathOf(id))
    if (found !== format) {
      await spool.remove(id)
      const what =
        spooled.bytes === 0 ? "empty" : found === undefined ? "no zip, no tar and no NDJSON" : `${found}, not ${format}`
      return {
        kind: "other_format",
        why: `by its first bytes the body is ${what}; send it with the content-type of what it is`,
      }
    }
    const { bytes, sha256 } = spooled
    const job = jobs.add({ id, format, bytes, sha256, ...asked }, () => created(id))
    nudge()
    return { kind: "accepted", job }
  }

  return {
    async accept(upload, asked, created) {
      const why = whyFull()
      if (why !== undefined) return { kind: "full", why, retryAfterS: fullRetryAfterS }
      uploads += 1
      try {
        return await receive(upload, asked, created)
      } finally {
        uploads -= 1
      }
    },

    get: jobs.get,
    list: jobs.page,

    items(id, query) {
      const number = jobs.numberOf(id)
      return number === undefined ? undefined : report.page(number, query)
    },

    async remove(id) {
      const number = jobs.numberOf(id)
      if (number === undefined) return { kind: "no_job" }
      const active = jobs.active().find((job) => job.id === id)
      if (active === undefined) {
        await reports.remove(number)
        return { kind: "removed" }
      }
      if (present?.id === id) present.cancelling.abort()
      await end(active, "cancelled")
      const job = jobs.get(id)
      return job === undefined ? { kind: "no_job" } : { kind: "cancelled", job }
    },

    listen: progress.listen,

    readGauges() {
      metrics.enrolmentJobs.set(jobs.active().length)
      metrics.enrolmentSpoolBytes.set(spool.heldBytes())
    },

    async close() {
      stopping.abort()
      progress.close()
      nudge()
      await running
    },
  }

  function whyFull(): string | undefined {
    if (stopping.signal.aborted) return "the box is stopping"
    const waiting = jobs.active().length
    if (waiting >= options.waitingMax) return `${waiting} enrolments wait, as many as may; wait for one, or cancel one`
    return uploads >= options.uploadsMax ? `${uploads} uploads are on their way, as many as may; try again shortly` : undefined
  }
}
