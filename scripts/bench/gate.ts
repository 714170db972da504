/**
 * Two builds on this machine by turns, and whether the second is slower: p99 with one client, throughput at saturation, and
 * errors and p99 of accepted requests at twice what the first build can do. Exit code 1 on a regression.
 *
 *   ./scripts/bench/gate                        # the last commit against the files as they are
 *   ./scripts/bench/gate HEAD~5 HEAD --rounds 9
 *   ./scripts/bench/gate ../other-checkout .    # two checkouts that are set up
 *
 * A commit is laid out and set up once below .cache/gate; its packages come from the registry or from Bun's own cache.
 */
import { existsSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { projectRoot } from "../../app/base/paths.ts"
import type { DemoBox } from "../demo/box.ts"
import { printComparison } from "./compare/table.ts"
import { compareResults, passes } from "./compare/verdict.ts"
import { arrivalsMs } from "./load/arrivals.ts"
import { openLoop } from "./load/open-loop.ts"
import { type Operations, openOperations } from "./load/operations.ts"
import { summariseLoad } from "./load/summary.ts"
import { openBox } from "./support/boxes.ts"
import { ask } from "./support/client.ts"
import { closedLoop } from "./support/closed-loop.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { cameraFrame } from "./support/pictures.ts"
import { type BenchResult, type Figure, writeResult } from "./support/results.ts"

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "5" },
    set: { type: "string" },
    out: { type: "string", default: ".cache/bench/gate" },
  },
  allowPositionals: true,
})
const [before = "HEAD", after = "."] = positionals
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
if (!(rounds >= 1 && seconds > 0)) throw new Error("--rounds and --seconds are numbers above 0")

/** A caller's deadline under overload; without overload nothing is refused for being late. */
const overloadDeadlineMs = 800
const patientDeadlineMs = 20_000
const clients = 6
const overload = 2

/** One build's box and the values of its figures so far. */
interface Side {
  readonly name: string
  readonly checkout: string
  readonly startedAt: string
  readonly box: DemoBox
  readonly operations: Operations
  readonly values: Record<
    "oneClientP50" | "oneClientP99" | "saturated" | "overloadP99" | "overloadErrors" | "overloadAccepted",
    number[]
  >
}

const picture = await cameraFrame()
console.log(machineLine(await describeMachine()))
const sides = [await openSide(before), await openSide(after)] as const
try {
  const [first] = sides
  for (const side of sides) await closedLoop(clients, 4, recognising(side))
  const capacity = (await closedLoop(clients, seconds, recognising(first))).perSecond
  for (let round = 0; round < rounds; round++) {
    // The order changes too: who goes first finds another machine than who follows.
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) await measure(side, capacity * overload, round)
    console.log(
      `round ${round + 1} of ${rounds}: ${sides.map(({ name, values }) => `${name} ${values.saturated.at(-1)} / s`).join(", ")}`,
    )
  }
} finally {
  await Promise.all(sides.map(({ box }) => box.close()))
}
const results = await Promise.all(sides.map(toResult))
for (const [index, result] of results.entries())
  console.log(await writeResult(join(values.out, index === 0 ? "before.json" : "after.json"), result))
const compared = compareResults([results[0]!], [results[1]!])
printComparison(compared)
const passed = passes(compared)
console.log(passed ? "no regression" : `REGRESSION of ${after} against ${before}`)
process.exit(passed ? 0 : 1)

async function openSide(name: string): Promise<Side> {
  const checkout = await checkoutOf(name)
  const box = await openBox({ ...(values.set !== undefined && { set: values.set }) }, checkout)
  return {
    name,
    checkout,
    startedAt: new Date().toISOString(),
    box,
    operations: await openOperations(box, [picture], 1),
    values: { oneClientP50: [], oneClientP99: [], saturated: [], overloadP99: [], overloadErrors: [], overloadAccepted: [] },
  }
}

/** A folder as it is, or a commit laid out below .cache/gate. */
async function checkoutOf(name: string): Promise<string> {
  const folder = resolve(name)
  if (existsSync(join(folder, "app/main.ts"))) return folder
  const commit = (await Bun.$`git rev-parse --verify --short ${`${name}^{commit}`}`.cwd(projectRoot).text()).trim()
  const place = join(projectRoot, ".cache/gate", commit)
  if (!existsSync(place)) {
    await mkdir(join(projectRoot, ".cache/gate"), { recursive: true })
    await Bun.$`git worktree add --detach ${place} ${commit}`.cwd(projectRoot).quiet()
  }
  await Bun.$`./scripts/setup`.cwd(place)
  return place
}

function recognising({ box, operations }: Side) {
  return () => ask(box, operations.prepare("recognise", 0), patientDeadlineMs)
}

async function measure(side: Side, overloadRate: number, round: number): Promise<void> {
  const { box, operations, values } = side
  const send = recognising(side)
  const alone = await closedLoop(1, seconds, send)
  values.oneClientP50.push(alone.latencyMs.p50)
  values.oneClientP99.push(alone.latencyMs.p99)
  values.saturated.push((await closedLoop(clients, seconds, send)).perSecond)
  const due = arrivalsMs("poisson", overloadRate, seconds, round + 1)
  const sent = await openLoop(
    box,
    due,
    () => "recognise",
    operations,
    overloadDeadlineMs,
    () => undefined,
  )
  const { acceptedMs } = summariseLoad(sent, seconds, overloadDeadlineMs)
  values.overloadP99.push(acceptedMs.p99)
  values.overloadErrors.push(1 - acceptedMs.n / sent.length)
  values.overloadAccepted.push(acceptedMs.n / seconds)
}

async function toResult({ name, checkout, startedAt, values: measured }: Side): Promise<BenchResult> {
  const figure = (title: string, unit: Figure["unit"], better: Figure["better"], gated: boolean, values: number[]) => ({
    name: title,
    unit,
    better,
    gated,
    values,
  })
  return {
    kind: "load",
    startedAt,
    machine: await describeMachine(checkout),
    options: { build: name, rounds, seconds, clients, overload },
    figures: [
      figure("one client: p50", "ms", "lower", false, measured.oneClientP50),
      figure("one client: p99", "ms", "lower", true, measured.oneClientP99),
      figure("saturated: throughput", "1/s", "higher", true, measured.saturated),
      figure("overloaded: p99 of accepted", "ms", "lower", true, measured.overloadP99),
      figure("overloaded: error rate", "share", "lower", true, measured.overloadErrors),
      figure("overloaded: accepted", "1/s", "higher", true, measured.overloadAccepted),
    ],
    targets: [],
    details: {},
  }
}
