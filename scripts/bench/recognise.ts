/**
 * How fast one picture is recognised, compared with the least it can cost: the published networks run bare on the tensors they
 * were really given, and the same JPEG decoded bare, by turns with the requests and in the same process as the client. Beside it
 * the networks as the engine rewrites them, which is a lower floor. Then the throughput of one engine and of two, by turns.
 *
 *   bun scripts/bench/recognise.ts                       # the sets better and default, 5 rounds, about 5 minutes
 *   bun scripts/bench/recognise.ts --sets better --rounds 3 --out .cache/bench/mine.json
 *
 * Sets whose weights are not here are left out and named.
 */
import { z } from "zod"
import type { ModelSet } from "../../app/inference/manifest.ts"
import type { DemoBox } from "../demo/box.ts"
import { type SetDetails, setDetailsSchema } from "./recognise/details.ts"
import type { Floor } from "./recognise/floor.ts"
import { locateBenchSet, startFloor } from "./recognise/floor-process.ts"
import { type Pairs, recogniseRequest, summarisePairs, timePairs, warmUp } from "./recognise/latency.ts"
import { openBox } from "./support/boxes.ts"
import { ask } from "./support/client.ts"
import { closedLoop } from "./support/closed-loop.ts"
import { quietRounds } from "./support/disturbance.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { count, optionsOrExit, positive, readOptions } from "./support/options.ts"
import { cameraFrame, type Picture } from "./support/pictures.ts"
import { readUsage } from "./support/processes.ts"
import { type BenchResult, type Figure, printTargets, type Target, writeResult } from "./support/results.ts"
import { median, roundTo } from "./support/statistics.ts"

const usage = `recognise [--sets better,default] [--rounds 5] [--pairs 60] [--seconds 6] [--clients 6] [--out .cache/bench/recognise.json]
  --pairs N     requests and floor runs, by turns, in each round
  --seconds N   of each closed loop in each round`

const options = optionsOrExit(
  readOptions(
    Bun.argv.slice(2),
    {
      sets: { type: "string" },
      rounds: { type: "string" },
      pairs: { type: "string" },
      seconds: { type: "string" },
      clients: { type: "string" },
      out: { type: "string" },
    },
    z.strictObject({
      sets: z.string().default("better,default"),
      rounds: count.default(5),
      pairs: count.default(60),
      seconds: positive.default(6),
      clients: count.default(6),
      out: z.string().default(".cache/bench/recognise.json"),
    }),
  ),
  usage,
)

/** Of Gatehouse over bare network runs and decoding, and of two engines over one on two cores. */
const ratioMax = 1.25
const scalingMin = 1.7

const warmMs = 4000
const deadlineMs = 20_000

const startedAt = new Date().toISOString()
const machine = await describeMachine()
console.log(machineLine(machine))
const picture = await cameraFrame()
const details: SetDetails[] = []
const figures: Figure[] = []
for (const name of options.sets.split(",")) {
  const located = await locateBenchSet(name)
  if (located.kind === "failed") {
    console.log(`${name} is left out: ${located.why}`)
    continue
  }
  const measured = await measureSet(located.set, picture)
  details.push(measured.details)
  figures.push(...measured.figures)
  print(measured.details)
}
const targets = targetsOf(details)
const result: BenchResult = {
  kind: "recognise",
  startedAt,
  machine,
  options: { ...options, picture: `1920 × 1080, ${picture.jpeg.length} bytes` },
  figures,
  targets,
  details: z.array(setDetailsSchema).parse(details),
}
console.log(await writeResult(options.out, result))
printTargets(targets)

async function measureSet(set: ModelSet, picture: Picture): Promise<{ details: SetDetails; figures: Figure[] }> {
  const opened = await startFloor(set)
  if (opened.kind === "failed") throw new Error(opened.why)
  const floor = opened.value
  const one = await openBox({ engines: 1, set: set.name })
  const two = await openBox({ engines: 2, set: set.name })
  try {
    return await measureBoxes(set.name, floor, one, two, picture)
  } finally {
    await Promise.all([one.close(), two.close(), floor.close()])
  }
}

async function measureBoxes(set: string, floor: Floor, one: DemoBox, two: DemoBox, picture: Picture) {
  const saturate = (box: DemoBox, seconds: number) =>
    closedLoop(options.clients, seconds, () => ask(box, recogniseRequest(picture), deadlineMs))
  for (const box of [one, two]) await saturate(box, warmMs / 1000)
  const { faces } = await warmUp(two, picture, floor, warmMs)
  if (faces !== floor.faces || faces !== 1)
    throw new Error(`${faces} faces over HTTP, ${floor.faces} without; one is in the picture`)

  const taken = await quietRounds(options.rounds, async () => {
    const pairs = await timePairs(two, picture, floor, options.pairs)
    const ofOne = await saturate(one, options.seconds)
    const ofTwo = await saturate(two, options.seconds)
    for (const { refused } of [ofOne, ofTwo])
      if (Object.keys(refused).length > 0) throw new Error(`refused in a closed loop: ${JSON.stringify(refused)}`)
    console.log(`${set}: ${ofOne.perSecond} / s with one engine, ${ofTwo.perSecond} / s with two`)
    return { pairs, one: ofOne.perSecond, two: ofTwo.perSecond, saturatedMs: ofTwo.latencyMs }
  })
  const loops = taken.map(({ value }) => value)
  const rounds = loops.map(({ pairs }) => pairs)
  const [oneUsage, twoUsage] = [await readUsage(one.pid), await readUsage(two.pid)]
  if (oneUsage === undefined || twoUsage === undefined) throw new Error("a box ended while it was measured")

  const whole: Pairs = {
    server: rounds.flatMap(({ server }) => server),
    floor: rounds.flatMap(({ floor }) => floor),
    rewritten: rounds.flatMap(({ rewritten }) => rewritten),
  }
  const perRound = rounds.map(summarisePairs)
  const details: SetDetails = {
    set,
    runs: [...floor.runs],
    faces,
    latency: summarisePairs(whole),
    throughput: {
      one: loops.map((loop) => loop.one),
      two: loops.map((loop) => loop.two),
      scaling: median(loops.map((loop) => loop.two / loop.one)),
    },
    saturatedMs: loops.toSorted((a, b) => a.saturatedMs.p99 - b.saturatedMs.p99)[loops.length >> 1]!.saturatedMs,
    memory: { one: oneUsage, two: twoUsage },
    disturbance: taken.map(({ disturbance }) => roundTo(disturbance, 3)),
  }
  const figure = (name: string, unit: Figure["unit"], better: Figure["better"], gated: boolean, values: number[]): Figure => ({
    name: `${set}: ${name}`,
    unit,
    better,
    gated,
    values: values.map((value) => roundTo(value, 4)),
  })
  const figures = [
    figure(
      "server p50",
      "ms",
      "lower",
      false,
      perRound.map(({ serverMs }) => serverMs.p50),
    ),
    figure(
      "server p99",
      "ms",
      "lower",
      true,
      perRound.map(({ serverMs }) => serverMs.p99),
    ),
    figure(
      "floor p50",
      "ms",
      "lower",
      false,
      perRound.map(({ floorMs }) => floorMs.p50),
    ),
    figure(
      "server / floor",
      "ratio",
      "lower",
      false,
      perRound.map(({ ratio }) => ratio),
    ),
    figure(
      "server / floor of the rewritten networks",
      "ratio",
      "lower",
      false,
      perRound.map(({ ratioToRewritten }) => ratioToRewritten),
    ),
    figure("throughput, one engine", "1/s", "higher", true, details.throughput.one),
    figure("throughput, two engines", "1/s", "higher", true, details.throughput.two),
    figure("memory, two engines", "MB", "lower", false, [twoUsage.parentMB + twoUsage.enginesMB]),
  ]
  return { details, figures }
}

function targetsOf(sets: readonly SetDetails[]): Target[] {
  return sets.flatMap(({ set, latency, throughput }): Target[] => {
    const { serverMs, floorMs, rewrittenMs, ratio, ratioToRewritten } = latency
    const by = (share: number, ms: number) =>
      `${share.toFixed(3)} (${serverMs.p50.toFixed(1)} ms by ${ms.toFixed(1)} ms, n ${serverMs.n})`
    return [
      {
        what: `${set}: server p50 by the floor, one client`,
        wanted: `≤ ${ratioMax}`,
        measured: by(ratio, floorMs.p50),
        met: ratio <= ratioMax,
      },
      {
        what: `${set}: … by the floor of the networks as the engine rewrites them`,
        wanted: `≤ ${ratioMax}`,
        measured: by(ratioToRewritten, rewrittenMs.p50),
        met: ratioToRewritten <= ratioMax,
      },
      {
        what: `${set}: two engines by one`,
        wanted: `≥ ${scalingMin}`,
        measured: `${throughput.scaling.toFixed(2)} (n ${throughput.two.length})`,
        met: throughput.scaling >= scalingMin,
      },
    ]
  })
}

function print({ set, runs, latency, throughput, saturatedMs, memory }: SetDetails): void {
  const { serverMs, floorMs, rewrittenMs, ratio, ratioToRewritten } = latency
  const cell = (ms: number | undefined) => (ms === undefined ? "–" : ms.toFixed(2)).padStart(12)
  console.log(`\n${set}: ${runs.map(({ model, shape }) => `${model} ${shape}`).join("; ")}`)
  console.log(`  ${"p50, ms".padEnd(24)}      server       floor   rewritten`)
  for (const { stage, floorP50Ms, rewrittenP50Ms, serverP50Ms } of latency.stages)
    console.log(`  ${stage.padEnd(24)}${cell(serverP50Ms)}${cell(floorP50Ms)}${cell(rewrittenP50Ms)}`)
  console.log(`  ${"whole".padEnd(24)}${cell(serverMs.p50)}${cell(floorMs.p50)}${cell(rewrittenMs.p50)}`)
  console.log(`  ${"whole, p99".padEnd(24)}${cell(serverMs.p99)}${cell(floorMs.p99)}${cell(rewrittenMs.p99)}   n ${serverMs.n}`)
  console.log(`  server by floor ${ratio.toFixed(3)}, by the rewritten networks ${ratioToRewritten.toFixed(3)}`)
  const [one, two] = [median(throughput.one).toFixed(1), median(throughput.two).toFixed(1)]
  console.log(`  ${one} / s with one engine, ${two} / s with two; saturated p99 ${saturatedMs.p99} ms`)
  const { parentMB, enginesMB } = memory.two
  console.log(`  memory: parent ${parentMB} MB, two engines ${enginesMB} MB; one engine ${memory.one.enginesMB} MB\n`)
}
