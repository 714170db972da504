import { cpSync, rmSync } from "node:fs"
import { natsVersion } from "../../../tests/sync/nats/server.ts"
import { roundTo } from "../../bench/support/statistics.ts"
import { check, conclude } from "../support/verdict.ts"
import { countsOf, holdingsOf } from "./compare.ts"
import { createPeople, enrol, postJson, systemOf, whoIs } from "./people.ts"
import type { Program } from "./program.ts"
import { settle, settledOrThrow } from "./settle.ts"
import { openTestedSite } from "./site.ts"

const before = 300
const erased = 20
const after = 300
const others = 50
/** The janitor marks about once a minute: both the copy and what follows it are to lie between markers. */
const markerWaitMs = 75_000

/**
 * The hub's disk is replaced by a copy of what it was some minutes ago. Since then people were enrolled and erased; and a box that had
 * been away, and knows nothing of it, writes first. What the hub lost comes back from the boxes, and nobody who was erased does.
 */
export async function runOldCopy(program: Program, boxCount: number): Promise<void> {
  await using site = await openTestedSite({ program, boxes: boxCount - 1 })
  const away = (await site.join("gate-away", { overLine: true })) as Required<Awaited<ReturnType<typeof site.join>>>
  const { boxes, hub } = site
  const people = createPeople((await systemOf(boxes[0]!)).models.space)
  const enrolled = new Map<number, string>()
  const enrolMany = async (from: number, count: number, at = boxes.slice(0, -1)) => {
    for (let number = from; number < from + count; number++)
      enrolled.set(number, (await enrol(at[number % at.length]!, people, number)).subjectId)
  }
  await enrolMany(1, before)
  await settledOrThrow(boxes)
  await Bun.sleep(markerWaitMs)
  away.line.cut()

  await hub.machines.kill("hub-1")
  const copy = site.file("copy")
  cpSync(hub.store("hub-1"), copy, { recursive: true })
  await hub.machines.startServer("hub-1")

  await enrolMany(1001, after)
  for (let number = 1; number <= erased; number++) {
    const answer = await boxes[number % (boxCount - 1)]!.ask(`/v1/subjects/${enrolled.get(number)}/erase`, postJson({}))
    if (!answer.ok) throw new Error(`erase: ${answer.status} ${await answer.text()}`)
  }
  await settledOrThrow(boxes.slice(0, -1))
  await Bun.sleep(markerWaitMs)
  await enrolMany(2001, others, [away.box])

  await hub.machines.kill("hub-1")
  rmSync(hub.store("hub-1"), { recursive: true })
  cpSync(copy, hub.store("hub-1"), { recursive: true })
  // Its numbers are given a second time, by the box that had been away: the others come back later.
  for (const box of boxes.slice(0, -1)) await box.kill("SIGSTOP")
  away.line.mend()
  await hub.machines.startServer("hub-1")
  await until(() => countsOf(away.box).records > before && others <= countsOf(away.box).faces - before, 60_000)
  await Bun.sleep(5000)
  for (const box of boxes) await box.kill("SIGCONT")

  const expected = before - erased + after + others
  const settled = await settle(boxes, 180, ({ subjects }) => subjects.size === expected)
  // Whoever comes new has nothing but what the hub has.
  const fresh = await site.join("gate-new")
  const filled = await settle(boxes, 120)
  let [missing, back] = [0, 0]
  for (const number of enrolled.keys()) {
    const who = await whoIs(fresh.box, people, number)
    if (number <= erased) back += who === undefined ? 0 : 1
    else missing += who?.subjectId === enrolled.get(number) ? 0 : 1
  }
  await Promise.all(boxes.map((box) => box.stop()))
  const digests = new Set(boxes.map((box) => holdingsOf(box).digest))
  await conclude(`the hub's disk replaced by an old copy, ${boxCount} boxes: nats-server ${natsVersion()}`, [
    check(
      "everything comes back to all boxes, and they agree",
      settled.kind === "settled" ? `${roundTo(settled.seconds, 1)} s after all could talk again` : settled.why,
      settled.kind === "settled",
    ),
    check(
      "the hub has it as well: a new box reads everything from it",
      `${missing} of ${expected} missing, ${digests.size} digest`,
      filled.kind === "settled" && missing === 0 && digests.size === 1,
    ),
    check("who was erased stays so", `${back} of ${erased} are back`, back === 0),
  ])
}

async function until(isSo: () => boolean, msMax: number): Promise<void> {
  const giveUpTickMs = performance.now() + msMax
  while (!isSo()) {
    if (performance.now() > giveUpTickMs) throw new Error(`not so after ${msMax / 1000} s`)
    await Bun.sleep(100)
  }
}
