import { z } from "zod"
import { nowTickMs } from "../../../app/base/ticks.ts"
import { jobAnswer } from "../../../app/http/enrolment-answers.ts"
import type { RunningBox } from "../../../tests/support/box.ts"
import { readUsage } from "../../bench/support/processes.ts"
import { roundTo, slope } from "../../bench/support/statistics.ts"

export type Job = z.output<typeof jobAnswer>

/** What was seen of a job between two moments. */
export interface Run {
  readonly job: Job
  readonly seconds: number
  /** In this time. */
  readonly done: number
  readonly enrolled: number
  /** Of the parent process. The first quarter is left out: a young process grows into its work. */
  readonly memory: {
    readonly firstMB: number
    readonly lastMB: number
    readonly slopeMBPerMinute: number
    readonly samples: number
  }
}

const sampleEveryMs = 1000

/** Sends a tar file and gives back the job it became. */
export async function send({ ask }: RunningBox, archive: string): Promise<Job> {
  const body = Bun.file(archive)
  const answer = await ask("/v1/enrolments", { method: "POST", headers: { "content-type": "application/x-tar" }, body })
  if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`)
  return jobAnswer.parse(await answer.json())
}

export async function jobOf({ ask }: RunningBox, id: string): Promise<Job> {
  return jobAnswer.parse(await (await ask(`/v1/enrolments/${id}`)).json())
}

/** Until the job is over, or far enough. */
export async function follow(box: RunningBox, id: string, isEnough: (job: Job) => boolean): Promise<Run> {
  const startTickMs = nowTickMs()
  const first = await jobOf(box, id)
  const points: { x: number; y: number }[] = []
  for (;;) {
    const job = await jobOf(box, id)
    const used = await readUsage(box.process.pid)
    if (used !== undefined) points.push({ x: (nowTickMs() - startTickMs) / 60_000, y: used.parentMB })
    const isOver = job.state !== "waiting" && job.state !== "running"
    if (isOver || isEnough(job)) {
      const seconds = (nowTickMs() - startTickMs) / 1000
      return { job, seconds, done: job.done - first.done, enrolled: job.enrolled - first.enrolled, memory: memoryOf(points) }
    }
    await Bun.sleep(sampleEveryMs)
  }
}

function memoryOf(points: readonly { readonly x: number; readonly y: number }[]): Run["memory"] {
  const warm = points.slice(Math.floor(points.length / 4))
  const edge = Math.max(1, Math.floor(warm.length / 10))
  const average = (part: typeof warm) => roundTo(part.reduce((sum, { y }) => sum + y, 0) / Math.max(1, part.length), 1)
  return {
    firstMB: average(warm.slice(0, edge)),
    lastMB: average(warm.slice(-edge)),
    slopeMBPerMinute: roundTo(slope(warm), 2),
    samples: warm.length,
  }
}

/** The positions of all items that the report tells of. */
export async function allItems({ ask }: RunningBox, id: string): Promise<ReadonlySet<number>> {
  const page = z.object({ items: z.array(z.object({ position: z.int() })), next: z.string().optional() })
  const positions = new Set<number>()
  let after: string | undefined
  do {
    const query = new URLSearchParams({ limit: "1000", ...(after === undefined ? {} : { after }) })
    const { items, next } = page.parse(await (await ask(`/v1/enrolments/${id}/items?${query}`)).json())
    for (const { position } of items) positions.add(position)
    after = next
  } while (after !== undefined)
  return positions
}

/** Loose: a box says much more of itself. */
const systemAnswer = z.object({
  gallery: z.object({ subjects: z.int(), faces: z.int() }),
  models: z.object({ space: z.string() }),
})

export async function systemOf({ ask }: RunningBox): Promise<z.output<typeof systemAnswer>> {
  return systemAnswer.parse(await (await ask("/v1/system")).json())
}
