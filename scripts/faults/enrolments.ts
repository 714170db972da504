/**
 * Ten thousand pictures through POST /v1/enrolments, with a kill in the middle, while a door keeps asking.
 *
 *   bun scripts/faults/enrolments.ts [--pictures 10000] [--kill-at 0.5] [--idle-seconds 60] [--photos ../shared/data/lfw]
 *
 * Takes about as long as an engine needs for the pictures; the idle seconds come before and after.
 */
import { z } from "zod"
import { nowTickMs } from "../../app/base/ticks.ts"
import { jobAnswer } from "../../app/http/enrolment-answers.ts"
import { type RunningBox, startBox, testAdminKey } from "../../tests/support/box.ts"
import { tempFolder } from "../../tests/support/shared.ts"
import { count, notNegative, optionsOrExit, positive, readOptions } from "../bench/support/options.ts"
import { readUsage } from "../bench/support/processes.ts"
import { roundTo, slope } from "../bench/support/statistics.ts"
import { packPeople } from "./enrolments/archive.ts"
import { type GoodClientFigures, startGoodClient } from "./support/good-client.ts"
import { check, conclude } from "./support/verdict.ts"

const table = {
  pictures: { type: "string" },
  "kill-at": { type: "string" },
  "idle-seconds": { type: "string" },
  "every-ms": { type: "string" },
  photos: { type: "string" },
} as const
const schema = z.strictObject({
  pictures: count.default(10_000),
  killAt: notNegative.default(0.5),
  idleSeconds: positive.default(60),
  everyMs: positive.default(200),
  photos: z.string().default("../shared/data/lfw"),
})
const usage = "enrolments [--pictures 10000] [--kill-at 0.5] [--idle-seconds 60] [--every-ms 200] [--photos <folder>]"
const options = optionsOrExit(readOptions(Bun.argv.slice(2), table, schema), usage)

type Job = z.output<typeof jobAnswer>

/** Of the parent, over a run of a job: what the faces themselves take is told beside it. */
interface Memory {
  readonly firstMB: number
  readonly lastMB: number
  readonly slopeMBPerMinute: number
  readonly samples: number
}

const slowerMax = 2
const sampleEveryMs = 1000
const systemAnswer = z.object({
  gallery: z.object({ subjects: z.int(), faces: z.int() }),
  models: z.object({ space: z.string() }),
})

using folder = tempFolder()
const archive = folder.file("people.tar")
const packed = await packPeople(archive, options.pictures, options.photos)
console.log(`${options.pictures} pictures of ${packed.people} people, ${roundTo(packed.bytes / 1e6, 1)} MB`)

let box = await startBox(folder.file("data"))
const idle = await askFor(box, options.idleSeconds)
console.log(`idle: p50 ${idle.latencyMs.p50} ms, p99 ${idle.latencyMs.p99} ms (n ${idle.requests})`)

const sentTickMs = nowTickMs()
const sent = await send(box)
const uploadMs = nowTickMs() - sentTickMs
const before = startGoodClient({ url: box.url, key: testAdminKey }, "recognise", options.everyMs)
const firstRun = await follow(box, sent.id, (job) => job.done >= options.pictures * options.killAt)
const busyBefore = await before.stop()
box.process.kill("SIGKILL")
await box.process.exited
console.log(`killed after ${firstRun.job.done} pictures`)

const restartTickMs = nowTickMs()
box = await startBox(folder.file("data"))
const restartMs = nowTickMs() - restartTickMs
const resumedAt = (await jobOf(box, sent.id)).done
const after = startGoodClient({ url: box.url, key: testAdminKey }, "recognise", options.everyMs)
const secondRun = await follow(box, sent.id, () => false)
const busyAfter = await after.stop()
const { job } = secondRun
const items = await allItems(box, sent.id)
const { gallery, models } = systemAnswer.parse(await (await box.ask("/v1/system")).json())

// The same upload once more: everything is there, and no engine is asked.
const again = await send(box)
const thirdRun = await follow(box, again.id, () => false)
const galleryAgain = systemAnswer.parse(await (await box.ask("/v1/system")).json()).gallery
await box[Symbol.asyncDispose]()

const busyP99Ms = Math.max(busyBefore.latencyMs.p99, busyAfter.latencyMs.p99)
const answers = [busyBefore, busyAfter, idle].flatMap(({ statuses }) => Object.keys(statuses))
/** A vector in the index, another in its graph, and the links: what a face takes for ever. */
const faceMB = (Number(models.space.split("/").at(-1)) * 4 * 2 + 400) / 1e6
const expectedMB = secondRun.enrolled * faceMB
const grownMB = secondRun.memory.lastMB - secondRun.memory.firstMB
const perSecond = (run: typeof firstRun) => roundTo(run.done / run.seconds, 1)

await conclude(
  `${options.pictures} pictures in one upload, killed at ${firstRun.job.done}; a door asks every ${options.everyMs} ms`,
  [
    check(
      "goes on by itself after the kill",
      `at ${resumedAt}, ready ${roundTo(restartMs / 1000, 1)} s after the start`,
      resumedAt >= firstRun.job.done && job.state === "finished",
    ),
    check(
      "every picture once",
      `total ${job.total}, done ${job.done}, items ${items.size}: ${job.enrolled} enrolled, ${job.duplicates} duplicates, ${job.refused} refused`,
      job.total === options.pictures && job.done === options.pictures && items.size === options.pictures,
    ),
    check(
      "as many faces as were enrolled",
      `${gallery.faces} faces of ${gallery.subjects} people (${job.peopleAdded} added)`,
      gallery.faces === job.enrolled && gallery.subjects === job.peopleAdded,
    ),
    check(
      "sent again, nothing is done twice",
      `${thirdRun.job.duplicates} duplicates, ${thirdRun.job.refused} refused, ${thirdRun.job.enrolled} enrolled, ${galleryAgain.faces} faces`,
      thirdRun.job.enrolled === 0 &&
        galleryAgain.faces === gallery.faces &&
        thirdRun.job.duplicates === job.enrolled + job.duplicates,
    ),
    check(
      `the door's p99 < ${slowerMax} × idle`,
      `${busyP99Ms} ms (p50 ${busyBefore.latencyMs.p50}/${busyAfter.latencyMs.p50}, n ${busyBefore.requests + busyAfter.requests}), idle ${idle.latencyMs.p99} ms (p50 ${idle.latencyMs.p50}, n ${idle.requests})`,
      busyP99Ms < slowerMax * idle.latencyMs.p99,
    ),
    check(
      "the door is answered",
      [...new Set(answers)].join(", "),
      answers.every((status) => status === "200"),
    ),
    check(
      "memory grows by no more than the faces take, and 5 %",
      `${told(secondRun.memory)}; ${secondRun.enrolled} faces take about ${roundTo(expectedMB, 1)} MB`,
      grownMB < expectedMB + 0.05 * secondRun.memory.firstMB,
    ),
    check(
      "… and is flat where nobody new comes",
      `${told(thirdRun.memory)} over ${thirdRun.done} duplicates`,
      thirdRun.memory.lastMB < 1.05 * thirdRun.memory.firstMB,
    ),
  ],
)
console.log(
  `\nupload ${roundTo(uploadMs / 1000, 1)} s; ${perSecond(firstRun)}, ${perSecond(secondRun)} pictures a second beside the door; duplicates ${perSecond(thirdRun)} a second`,
)

function told({ firstMB, lastMB, slopeMBPerMinute, samples }: Memory): string {
  return `${firstMB} → ${lastMB} MB, ${slopeMBPerMinute} MB a minute (n ${samples})`
}

async function askFor({ url }: RunningBox, seconds: number): Promise<GoodClientFigures> {
  const client = startGoodClient({ url, key: testAdminKey }, "recognise", options.everyMs)
  await Bun.sleep(seconds * 1000)
  return await client.stop()
}

async function send({ ask }: RunningBox): Promise<Job> {
  const answer = await ask("/v1/enrolments", {
    method: "POST",
    headers: { "content-type": "application/x-tar" },
    body: Bun.file(archive),
  })
  if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`)
  return jobAnswer.parse(await answer.json())
}

async function jobOf({ ask }: RunningBox, id: string): Promise<Job> {
  return jobAnswer.parse(await (await ask(`/v1/enrolments/${id}`)).json())
}

/** Until the job is over, or is far enough. The first quarter of the samples is the warming up of a young process. */
async function follow(box: RunningBox, id: string, isEnough: (job: Job) => boolean) {
  const startTickMs = nowTickMs()
  const first = await jobOf(box, id)
  const points: { x: number; y: number }[] = []
  for (;;) {
    const job = await jobOf(box, id)
    const used = await readUsage(box.process.pid)
    if (used !== undefined) points.push({ x: (nowTickMs() - startTickMs) / 60_000, y: used.parentMB })
    const isOver = job.state !== "waiting" && job.state !== "running"
    if (!isOver && !isEnough(job)) {
      await Bun.sleep(sampleEveryMs)
      continue
    }
    const warm = points.slice(Math.floor(points.length / 4))
    const average = (part: typeof points) => roundTo(part.reduce((sum, { y }) => sum + y, 0) / Math.max(1, part.length), 1)
    const edge = Math.max(1, Math.floor(warm.length / 10))
    const memory: Memory = {
      firstMB: average(warm.slice(0, edge)),
      lastMB: average(warm.slice(-edge)),
      slopeMBPerMinute: roundTo(slope(warm), 2),
      samples: warm.length,
    }
    const seconds = (nowTickMs() - startTickMs) / 1000
    return { job, memory, seconds, done: job.done - first.done, enrolled: job.enrolled - first.enrolled }
  }
}

async function allItems({ ask }: RunningBox, id: string): Promise<ReadonlySet<number>> {
  const page = z.object({ items: z.array(z.object({ position: z.int() })), next: z.string().optional() })
  const positions = new Set<number>()
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const query = new URLSearchParams({ limit: "1000", ...(after === undefined ? {} : { after }) })
    const { items, next } = page.parse(await (await ask(`/v1/enrolments/${id}/items?${query}`)).json())
    for (const { position } of items) positions.add(position)
    after = next
  }
  return positions
}
