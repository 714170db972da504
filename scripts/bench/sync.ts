/**
 * What the hub's adapter does on one server on this machine: writes by compare-and-set, pages, and one record's way from one box's
 * line to another's.
 *
 *   bun scripts/bench/sync.ts [--records 20000] [--latencies 500] [--runs 3]
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { nowTickMs } from "../../app/base/ticks.ts"
import { formatTable } from "../../app/cli/terminal.ts"
import type { NatsHub } from "../../app/sync/nats/hub.ts"
import { hubOptions, natsVersion, openHub, startServer } from "../../tests/sync/nats/server.ts"
import { boxB, entity } from "../../tests/sync/support.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { count, optionsOrExit, readOptions } from "./support/options.ts"
import { median, summarise } from "./support/statistics.ts"

const schema = z.strictObject({ records: count.default(20_000), latencies: count.default(500), runs: count.default(3) })
const flags = { records: { type: "string" }, latencies: { type: "string" }, runs: { type: "string" } } as const
const options = optionsOrExit(
  readOptions(Bun.argv.slice(2), flags, schema),
  "sync [--records 20000] [--latencies 500] [--runs 3]",
)

/** As a session has them: push.ts, pull.ts. */
const windowRecords = 256
const pageRecords = 500
/** An enrolment. */
const bytes = crypto.getRandomValues(new Uint8Array(750))

const rates: { window: number; pushed: number; read: number }[] = []
const ways: number[] = []
for (let run = 0; run < options.runs; run++) {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-sync-"))
  try {
    await using server = await startServer(folder)
    await using hub = await openHub(hubOptions(server))
    await using other = await openHub({ ...hubOptions(server), box: boxB })
    const pushed = await perSecond(() => push(hub))
    const read = await perSecond(() => readAll(other))
    rates.push({ window: windowRecords, pushed, read })
    for (let i = 0; i < options.latencies; i++) ways.push(await way(hub, other, options.records + i + 1))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const { n, p50, p99, max } = summarise(ways)
console.log(
  `${machineLine(await describeMachine())}\nnats-server ${natsVersion()}, ${options.runs} runs of ${options.records} records of 750 bytes\n`,
)
const listed = (values: readonly number[]) => values.map((value) => Math.round(value)).join(", ")
console.log(
  formatTable(
    ["", "median", "runs"],
    [
      [
        `writes by compare-and-set a second, ${windowRecords} at a time`,
        `${Math.round(median(rates.map(({ pushed }) => pushed)))}`,
        listed(rates.map(({ pushed }) => pushed)),
      ],
      [
        `records read a second, ${pageRecords} a page`,
        `${Math.round(median(rates.map(({ read }) => read)))}`,
        listed(rates.map(({ read }) => read)),
      ],
      [
        "written by one, read by another, ms",
        `p50 ${p50.toFixed(2)}`,
        `p99 ${p99.toFixed(2)}, most ${max.toFixed(1)} (n ${n})`,
      ],
    ],
  ),
)

async function perSecond(work: () => Promise<number>): Promise<number> {
  const startTickMs = nowTickMs()
  return (await work()) / ((nowTickMs() - startTickMs) / 1000)
}

async function push(hub: NatsHub): Promise<number> {
  for (let from = 1; from <= options.records; from += windowRecords) {
    const numbers = Array.from({ length: Math.min(windowRecords, options.records - from + 1) }, (_, i) => from + i)
    const answers = await Promise.all(numbers.map((number) => hub.write("records", entity(number, 1), bytes, 0)))
    const wrong = answers.find(({ kind }) => kind !== "written")
    if (wrong !== undefined) throw new Error(`not written: ${JSON.stringify(wrong)}`)
  }
  return options.records
}

async function readAll(hub: NatsHub): Promise<number> {
  let records = 0
  for (let after = 0, isEnd = false; !isEnd; ) {
    const page = await hub.read("records", after, pageRecords)
    if (page.kind !== "read") throw new Error(page.why)
    records += page.entries.length
    for (const entry of page.entries) after = entry.kind === "record" ? entry.record.sequence : entry.marker.sequence
    isEnd = page.isEnd
  }
  if (records !== options.records) throw new Error(`${records} of ${options.records} records were read`)
  return records
}

/** Milliseconds from before one line writes a record until the other has it in its hands, having asked for it without pause. */
async function way(from: NatsHub, to: NatsHub, number: number): Promise<number> {
  const startTickMs = nowTickMs()
  const written = from.write("records", entity(number, 1), bytes, 0)
  for (;;) {
    const page = await to.read("records", number - 1, 1)
    if (page.kind === "read" && page.entries.length > 0) break
  }
  const tookMs = nowTickMs() - startTickMs
  await written
  return tookMs
}
