import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"

/**
 * What a compiled file does when it is started for the first time, often: pairs of starts at once, starts that are killed while
 * they unpack, and how long a start takes.
 *
 *   bun scripts/build/first-starts.ts --file dist/gatehouse-… [--pairs 20] [--kills 50] [--starts 20]
 */
const { values: asked } = parseArgs({
  options: {
    file: { type: "string" },
    pairs: { type: "string", default: "20" },
    kills: { type: "string", default: "50" },
    starts: { type: "string", default: "20" },
  },
})
const program = asked.file ?? stop("--file names the compiled file")
const folder = mkdtempSync(join(tmpdir(), "gatehouse-first-"))
let port = 18_200
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))

for (let pair = 0; pair < Number(asked.pairs); pair++) {
  const cache = join(folder, `pair-${pair}`)
  const codes = await Promise.all([unpackIn(cache).exited, unpackIn(cache).exited])
  if (codes.some((code) => code !== 0)) stop(`pair ${pair} ended with ${codes.join(" and ")}`)
  await checkWhole(cache, `pair ${pair}`)
  rmSync(cache, { recursive: true, force: true })
}
console.log(`${asked.pairs} pairs of first starts at once: each left one whole folder`)

const wholeMs = await timeUnpacking()
let halfWay = 0
let attempts = 0
while (halfWay < Number(asked.kills)) {
  attempts += 1
  const cache = join(folder, "killed")
  const child = unpackIn(cache)
  await untilThere(cache)
  // Into every part of it: libraries half written, folders synced, the rename, and what comes behind.
  await Bun.sleep(Math.random() * wholeMs)
  child.kill("SIGKILL")
  await child.exited
  // What is killed behind the rename is looked at as well, and not counted.
  if (readdirSync(cache).some((name) => name.endsWith(".draft"))) halfWay += 1
  const next = await unpackIn(cache).exited
  if (next !== 0) stop(`after kill ${attempts} the next start ended with ${next}`)
  await checkWhole(cache, `kill ${attempts}`)
  rmSync(cache, { recursive: true, force: true })
}
console.log(`${halfWay} kills while it unpacked, of ${attempts}: each next start made a whole folder and left nothing else`)

const cache = join(folder, "timed")
const first: Start[] = []
const later: Start[] = []
for (let start = 0; start < Number(asked.starts); start++) {
  rmSync(cache, { recursive: true, force: true })
  first.push(await timeStart())
  later.push(await timeStart())
}
if (first.length > 0) {
  say("first start", first)
  say("later start", later)
}

interface Start {
  readonly healthyMs: number
  readonly readyMs: number
}

/** From the start of the process to the first 200 of each address. */
async function timeStart(): Promise<Start> {
  port += 1
  const began = performance.now()
  const data = join(folder, "data")
  const child = Bun.spawn([program, "serve", "--cache-dir", cache, "--data", data, "--port", String(port)], {
    env: { GATEHOUSE_LOG: "fatal" },
    stdout: "ignore",
    stderr: "inherit",
  })
  const healthyMs = await until("/healthz", began)
  const readyMs = await until("/readyz", began)
  child.kill("SIGTERM")
  await child.exited
  return { healthyMs, readyMs }
}

async function until(path: string, began: number): Promise<number> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined)
    if (answer?.status === 200) return performance.now() - began
    if (performance.now() - began > 60_000) stop(`${path} did not answer 200 within a minute`)
    await Bun.sleep(2)
  }
}

/** Milliseconds from the first file in the cache folder to the end of the process that unpacks into it. */
async function timeUnpacking(): Promise<number> {
  const cache = join(folder, "measured")
  const child = unpackIn(cache)
  await untilThere(cache)
  const began = performance.now()
  if ((await child.exited) !== 0) stop("a start that nobody disturbs does not unpack")
  rmSync(cache, { recursive: true, force: true })
  return performance.now() - began
}

async function untilThere(cache: string): Promise<void> {
  const began = performance.now()
  while (!existsSync(cache) || readdirSync(cache).length === 0) {
    if (performance.now() - began > 60_000) stop(`nothing was written into ${cache} within a minute`)
    await Bun.sleep(1)
  }
}

/** Lists the models, for which it unpacks everything and compares the hash of each. */
function unpackIn(cache: string) {
  return Bun.spawn([program, "models", "--cache-dir", cache], { env: {}, stdout: "ignore", stderr: "inherit" })
}

async function checkWhole(cache: string, when: string): Promise<void> {
  const names = readdirSync(cache)
  if (names.length !== 1) stop(`after ${when} the cache holds ${names.join(", ")}`)
  const bom = await Bun.file(`${program}.cdx.json`).json()
  for (const { hashes, properties } of bom.components as {
    hashes?: { content: string }[]
    properties?: { name: string; value: string }[]
  }[]) {
    const path = properties?.find((property) => property.name === "gatehouse:path")?.value
    if (path === undefined) continue
    const bytes = await Bun.file(join(cache, names[0]!, path)).bytes()
    const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex")
    if (sha256 !== hashes?.[0]?.content) stop(`after ${when} ${path} has SHA-256 ${sha256}`)
  }
}

function say(what: string, starts: readonly Start[]): void {
  for (const [path, key] of [
    ["/healthz", "healthyMs"],
    ["/readyz", "readyMs"],
  ] as const) {
    const sorted = starts.map((start) => start[key]).sort((a, b) => a - b)
    const [least, median, most] = [0, Math.floor(sorted.length / 2), sorted.length - 1].map((i) => sorted[i]?.toFixed(0))
    console.log(`${what} to ${path} 200: median ${median} ms (${least} to ${most}, n ${sorted.length})`)
  }
}

function stop(why: string): never {
  console.error(`first-starts: ${why}`)
  process.exit(1)
}
