/**
 * How evenly a network of a fixed size runs, placed and not, beside a neighbour who wants all of a processor: p99.9 − p50 of its time.
 * Every case is a process of its own, placed as engines are; all are taken by turns in one run.
 *
 *   bun scripts/bench/jitter.ts                            # about six minutes on two cores
 *   bun scripts/bench/jitter.ts --rounds 3 --runs 500
 */
import { join } from "node:path"
import { z } from "zod"
import { projectRoot } from "../../app/base/paths.ts"
import { formatTable } from "../../app/cli/terminal.ts"
import { openScheduler } from "../../app/inference/placement/scheduler.ts"
import { readAllowed } from "../../app/inference/placement/topology.ts"
import { quietRounds } from "./support/disturbance.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { count, optionsOrExit, readOptions } from "./support/options.ts"
import { type Figure, writeResult } from "./support/results.ts"
import { median, quantile, roundTo } from "./support/statistics.ts"

const usage = `jitter [--rounds 5] [--runs 1000] [--attempts 4] [--set default] [--out .cache/bench/jitter.json]
  --attempts N   a round that others disturb is taken again, up to so many times as many; 1 takes each as it is`
const options = optionsOrExit(
  readOptions(
    Bun.argv.slice(2),
    {
      ...{ rounds: { type: "string" }, runs: { type: "string" }, attempts: { type: "string" } },
      ...{ set: { type: "string" }, out: { type: "string" } },
    },
    z.strictObject({
      rounds: count.default(5),
      runs: count.default(1000),
      attempts: count.default(4),
      set: z.string().default("default"),
      out: z.string().default(".cache/bench/jitter.json"),
    }),
  ),
  usage,
)

const allowed = readAllowed()
const opened = openScheduler()
if (allowed === undefined || opened.kind === "failed") {
  console.error(opened.kind === "failed" ? opened.why : "the system does not tell which processors there are")
  process.exit(1)
}
const scheduler = opened.value
const everywhere = allowed.cpus
/** The last one: interrupts go to the first on most machines. */
const own = [everywhere.at(-1) ?? 0]

type Where = "anywhere" | "own processor"
const neighbours = ["none", "anywhere", "on that processor"] as const
interface Case {
  readonly threads: number
  readonly where: Where
  readonly spinning: boolean
  readonly neighbour: (typeof neighbours)[number]
}
const cases: readonly Case[] = [
  ...neighbours.flatMap((neighbour) =>
    (["anywhere", "own processor"] as const).map((where) => ({ threads: 1, where, spinning: false, neighbour })),
  ),
  ...(["none", "anywhere"] as const).flatMap((neighbour) =>
    [false, true].map((spinning) => ({ threads: 2, where: "anywhere" as const, spinning, neighbour })),
  ),
]
const nameOf = ({ threads, where, spinning, neighbour }: Case) =>
  `${threads} ${threads === 1 ? "thread" : "threads"}${spinning ? ", spinning" : ""}, ${where}; neighbour ${neighbour}`

interface Spread {
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

const started = (where: readonly number[], command: readonly string[]) =>
  scheduler.within({ cpus: where }, () => Bun.spawn([process.execPath, ...command], { stdout: "pipe", stderr: "inherit" }))
    .value

async function take({ threads, where, spinning, neighbour }: Case): Promise<Spread> {
  // Ends with us, also when we are killed.
  const loop = `while (process.ppid === ${process.pid}) for (let turn = 0; turn < 1e8; turn++);`
  const beside = neighbour === "none" ? undefined : started(neighbour === "anywhere" ? everywhere : own, ["-e", loop])
  try {
    const program = join(projectRoot, "scripts/bench/jitter/runs.ts")
    const engine = started(where === "anywhere" ? everywhere : own, [
      ...[program, options.set, String(threads), String(spinning), String(options.runs)],
    ])
    const text = await engine.stdout.text()
    if ((await engine.exited) !== 0) throw new Error(`${program} failed; lines above say why`)
    const rising = z
      .array(z.number())
      .min(1)
      .parse(JSON.parse(text))
      .toSorted((a, b) => a - b)
    return { p50: quantile(rising, 0.5), p99: quantile(rising, 0.99), p999: quantile(rising, 0.999) }
  } finally {
    beside?.kill("SIGKILL")
    await beside?.exited
  }
}

const machine = await describeMachine()
console.log(machineLine(machine))
const startedAt = new Date().toISOString()
const takeAll = async () => {
  const spreads: Spread[] = []
  for (const each of cases) spreads.push(await take(each))
  return spreads
}
const rounds = await quietRounds(options.rounds, takeAll, options.attempts)

const of = (index: number, read: (spread: Spread) => number) => rounds.map(({ value }) => roundTo(read(value[index]!), 2))
const rows = cases.map((each, index) => {
  const jitter = of(index, ({ p50, p999 }) => p999 - p50)
  const medians = [of(index, ({ p50 }) => p50), of(index, ({ p99 }) => p99), jitter].map((values) => median(values).toFixed(2))
  return [nameOf(each), ...medians, `${Math.min(...jitter)} … ${Math.max(...jitter)}`]
})
console.log(formatTable(["", "p50 ms", "p99 ms", "p99.9 − p50 ms", "of the rounds"], rows))
const disturbed = rounds.map(({ disturbance }) => `${Math.round(disturbance * 100)} %`).join(", ")
console.log(`medians of ${rounds.length} rounds of ${options.runs} runs each; others took ${disturbed} of the machine`)

const figures: Figure[] = cases.map((each, index) => ({
  ...{ name: `p99.9 − p50, ${nameOf(each)}`, unit: "ms", better: "lower", gated: false },
  values: of(index, ({ p50, p999 }) => p999 - p50),
}))
const details = rounds.map(({ disturbance, value }) => ({ disturbance, spreads: value }))
await writeResult(options.out, { kind: "jitter", startedAt, machine, options, figures, targets: [], details })
