import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"
import { natsVersion } from "../../../tests/sync/nats/server.ts"
import { readUsage } from "../../bench/support/processes.ts"
import { roundTo, summarise } from "../../bench/support/statistics.ts"
import { check, conclude } from "../support/verdict.ts"
import type { SyncBox } from "./box.ts"
import { countsOf, dueOf } from "./compare.ts"
import { fill } from "./fill.ts"
import { createPeople, type People, systemOf, whoIs } from "./people.ts"
import type { Program } from "./program.ts"
import { openTestedSite } from "./site.ts"

const secondsMax = 90
const waitMsMax = 30 * 60_000

/** Loose: a box says more of itself. */
const indexBody = z.object({ index: z.array(z.object({ faces: z.int(), state: z.string(), progress: z.number() })) })

/** A box with many faces joins a site, and tells the hub; then an empty one does, and has to answer for all of them. */
export async function runBootstrap(program: Program, faces: number, asked: number): Promise<void> {
  await using site = await openTestedSite({ program, boxes: 0 })

  let people: People | undefined
  const { box: full } = await site.join("gate-1", {
    prepare: async (box) => {
      people = await peopleOf(box)
      fill(box, people, 0, faces)
    },
  })
  if (people === undefined) throw new Error("nobody to enrol")
  const asks = people
  const tellingTickMs = performance.now()
  await until(() => countsOf(full).records >= faces && dueOf(full) === 0)
  const toldSeconds = (performance.now() - tellingTickMs) / 1000
  const hubBytes = bytesIn(site.hub.store("hub-1"))
  console.log(`the hub has ${faces} faces after ${roundTo(toldSeconds, 1)} s, ${roundTo(faces / toldSeconds, 0)} a second`)

  const { box: empty, line } = await site.join("gate-2", { overLine: true, notStarted: true })
  if (line === undefined) throw new Error("the box has no line of its own")
  line.takeBytes()
  const startTickMs = performance.now()
  await empty.start()
  const readySeconds = (performance.now() - startTickMs) / 1000
  const answersMs: number[] = []
  // It answers all the time: what it has by then is found, and how long an answer takes is written down.
  await until(async () => {
    const askedTickMs = performance.now()
    await whoIs(empty, asks, 0)
    answersMs.push(performance.now() - askedTickMs)
    return countsOf(empty).faces === faces
  })
  const filledSeconds = (performance.now() - startTickMs) / 1000
  const { down, up } = line.takeBytes()
  let [wrong, sample] = [0, 0]
  for (; sample < asked; sample++) {
    const number = Math.floor((sample * faces) / asked)
    if ((await whoIs(empty, asks, number))?.name !== asks.nameOf(number)) wrong++
  }
  const answeredSeconds = (performance.now() - startTickMs) / 1000
  await until(async () => {
    const { index } = await empty.askJson(indexBody, "/v1/system")
    return index[0]?.state === "ready" && index[0].faces === faces
  })
  const graphSeconds = (performance.now() - startTickMs) / 1000
  const usage = empty.pid === undefined ? undefined : await readUsage(empty.pid)
  const [a, b] = [countsOf(full), countsOf(empty)]
  await empty.stop()
  const boxBytes = bytesIn(empty.folder)
  const { p50, p99, max, n } = summarise(answersMs)
  await conclude(`an empty box reads ${faces} faces from the hub: nats-server ${natsVersion()}`, [
    check(
      `all there in less than ${secondsMax} s from its start`,
      `${roundTo(filledSeconds, 1)} s, ${Math.round(faces / (filledSeconds - readySeconds))} a second; ready to recognise after ${roundTo(readySeconds, 1)} s`,
      filledSeconds < secondsMax,
    ),
    check(
      `every face asked for is answered exactly, ${sample} evenly from all`,
      `${wrong} wrong; the last answer ${roundTo(answeredSeconds, 1)} s after the start`,
      wrong === 0 && sample >= Math.min(asked, faces),
    ),
    check(
      "as many people, faces and records as the box that had them",
      `${JSON.stringify(a)} / ${JSON.stringify(b)}`,
      JSON.stringify(a) === JSON.stringify(b),
    ),
    check("the graph, built in the background", `ready ${roundTo(graphSeconds, 1)} s after the start`, true),
    check(
      "while it reads, it answers a search",
      `p50 ${roundTo(p50, 1)}, p99 ${roundTo(p99, 1)}, max ${roundTo(max, 1)} ms (n ${n})`,
      n > 0,
    ),
    check("over the line", `${Math.round(down / faces)} bytes a face down, ${Math.round(up / faces)} up`, true),
    check(
      "on disks",
      `${Math.round(boxBytes / faces)} bytes a face in the box's folder, its index included, ${Math.round(hubBytes / faces)} at the hub`,
      true,
    ),
    check("memory of the box at the end", `${usage?.parentMB} MB, engines ${usage?.enginesMB} MB`, true),
    check(
      "what was there before was told",
      `${roundTo(toldSeconds, 1)} s, ${Math.round(faces / toldSeconds)} faces a second`,
      true,
    ),
  ])
}

/** Of the space that a box of this machine embeds in: asked of a box that runs once for it. */
async function peopleOf(box: SyncBox): Promise<People> {
  await box.start()
  const { space } = (await systemOf(box)).models
  await box.stop()
  return createPeople(space)
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpTickMs = performance.now() + waitMsMax
  while (!(await isSo())) {
    if (performance.now() > giveUpTickMs) throw new Error(`not so after ${waitMsMax / 60_000} minutes`)
    await Bun.sleep(100)
  }
}

function bytesIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).blocks * 512, 0)
}
