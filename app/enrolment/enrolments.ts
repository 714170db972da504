import { join } from "node:path"
import type { Metrics } from "../base/metrics.ts"
import type { Page, PageQuery } from "../gallery/gallery.ts"
import type { Store } from "../store/store.ts"
import type { Vault } from "../vault/vault.ts"
import { type Format, formatOf } from "./archive/open.ts"
import type { Job, JobItemsPage, JobItemsQuery } from "./job.ts"
import { openJobs } from "./jobs.ts"
import type { EnrolmentsOptions } from "./options.ts"
import { createProgress, type Listening } from "./progress.ts"
import { openReport } from "./report.ts"
import { keepReports } from "./reports.ts"
import { type RunnerNeeds, startRunner } from "./runner.ts"
import { archiveKey, jobOwners, ownerOfJob } from "./secrets.ts"
import { createSpool, type Spooled, spoolFolder, type Upload } from "./spool.ts"

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

export interface EnrolmentsNeeds extends RunnerNeeds {
  readonly dataFolder: string
  readonly metrics: Pick<Metrics, "enrolmentItemsTotal" | "enrolmentJobs" | "enrolmentSpoolBytes">
}

const fullRetryAfterS = 30

/** Goes on with what an earlier run of the box has left. */
export async function openEnrolments(needs: EnrolmentsNeeds, options: EnrolmentsOptions): Promise<Enrolments> {
  const { store, vault, metrics } = needs
  const jobs = openJobs(store, vault, Date.now)
  const report = openReport(store, vault, needs.gallery.nameOf)
  const reports = keepReports(store, vault, options)
  const spool = createSpool(join(needs.dataFolder, spoolFolder), options, (id) => archiveKey(vault, id))
  const progress = createProgress(jobs.get, options)
  await spool.sweep(jobs.active().map(({ id }) => id))
  shredOrphans(store, vault)
  const runner = startRunner(needs, { jobs, report, reports, spool, progress }, options)
  let uploads = 0
  let closing = false

  async function receive(upload: Upload, { format, ...asked }: Asked, created: (id: string) => void): Promise<Accepted> {
    const id = Bun.randomUUIDv7()
    const spooled = await spool.receive(id, upload)
    if (spooled.kind !== "spooled") {
      vault.shredKey(ownerOfJob(id))
      return spooled
    }
    const found = spooled.bytes === 0 ? undefined : await formatOf(() => spool.open(id))
    if (found !== format) {
      await spool.remove(id)
      vault.shredKey(ownerOfJob(id))
      const what =
        spooled.bytes === 0 ? "empty" : found === undefined ? "no zip, no tar and no NDJSON" : `${found}, not ${format}`
      return {
        kind: "other_format",
        why: `by its first bytes the body is ${what}; send it with the content-type of what it is`,
      }
    }
    const { bytes, sha256 } = spooled
    try {
      const job = jobs.add({ id, format, bytes, sha256, ...asked }, () => created(id))
      runner.nudge()
      return { kind: "accepted", job }
    } catch (error) {
      // Whatever it was, nobody has been told of this archive.
      await spool.remove(id)
      vault.shredKey(ownerOfJob(id))
      throw error
    }
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
      await runner.cancel(active)
      const job = jobs.get(id)
      return job === undefined ? { kind: "no_job" } : { kind: "cancelled", job }
    },

    listen: progress.listen,

    readGauges() {
      metrics.enrolmentJobs.set(jobs.active().length)
      metrics.enrolmentSpoolBytes.set(spool.heldBytes())
    },

    async close() {
      closing = true
      progress.close()
      await runner.close()
    },
  }

  function whyFull(): string | undefined {
    if (closing) return "the box is stopping"
    const waiting = jobs.active().length
    if (waiting >= options.waitingMax) return `${waiting} enrolments wait, as many as may; wait for one, or cancel one`
    return uploads >= options.uploadsMax ? `${uploads} uploads are on their way, as many as may; try again shortly` : undefined
  }
}

/** Keys of uploads that were cut off by a kill before there was a job. */
function shredOrphans(store: Store, vault: Vault): void {
  const select = store.prepare<{ owner: string }>(`
    select owner from data_keys where owner between ?1 and ?1 || '~'
    and not exists (select 1 from enrolments where id = substr(owner, length(?1) + 1))`)
  for (const { owner } of select.all(jobOwners)) vault.shredKey(owner)
}
