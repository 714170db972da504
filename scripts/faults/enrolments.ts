/**
 * Ten thousand pictures through POST /v1/enrolments, with a kill in the middle, while a door keeps asking.
 *
 *   bun scripts/faults/enrolments.ts [--pictures 10000] [--kill-at 0.5] [--rounds 8] [--window-seconds 15] [--photos ../shared/data/lfw]
 *
 * Takes about as long as an engine needs for the pictures, and the rounds after it: in each the door asks for a window alone and for
 * one beside a job. What the machine does besides falls on both alike, and the medians over the rounds are compared.
 */
import { z } from "zod"
import { nowTickMs } from "../../app/base/ticks.ts"
import { startBox } from "../../tests/support/box.ts"
import { tempFolder } from "../../tests/support/shared.ts"
import { count, notNegative, optionsOrExit, positive, readOptions } from "../bench/support/options.ts"
import { median, roundTo } from "../bench/support/statistics.ts"
import { packPeople } from "./enrolments/archive.ts"
import { besideDoor, doorWindow, toldDoor } from "./enrolments/door.ts"
import { allItems, follow, jobOf, type Run, send, systemOf } from "./enrolments/jobs.ts"
import type { GoodClientFigures } from "./support/good-client.ts"
import { check, conclude } from "./support/verdict.ts"

const table = {
  pictures: { type: "string" },
  "kill-at": { type: "string" },
  rounds: { type: "string" },
  "window-seconds": { type: "string" },
  "every-ms": { type: "string" },
  photos: { type: "string" },
} as const
const schema = z.strictObject({
  pictures: count.default(10_000),
  killAt: notNegative.default(0.5),
  rounds: count.default(8),
  windowSeconds: positive.default(15),
  everyMs: positive.default(250),
  photos: z.string().default("../shared/data/lfw"),
})
const usage =
  "enrolments [--pictures 10000] [--kill-at 0.5] [--rounds 8] [--window-seconds 15] [--every-ms 250] [--photos <folder>]"
const { pictures, killAt, rounds, windowSeconds, everyMs, photos } = optionsOrExit(
  readOptions(Bun.argv.slice(2), table, schema),
  usage,
)

const slowerMax = 2
const grownShareMax = 0.05
/** During the long job the door is only to be there: what it feels is measured in the rounds. */
const quietEveryMs = 1000
/** More than a window is long. */
const roundPictures = 2000

using folder = tempFolder()
const archive = folder.file("people.tar")
const packed = await packPeople(archive, pictures, photos)
console.log(`${pictures} pictures of ${packed.people} people, ${roundTo(packed.bytes / 1e6, 1)} MB`)

let box = await startBox(folder.file("data"))
const sentTickMs = nowTickMs()
const { id } = await send(box, archive)
const uploadMs = nowTickMs() - sentTickMs
const first = await besideDoor(box, quietEveryMs, () => follow(box, id, (job) => job.done >= pictures * killAt))
box.process.kill("SIGKILL")
await box.process.exited
console.log(`killed after ${first.run.job.done} pictures`)

const restartTickMs = nowTickMs()
box = await startBox(folder.file("data"))
const restartMs = nowTickMs() - restartTickMs
const resumedAt = (await jobOf(box, id)).done
const second = await besideDoor(box, quietEveryMs, () => follow(box, id, () => false))
const { job } = second.run
const items = await allItems(box, id)
const { gallery, models } = await systemOf(box)

// The same upload once more: everybody is there, and no engine is asked for them.
const again = await follow(box, (await send(box, archive)).id, () => false)
const galleryAgain = (await systemOf(box)).gallery

// By turns alone and beside a job of pictures nobody has sent before.
const idle: GoodClientFigures[] = []
const busy: GoodClientFigures[] = []
for (let round = 0; round < rounds; round++) {
  idle.push(await doorWindow(box, everyMs, windowSeconds))
  await packPeople(archive, roundPictures, photos)
  const beside = await send(box, archive)
  await follow(box, beside.id, ({ done }) => done > 0)
  busy.push(await doorWindow(box, everyMs, windowSeconds))
  await box.ask(`/v1/enrolments/${beside.id}`, { method: "DELETE" })
}
await box[Symbol.asyncDispose]()

const p99Of = (figures: readonly GoodClientFigures[]) => median(figures.map(({ latencyMs }) => latencyMs.p99))
const answers = [first.door, second.door, ...idle, ...busy].flatMap(({ statuses }) => Object.keys(statuses))
/** A vector in memory and what the graph says of it: what a face takes for ever, at most. */
const faceMB = (Number(models.space.split("/").at(-1)) * 4 * 2 + 400) / 1e6
const facesMB = second.run.enrolled * faceMB
const { memory } = second.run
const perSecond = ({ done, seconds }: Run) => roundTo(done / seconds, 1)
const toldMemory = ({ memory: { firstMB, lastMB, slopeMBPerMinute, samples } }: Run) =>
  `${firstMB} → ${lastMB} MB, ${slopeMBPerMinute} MB a minute (n ${samples})`

await conclude(
  `${pictures} pictures in one upload, killed at ${first.run.job.done}; a door asks every ${quietEveryMs} ms, in ${rounds} rounds every ${everyMs} ms`,
  [
    check(
      "goes on by itself after the kill",
      `at ${resumedAt}, ready ${roundTo(restartMs / 1000, 1)} s after the start`,
      resumedAt >= first.run.job.done && job.state === "finished",
    ),
    check(
      "every picture once",
      `total ${job.total}, done ${job.done}, items ${items.size}: ${job.enrolled} enrolled, ${job.duplicates} duplicates, ${job.refused} refused`,
      job.total === pictures && job.done === pictures && items.size === pictures,
    ),
    check(
      "as many faces as were enrolled",
      `${gallery.faces} faces of ${gallery.subjects} people (${job.peopleAdded} added)`,
      gallery.faces === job.enrolled && gallery.subjects === job.peopleAdded,
    ),
    check(
      "sent again, nothing is done twice",
      `${again.job.duplicates} duplicates, ${again.job.refused} refused, ${again.job.enrolled} enrolled, ${galleryAgain.faces} faces`,
      again.job.duplicates === job.enrolled + job.duplicates &&
        again.job.enrolled === 0 &&
        galleryAgain.faces === gallery.faces,
    ),
    check(
      `the door's p99 < ${slowerMax} × idle`,
      `${toldDoor(busy)}; idle ${toldDoor(idle)}`,
      p99Of(busy) < slowerMax * p99Of(idle),
    ),
    check("the door is always answered", [...new Set(answers)].join(", "), new Set(answers).size === 1 && answers[0] === "200"),
    check(
      "memory grows by no more than the faces take, and 5 %",
      `${toldMemory(second.run)}; ${second.run.enrolled} faces take about ${roundTo(facesMB, 1)} MB`,
      memory.lastMB - memory.firstMB < facesMB + grownShareMax * memory.firstMB,
    ),
    check(
      "… and is flat where nobody new comes",
      `${toldMemory(again)} over ${again.done} pictures`,
      again.memory.lastMB < (1 + grownShareMax) * again.memory.firstMB,
    ),
  ],
)
console.log(
  `\nupload ${roundTo(uploadMs / 1000, 1)} s; ${perSecond(first.run)} and ${perSecond(second.run)} pictures a second beside the door (door p99 ${first.door.latencyMs.p99} and ${second.door.latencyMs.p99} ms, n ${first.door.requests + second.door.requests}); sent again ${perSecond(again)} a second`,
)
