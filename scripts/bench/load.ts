/**
 * An open loop against a running box: requests leave when they are due, whether or not those before them were answered, and
 * every latency counts from the moment a request was due. A slow box cannot slow its load down and so look quick.
 *
 *   bun scripts/bench/load.ts --url http://127.0.0.1:8080 --key KEY --rate 20 --seconds 60
 *   bun scripts/bench/load.ts --url … --key … --multiple 10 --seconds 60 --deadline-ms 800     # ten times what it can do
 *   bun scripts/bench/load.ts --url … --key … --multiple 0.8 --seconds 600                     # a long day in ten minutes
 *
 * Writes the result as JSON and, beside it, a page with plots (`.html`). Only for boxes of your own.
 */
import { readFile } from "node:fs/promises"
import { basename } from "node:path"
import { nowTickMs } from "../../app/base/ticks.ts"
import { arrivalsMs, createDraw } from "./load/arrivals.ts"
import { openLoop } from "./load/open-loop.ts"
import { openOperations } from "./load/operations.ts"
import { type LoadOptions, type Operation, readLoadOptions } from "./load/options.ts"
import { untilNormal } from "./load/recovery.ts"
import { loadReport } from "./load/report.ts"
import { type LoadDetails, summariseLoad, summariseMemory } from "./load/summary.ts"
import { findBoxPid, watchBox } from "./load/watch.ts"
import { ask } from "./support/client.ts"
import { type ClosedLoop, closedLoop } from "./support/closed-loop.ts"
import { describeMachine } from "./support/machine.ts"
import { optionsOrExit } from "./support/options.ts"
import { cameraFrame, type Picture } from "./support/pictures.ts"
import { type BenchResult, type Figure, writeResult } from "./support/results.ts"

const usage = `load --url URL --key KEY (--rate N | --multiple N) [options]
  --rate N              requests in a second
  --multiple N          … or so many times the capacity, which is measured first by a closed loop
  --capacity            measures the capacity in any case
  --seconds 60          how long
  --mix recognise=8,search=1,ingest=1
  --arrivals poisson    or fixed
  --deadline-ms N       sent as x-deadline-ms
  --picture FILE        JPEG to ask about; may be repeated (a made-up 1080p frame with one face)
  --cameras 8           names that ingested frames come from
  --clients 8           of the closed loop
  --unloaded-seconds 5, --capacity-seconds 10, --after-seconds N (10 after an overload)
  --pid N               the box on this machine (found by itself)
  --seed 1, --out .cache/bench/load.json`

/** Bun sends at most 256 requests at once unless told otherwise at its start; the others would wait in the generator. */
if (process.env.BUN_CONFIG_MAX_HTTP_REQUESTS === undefined) {
  const again = Bun.spawn([process.execPath, import.meta.path, ...Bun.argv.slice(2)], {
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: "20000" },
    stdio: ["inherit", "inherit", "inherit"],
  })
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => again.kill(signal))
  process.exit(await again.exited)
}

const options = optionsOrExit(readLoadOptions(Bun.argv.slice(2)), usage)
const result = await measure(options)
const path = await writeResult(options.out, result.file)
const page = path.replace(/(\.json)?$/, ".html")
await Bun.write(page, loadReport(result.file, result.details))
say(result.details)
console.log(`${path}\n${page}`)

async function measure(options: LoadOptions): Promise<{ file: BenchResult; details: LoadDetails }> {
  const startedAt = new Date().toISOString()
  const machine = await describeMachine()
  const target = { url: options.url.replace(/\/+$/, ""), key: options.key }
  const pictures = options.picture.length === 0 ? [await cameraFrame()] : await Promise.all(options.picture.map(readPicture))
  const operations = await openOperations(target, pictures, options.cameras)
  const draw = createDraw<Operation>(options.mix, options.seed)
  const send = (caller: number) => ask(target, operations.prepare(draw(), caller), options.deadlineMs)

  const unloaded = options.unloadedSeconds > 0 ? await closedLoop(1, options.unloadedSeconds, send) : undefined
  const wantsCapacity = options.capacity || options.multiple !== undefined
  const capacity = wantsCapacity ? await closedLoop(options.clients, options.capacitySeconds, send) : undefined
  const ratePerSecond = options.rate ?? (options.multiple ?? 0) * (capacity?.perSecond ?? 0)
  if (ratePerSecond === 0) throw new Error(`the box answered nothing in the closed loop: ${JSON.stringify(capacity?.refused)}`)
  console.log(`unloaded p50 ${unloaded?.latencyMs.p50} ms, capacity ${capacity?.perSecond ?? "not asked"} / s`)
  console.log(`sending ${ratePerSecond.toFixed(1)} / s for ${options.seconds} s`)

  const pid = options.pid ?? (await findBoxPid(target))
  const watch = pid === undefined ? undefined : watchBox(pid)
  const loadEnded = Promise.withResolvers<void>()
  const overloaded = (options.multiple ?? 0) > 1
  const afterSeconds = options.afterSeconds ?? (overloaded ? 10 : 0)
  const recovery = loadEnded.promise.then(() =>
    unloaded === undefined || afterSeconds === 0 ? undefined : untilNormal(() => send(0), unloaded.latencyMs.p50, afterSeconds),
  )
  const due = arrivalsMs(options.arrivals, ratePerSecond, options.seconds, options.seed)
  const startTickMs = nowTickMs()
  const sent = await openLoop(target, due, draw, operations, options.deadlineMs, loadEnded.resolve)
  const normalAfterMs = await recovery
  watch?.stop()

  const samples = watch?.samples ?? []
  const details: LoadDetails = {
    ratePerSecond,
    seconds: options.seconds,
    ...(unloaded && { unloaded: { latencyMs: unloaded.latencyMs } }),
    ...(capacity && { capacity: capacityDetails(capacity, options.clients) }),
    ...summariseLoad(sent, options.seconds, options.deadlineMs),
    ...(normalAfterMs !== undefined && { normalAfterMs }),
    memory: summariseMemory(samples.filter(({ atMs }) => atMs <= options.seconds * 1000)),
    samples: [...samples],
  }
  console.log(`${sent.length} requests, all answered after ${((nowTickMs() - startTickMs) / 1000).toFixed(1)} s`)
  const { key: _, ...told } = options
  const file: BenchResult = {
    kind: "load",
    startedAt,
    machine,
    options: { ...told, pictures: pictures.map(({ name, jpeg }) => `${name}, ${jpeg.length} bytes`) },
    figures: figuresOf(details),
    targets: [],
    details,
  }
  return { file, details }
}

function capacityDetails({ perSecond, latencyMs, refused }: ClosedLoop, clients: number): LoadDetails["capacity"] {
  return { perSecond, clients, latencyMs, refused }
}

async function readPicture(path: string): Promise<Picture> {
  return { name: basename(path), jpeg: await readFile(path) }
}

/** What `compare` looks at. */
function figuresOf({ acceptedMs, statuses, timeline, seconds, capacity, memory }: LoadDetails): Figure[] {
  const sent = timeline.reduce((sum, second) => sum + second.sent, 0)
  const accepted = Object.entries(statuses).reduce((sum, [status, number]) => sum + (status.startsWith("2") ? number : 0), 0)
  const figures: Figure[] = [
    { name: "p50 of accepted", unit: "ms", better: "lower", gated: false, values: [acceptedMs.p50] },
    { name: "p99 of accepted", unit: "ms", better: "lower", gated: true, values: [acceptedMs.p99] },
    { name: "error rate", unit: "share", better: "lower", gated: true, values: [sent === 0 ? 0 : 1 - accepted / sent] },
    { name: "accepted", unit: "1/s", better: "higher", gated: true, values: [accepted / seconds] },
  ]
  if (capacity !== undefined)
    figures.push({ name: "capacity", unit: "1/s", better: "higher", gated: true, values: [capacity.perSecond] })
  if (memory !== undefined)
    figures.push({ name: "largest memory", unit: "MB", better: "lower", gated: false, values: [memory.maxMB] })
  return figures
}

function say({ statuses, acceptedMs, unloaded, senderLateMs, overDeadline, normalAfterMs, memory }: LoadDetails): void {
  const counted = Object.entries(statuses).map(([status, number]) => `${status}: ${number}`)
  console.log(counted.join(", "))
  console.log(`accepted: p50 ${acceptedMs.p50} ms, p99 ${acceptedMs.p99} ms, largest ${acceptedMs.max} ms (n ${acceptedMs.n})`)
  if (unloaded !== undefined) console.log(`unloaded: p50 ${unloaded.latencyMs.p50} ms, p99 ${unloaded.latencyMs.p99} ms`)
  if (overDeadline !== undefined) console.log(`after the deadline: ${overDeadline.count}, at worst ${overDeadline.worstMs} ms`)
  if (normalAfterMs !== undefined) console.log(`normal again ${normalAfterMs} ms after the load`)
  if (memory !== undefined)
    console.log(
      `memory: ${memory.firstMB} → ${memory.lastMB} MB, at most ${memory.maxMB}; ${memory.slopeMBPerMinute} MB/min (parent ${memory.parentSlopeMBPerMinute}); descriptors ${memory.descriptors.min} … ${memory.descriptors.max}`,
    )
  console.log(`the sender itself was late: p99 ${senderLateMs.p99} ms, at most ${senderLateMs.max} ms`)
}
