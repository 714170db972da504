import { assert } from "../base/assert.ts"
import type { Page, PageQuery } from "../gallery/gallery.ts"
import { pageOf, rowsMax } from "../gallery/page.ts"
import type { Store } from "../store/store.ts"
import type { Vault } from "../vault/vault.ts"
import type { Format } from "./archive/open.ts"
import type { Job, JobState } from "./job.ts"
import { ownerOfJob, placeOfWhy } from "./secrets.ts"

export interface NewJob {
  readonly id: string
  readonly format: Format
  readonly bytes: number
  readonly sha256: Uint8Array
  readonly requestedBy: string
  readonly groups: readonly string[]
}

/** What one item adds to its job. */
export interface Counted {
  readonly done?: 1
  readonly enrolled?: 1
  readonly duplicates?: 1
  readonly refused?: 1
  readonly lookAlikes?: 1
  readonly peopleAdded?: 1
  /** All positions below are done. */
  readonly doneBefore: number
}

interface JobRow {
  readonly number: number
  readonly id: string
  readonly format: Format
  readonly state: JobState
  readonly why: Uint8Array | null
  readonly requestedBy: string
  readonly groups: string
  readonly bytes: number
  readonly sha256: Uint8Array
  readonly total: number | null
  readonly done: number
  readonly enrolled: number
  readonly duplicates: number
  readonly refused: number
  readonly lookAlikes: number
  readonly peopleAdded: number
  readonly createdAtMs: number
  readonly startedAtMs: number | null
  readonly endedAtMs: number | null
}

/** A job that is not over. */
export interface ActiveJob {
  readonly number: number
  readonly id: string
  readonly format: Format
  readonly bytes: number
  readonly groups: readonly string[]
  readonly doneBefore: number
}

export type Jobs = ReturnType<typeof openJobs>

const columns = `number, id, format, state, why, requested_by as requestedBy, groups, bytes, sha256, total, done, enrolled, duplicates,
  refused, look_alikes as lookAlikes, people_added as peopleAdded, created_at_ms as createdAtMs, started_at_ms as startedAtMs,
  ended_at_ms as endedAtMs`

/** The rows of the jobs. Ids are UUIDv7: they sort by the time of their creation. */
export function openJobs(store: Store, vault: Vault, wallClockMs: () => number) {
  const insert = store.prepare(`
    insert into enrolments (id, format, state, requested_by, groups, bytes, sha256, created_at_ms)
    values (?, ?, 'waiting', ?, ?, ?, ?, ?)`)
  const select = store.prepare<JobRow>(`select ${columns} from enrolments where id = ?`)
  const selectPage = store.prepare<JobRow>(`select ${columns} from enrolments where id < ? order by id desc limit ?`)
  const selectId = store.prepare<{ id: string }>("select id from enrolments where number = ?")
  const selectNumber = store.prepare<{ number: number }>("select number from enrolments where id = ?")
  const selectActive = store.prepare<Omit<ActiveJob, "groups"> & { groups: string }>(`
    select number, id, format, bytes, groups, done_before as doneBefore from enrolments
    where state in ('waiting', 'running') order by number`)
  const begin = store.prepare(`
    update enrolments set state = 'running', started_at_ms = coalesce(started_at_ms, ?), total = ?
    where number = ? and state in ('waiting', 'running')`)
  const end = store.prepare(`
    update enrolments set state = ?, why = ?, ended_at_ms = ? where number = ? and state in ('waiting', 'running')`)
  const count = store.prepare(`
    update enrolments set done = done + ?, enrolled = enrolled + ?, duplicates = duplicates + ?, refused = refused + ?,
    look_alikes = look_alikes + ?, people_added = people_added + ?, done_before = max(done_before, ?) where number = ?`)

  const get = (id: string): Job | undefined => {
    const row = select.get(id)
    return row === undefined ? undefined : toJob(vault, row)
  }

  return {
    get,
    numberOf: (id: string): number | undefined => selectNumber.get(id)?.number,

    /** @param also runs in the same transaction */
    add({ id, format, bytes, sha256, requestedBy, groups }: NewJob, also: () => void): Job {
      return store.transact<Job>(() => {
        vault.ensureKey(ownerOfJob(id))
        insert.run(id, format, requestedBy, JSON.stringify(groups), bytes, sha256, wallClockMs())
        also()
        const job = get(id)
        assert(job !== undefined, "what was just written is there")
        return job
      })
    },

    /** Newest first. */
    page({ limit, after = "~" }: PageQuery): Page<Job> {
      return pageOf(
        selectPage.all(after, rowsMax(limit)).map((row) => toJob(vault, row)),
        limit,
      )
    },

    /** In the order in which they are worked off. */
    active: (): readonly ActiveJob[] =>
      selectActive.all().map((row) => ({ ...row, groups: JSON.parse(row.groups) as string[] })),

    begin: (number: number, total: number): void => {
      begin.run(wallClockMs(), total, number)
    },

    /** Whether it was not over before. */
    end: (number: number, state: Extract<JobState, "finished" | "failed" | "cancelled">, why: string | null = null): boolean =>
      store.transact<boolean>(() => {
        const id = why === null ? undefined : selectId.get(number)?.id
        // The words may hold what somebody called a file.
        const sealed =
          why === null || id === undefined ? null : vault.seal(ownerOfJob(id), placeOfWhy(number), Buffer.from(why))
        return end.run(state, sealed, wallClockMs(), number) > 0
      }),

    /** To be called in the transaction of what is counted. */
    count(number: number, added: Counted): void {
      const { done = 0, enrolled = 0, duplicates = 0, refused = 0, lookAlikes = 0, peopleAdded = 0, doneBefore } = added
      count.run(done, enrolled, duplicates, refused, lookAlikes, peopleAdded, doneBefore, number)
    },
  }
}

function toJob(vault: Vault, { number, why, groups, sha256, total, startedAtMs, endedAtMs, ...rest }: JobRow): Job {
  const words = why === null ? undefined : vault.tryOpen(ownerOfJob(rest.id), placeOfWhy(number), why)
  return {
    ...rest,
    ...(words && { why: words.kind === "opened" ? Buffer.from(words.plain).toString() : words.why }),
    groups: JSON.parse(groups) as string[],
    sha256: Buffer.from(sha256).toString("hex"),
    ...(total === null ? {} : { total }),
    ...(startedAtMs === null ? {} : { startedAtMs }),
    ...(endedAtMs === null ? {} : { endedAtMs }),
  }
}
