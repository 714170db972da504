import { natsVersion } from "../../../tests/sync/nats/server.ts"
import { roundTo } from "../../bench/support/statistics.ts"
import { check, conclude } from "../support/verdict.ts"
import type { SyncBox } from "./box.ts"
import { countsOf, dueOf, holdingsOf } from "./compare.ts"
import { fill } from "./fill.ts"
import { createPeople, systemOf, whoIs } from "./people.ts"
import type { Program } from "./program.ts"
import { settledOrThrow, untilAtRest } from "./settle.ts"
import { openTestedSite } from "./site.ts"

const recordsPerSecondMin = 2000
/** Half a minute at most between two tries (app/sync/link/link.ts), and the time of one. */
const backSecondsMax = 35
const asked = 300
const dayMs = 24 * 3600 * 1000

/**
 * Two boxes enrol so many a day while the line between one of them and the hub is cut for so many days; then it comes back. The days
 * are told by the times of the changes, which records take their stamps from: nobody waits for them.
 */
export async function runMonth(program: Program, days: number, perDay: number): Promise<void> {
  await using site = await openTestedSite({ program, boxes: 1 })
  const here = site.boxes[0]!
  const { box: away, line } = await site.join("gate-away", { overLine: true })
  if (line === undefined) throw new Error("the box has no line of its own")
  const people = createPeople((await systemOf(here)).models.space)
  const count = days * perDay
  // One that has just joined would go through all its people once more at the end, whom it had told before that.
  await settledOrThrow(site.boxes)
  line.cut()
  for (const [i, box] of [here, away].entries()) {
    await box.stop()
    fill(box, people, 1 + i * count, count, days * dayMs)
  }
  await here.start()
  // What was recorded here while nobody was there has gone to the hub before the month is over.
  await untilSaid(here, count)
  await away.start()
  await untilRecorded(away, count)
  // Nobody comes back from a month with the graph of that month still to build.
  await untilAtRest(site.boxes)

  line.takeBytes()
  const mendTickMs = performance.now()
  line.mend()
  // It tries again when it is its time; the records begin to come then.
  const backSeconds = await secondsUntil(mendTickMs, () => line.takeBytes().down > 0, 20)
  const startTickMs = performance.now()
  const [inSeconds, outSeconds] = await Promise.all([
    secondsUntil(startTickMs, () => countsOf(away).faces === 2 * count),
    secondsUntil(startTickMs, () => dueOf(away) === 0),
  ])
  const arrivedSeconds = await secondsUntil(startTickMs, () => countsOf(here).faces === 2 * count)
  const bytes = line.takeBytes()
  await settledOrThrow(site.boxes)
  let wrong = 0
  for (const box of site.boxes)
    for (let i = 0; i < asked; i++) {
      const number = 1 + Math.floor((i * 2 * count) / asked)
      if ((await whoIs(box, people, number))?.name !== people.nameOf(number)) wrong++
    }
  await Promise.all(site.boxes.map((box) => box.stop()))
  const digests = new Set(site.boxes.map((box) => holdingsOf(box).digest))
  const rate = (records: number, seconds: number) =>
    `${roundTo(seconds, 1)} s, ${Math.round(records / seconds)} records a second`
  const bothSeconds = Math.max(inSeconds, outSeconds)
  await conclude(
    `${days} days of ${perDay} enrolments each, at two boxes that did not hear of each other: nats-server ${natsVersion()}`,
    [
      check(
        `caught up at ${recordsPerSecondMin} records a second, both ways together`,
        rate(2 * count, bothSeconds),
        (2 * count) / bothSeconds >= recordsPerSecondMin,
      ),
      check(`… what the others had enrolled, found here`, rate(count, inSeconds), inSeconds <= bothSeconds),
      check(`… what was enrolled here, at the hub`, rate(count, outSeconds), outSeconds <= bothSeconds),
      check(`… and at the other box`, rate(count, arrivedSeconds), true),
      check(
        "nothing is lost, all is found at both",
        `${wrong} of ${2 * asked} wrong, ${digests.size} digest`,
        wrong === 0 && digests.size === 1,
      ),
      check(
        `the line was whole again less than ${backSecondsMax} s before the box noticed`,
        `${roundTo(backSeconds, 1)} s`,
        backSeconds < backSecondsMax,
      ),
      check("over the line", `${Math.round(bytes.up / count)} bytes a record up, ${Math.round(bytes.down / count)} down`, true),
    ],
  )
}

const waitMsMax = 600_000

async function secondsUntil(startTickMs: number, isSo: () => boolean, lookMs = 200): Promise<number> {
  while (!isSo()) {
    if (performance.now() - startTickMs > waitMsMax) throw new Error(`not so after ${waitMsMax / 1000} s`)
    await Bun.sleep(lookMs)
  }
  return (performance.now() - startTickMs) / 1000
}

async function untilSaid(box: SyncBox, faces: number): Promise<void> {
  await secondsUntil(performance.now(), () => countsOf(box).faces >= faces && dueOf(box) === 0)
}

/** All changes are records, and wait for the line. */
async function untilRecorded(box: SyncBox, faces: number): Promise<void> {
  await secondsUntil(performance.now(), () => countsOf(box).records >= faces)
}
