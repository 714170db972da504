import { z } from "zod"
import { natsVersion } from "../../../tests/sync/nats/server.ts"
import { roundTo, summarise } from "../../bench/support/statistics.ts"
import { check, conclude } from "../support/verdict.ts"
import type { SyncBox } from "./box.ts"
import { createPeople, enrol, type People, systemOf, whoIs } from "./people.ts"
import type { Program } from "./program.ts"
import { settledOrThrow } from "./settle.ts"
import { openTestedSite } from "./site.ts"
import { watchHub } from "./watcher.ts"

const otherMsMax = 100
const hubMsMax = 10
const askEveryMs = 4
const giveUpMs = 20_000

/**
 * How long after an enrolment was acknowledged every other box finds the person, and how long until the hub has the record: one
 * enrolment after the other, each at the next box. What the asking takes is in it.
 */
export async function runLatency(program: Program, count: number, boxCount: number): Promise<void> {
  await using site = await openTestedSite({ program, boxes: boxCount })
  const people = createPeople((await systemOf(site.boxes[0]!)).models.space)
  await using watcher = await watchHub(site.hub.keeper())
  const [toHub, toOthers, toLast]: [number[], number[], number[]] = [[], [], []]
  let lost = 0
  // The first ones wake up what is loaded when it is needed.
  const warming = boxCount * 2
  for (let number = 1; number <= count + warming; number++) {
    const box = site.boxes[number % boxCount]!
    const { subjectId, faceId } = await enrol(box, people, number)
    const startTickMs = performance.now()
    const found = await Promise.all(
      site.boxes.filter((other) => other !== box).map((other) => foundAfterMs(other, people, number, subjectId, startTickMs)),
    )
    const seenTickMs = watcher.seenTickMs(subjectId, faceId)
    // Between two enrolments a site rests: this is about one, not about a flood.
    await Bun.sleep(20)
    if (number <= warming) continue
    lost += found.filter((ms) => ms === undefined).length
    const ms = found.filter((took) => took !== undefined)
    toOthers.push(...ms)
    toLast.push(Math.max(...ms))
    if (seenTickMs !== undefined) toHub.push(Math.max(0, seenTickMs - startTickMs))
  }
  await settledOrThrow(site.boxes)
  const [hub, others, last] = [toHub, toOthers, toLast].map((values) => summarise(values))
  if (hub === undefined || others === undefined || last === undefined) throw new Error("nothing was measured")
  const told = ({ n, p50, p99, max }: typeof hub) =>
    `p50 ${roundTo(p50, 1)}, p99 ${roundTo(p99, 1)}, max ${roundTo(max, 1)} ms (n ${n})`
  await conclude(`from one box to ${boxCount - 1} others: nats-server ${natsVersion()}`, [
    check("every enrolment is found at every other box", `${lost} not found`, lost === 0),
    check(
      `p99 < ${otherMsMax} ms from the answer to the enrolment until another box finds the person`,
      told(others),
      others.p99 < otherMsMax,
    ),
    check(`… until the last box does`, told(last), last.p99 < otherMsMax),
    check(`p99 < ${hubMsMax} ms until the hub has it`, told(hub), hub.n === count && hub.p99 < hubMsMax),
  ])
}

/** Asks for the person by the id, which costs the box next to nothing, until there is one with a face; and then whose face it is. */
async function foundAfterMs(
  box: SyncBox,
  people: People,
  number: number,
  subjectId: string,
  startTickMs: number,
): Promise<number | undefined> {
  while (performance.now() - startTickMs < giveUpMs) {
    const answer = await box.ask(`/v1/subjects/${subjectId}`)
    const subject = answer.ok ? subjectBody.parse(await answer.json()) : undefined
    if (subject !== undefined && subject.faceCount > 0 && (await whoIs(box, people, number))?.subjectId === subjectId)
      return performance.now() - startTickMs
    await Bun.sleep(askEveryMs)
  }
  return undefined
}

const subjectBody = z.object({ faceCount: z.int() })
