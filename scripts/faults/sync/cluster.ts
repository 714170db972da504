import { createRandom } from "../../../app/base/random.ts"
import { natsVersion } from "../../../tests/sync/nats/server.ts"
import { roundTo } from "../../bench/support/statistics.ts"
import { check, conclude } from "../support/verdict.ts"
import { connectedTo } from "./api.ts"
import type { SyncBox } from "./box.ts"
import { holdingsOf } from "./compare.ts"
import { judgeHoldings, judgeSearches } from "./judge.ts"
import { createPeople, enrol, type People, systemOf, whoIs } from "./people.ts"
import type { Program } from "./program.ts"
import { settle, settledOrThrow } from "./settle.ts"
import { openTestedSite, type TestedSite } from "./site.ts"
import { emptyBook, write } from "./writer.ts"

const downMs = 15_000
const restMs = 5000
const failOverMsMax = 5000
/** Servers that lose a stream's leader wait 4 to 9 s before they choose another; the box's own time for an answer comes on top. */
const electionMsMax = 20_000
const writers = 2
const probeEveryMs = 100

interface Episode {
  readonly server: string
  readonly signal: "SIGKILL" | "SIGSTOP"
  /** Boxes that had their line to this server. */
  readonly lines: number
  readonly leads: boolean
  /** Until each of those has a line to another server. */
  readonly failOverMs: readonly number[]
  /** The longest time that an enrolment took from box to box meanwhile. */
  readonly gapMs: number
}

/** Three servers, each killed and halted in turn while people write: nothing is lost, and boxes go to another server. */
export async function runCluster(program: Program, rounds: number, boxCount: number): Promise<void> {
  await using site = await openTestedSite({ program, servers: 3, boxes: boxCount })
  const { boxes, hub } = site
  const people = createPeople((await systemOf(boxes[0]!)).models.space)
  const probes = createPeople(people.space, "Probe")
  const book = emptyBook()
  let [numbers, probed, over] = [0, 0, false]
  const writing = Promise.all(
    Array.from({ length: writers }, (_, i) =>
      write(book, {
        boxes,
        people,
        random: createRandom(i + 1),
        nextNumber: () => ++numbers,
        isOver: () => over,
        pauseMs: 100,
      }),
    ),
  )
  const episodes: Episode[] = []
  for (let round = 0; round < rounds; round++)
    for (const signal of ["SIGKILL", "SIGSTOP"] as const)
      for (const server of hub.servers) {
        await Bun.sleep(restMs)
        const episode = await disturb(server, signal)
        episodes.push(episode)
        console.log(
          JSON.stringify({ ...episode, failOverMs: episode.failOverMs.map(Math.round), gapMs: Math.round(episode.gapMs) }),
        )
      }
  over = true
  await writing
  const settled = await settle(boxes, 180)
  const searches = await judgeSearches(book, boxes, people, 1000)
  await Promise.all(boxes.map((box) => box.stop()))
  const [holdings] = boxes.map(holdingsOf)
  const ofProbes = [...holdings!.subjects].filter(([, name]) => name.startsWith("Probe"))
  const subjects = new Map([...holdings!.subjects].filter(([id]) => !ofProbes.some(([probe]) => probe === id)))
  const faces = new Map([...holdings!.faces].filter(([, whose]) => subjects.has(whose)))
  const failOvers = episodes.flatMap(({ failOverMs }) => failOverMs)
  const gapsOf = (leads: boolean) => episodes.filter((episode) => episode.leads === leads).map(({ gapMs }) => gapMs)
  const told = (values: readonly number[]) => `${values.map((ms) => roundTo(ms / 1000, 1)).join(", ")} s (n ${values.length})`
  await conclude(`three servers, ${boxCount} boxes: nats-server ${natsVersion()}`, [
    check(
      "all agree at the end",
      settled.kind === "settled" ? `${roundTo(settled.seconds, 1)} s after the last write` : settled.why,
      settled.kind === "settled",
    ),
    ...judgeHoldings(book, { ...holdings!, subjects, faces }),
    check("no probe is lost", `${probed - ofProbes.length} of ${probed}`, ofProbes.length === probed),
    searches,
    check(
      `a box has a line to another server within ${failOverMsMax / 1000} s`,
      told(failOvers),
      failOvers.length > 0 && Math.max(...failOvers) < failOverMsMax,
    ),
    check(
      "an enrolment's way to another box at its longest: a server fails that leads no records",
      told(gapsOf(false)),
      Math.max(0, ...gapsOf(false)) < electionMsMax,
    ),
    check("… the one that leads them", told(gapsOf(true)), Math.max(0, ...gapsOf(true)) < electionMsMax),
  ])

  async function disturb(server: string, signal: "SIGKILL" | "SIGSTOP"): Promise<Episode> {
    await settledOrThrow(boxes.slice(0, 1), 60)
    const address = addressIn(site, server)
    const at = await Promise.all(boxes.map(connectedTo))
    const leads = (await site.hub.leaderOf("records")) === server
    const concerned = boxes.filter((_, i) => at[i]?.endsWith(address) === true)
    let isDown = true
    const probing = probe(() => isDown)
    await hub.machines.kill(server, signal)
    const startTickMs = performance.now()
    const failOverMs = await Promise.all(concerned.map((box) => elsewhereAfterMs(box, address, startTickMs)))
    await Bun.sleep(Math.max(0, downMs - (performance.now() - startTickMs)))
    isDown = false
    const gapMs = await probing
    if (signal === "SIGKILL") await hub.machines.startServer(server)
    else await hub.machines.kill(server, "SIGCONT")
    await site.hub.untilCurrent()
    return { server, signal, lines: concerned.length, leads, failOverMs, gapMs }
  }

  /** Enrols somebody at one box and looks for them at another, one after the other. */
  async function probe(isOn: () => boolean): Promise<number> {
    let longestMs = 0
    for (let i = 0; isOn(); i++) {
      const [from, to] = [boxes[i % boxCount]!, boxes[(i + 1) % boxCount]!]
      const number = ++probed
      const startTickMs = performance.now()
      await enrol(from, probes, number)
      longestMs = Math.max(longestMs, await foundAfterMs(to, probes, number, startTickMs))
      await Bun.sleep(probeEveryMs)
    }
    return longestMs
  }
}

const giveUpMs = 60_000

async function foundAfterMs(box: SyncBox, people: People, number: number, startTickMs: number): Promise<number> {
  while ((await whoIs(box, people, number)) === undefined) {
    if (performance.now() - startTickMs > giveUpMs)
      throw new Error(`${people.nameOf(number)} is not at ${box.name} after ${giveUpMs / 1000} s`)
    await Bun.sleep(10)
  }
  return performance.now() - startTickMs
}

async function elsewhereAfterMs(box: SyncBox, address: string, startTickMs: number): Promise<number> {
  for (;;) {
    const at = await connectedTo(box)
    const tookMs = performance.now() - startTickMs
    if (at !== undefined && !at.endsWith(address)) return tookMs
    if (tookMs > giveUpMs) throw new Error(`${box.name} has no line to another server after ${giveUpMs / 1000} s`)
    await Bun.sleep(20)
  }
}

/** `:port` of a server. */
const addressIn = (site: TestedSite, server: string) => `:${site.hub.portOf(server)}`
