/**
 * Promise of the live stream: 200 listeners of whom one reads too slowly and one not at all. The slow one loses its oldest and is
 * told how many, nobody else loses anything, and the memory of the box stays as it is.
 *
 *   bun scripts/faults/listeners.ts [--listeners 200] [--seconds 300] [--per-second 20] [--faces 100]
 */
import { join } from "node:path"
import { z } from "zod"
import { testKey } from "../../tests/http/box.ts"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { readUsage } from "../bench/support/processes.ts"
import { roundTo, slope } from "../bench/support/statistics.ts"
import { listen, type Told } from "./listeners/listener.ts"
import { check, conclude } from "./support/verdict.ts"

const usage = "listeners [--listeners 200] [--seconds 300] [--per-second 20] [--faces 100]"
const table = {
  listeners: { type: "string" },
  seconds: { type: "string" },
  "per-second": { type: "string" },
  faces: { type: "string" },
} as const
const schema = z.strictObject({
  listeners: count.default(200),
  seconds: count.default(300),
  perSecond: count.default(20),
  faces: count.default(100),
})
const options = optionsOrExit(readOptions(Bun.argv.slice(2), table, schema), usage)

/**
 * Of what is sent to it, so that the slow one falls ever further behind, past the megabytes that the buffers of its sockets hold.
 * Much slower than this it would not move at all for as long as the box lets a connection stand still.
 */
const slowShare = 0.4
/** After this the buffers of the sockets are full and the heap has found its size. */
const settledShare = 1 / 3
const slopeMBPerMinuteMax = 5

const child = Bun.spawn(
  [process.execPath, join(import.meta.dir, "listeners/recording-box.ts"), String(options.perSecond), String(options.faces)],
  { stdout: "pipe", stderr: "inherit" },
)
let newest = 0
const url = Promise.withResolvers<string>()
const reading = (async () => {
  for await (const chunk of child.stdout) {
    for (const line of Buffer.from(chunk).toString().split("\n").filter(Boolean))
      if (line.startsWith("http")) url.resolve(line)
      else newest = Number(line)
  }
})()
const address = await url.promise
await Bun.sleep(3000)
const alone = (await readUsage(child.pid))?.parentMB ?? 0

const probe = listen(address, testKey)
await Bun.sleep(2000)
const bytesPerSecond = probe.told().bytes / 2
probe.end()
const quick = Array.from({ length: options.listeners - 2 }, () => listen(address, testKey))
const slow = listen(address, testKey, bytesPerSecond * slowShare)
const deaf = listen(address, testKey)
await Bun.sleep(1000)
deaf.pause()
const deafFrom = deaf.told().lastId

const memory: { x: number; y: number }[] = []
const startMs = performance.now()
for (let second = 5; second <= options.seconds; second += 5) {
  await Bun.sleep(startMs + second * 1000 - performance.now())
  const { parentMB = 0 } = (await readUsage(child.pid)) ?? {}
  memory.push({ x: second / 60, y: parentMB })
  console.log(`${second} s: ${parentMB} MB, sighting ${newest}; slow: ${slow.told().sightings} told, ${slow.told().lost} lost`)
}

deaf.resume()
await Bun.sleep(2000)
const again = listen(address, testKey, Number.POSITIVE_INFINITY, deafFrom)
const upTo = newest
while (again.told().lastId < upTo && !again.told().closed) await Bun.sleep(50)

const settled = memory.filter(({ x }) => x * 60 >= options.seconds * settledShare)
const growth = roundTo(slope(settled), 2)
const levels = settled.map(({ y }) => y)
const told = quick.map((listener) => listener.told())
console.log(
  `${roundTo(bytesPerSecond / 1000, 0)} kB/s to each listener; the box took ${alone} MB alone, ${Math.min(...levels)} to ${Math.max(...levels)} MB with ${options.listeners} listeners`,
)
const slowTold = slow.told()
const deafTold = deaf.told()
const againTold = again.told()
const worst = (of: (one: Told) => number) => Math.max(...told.map(of))
await conclude("Listeners of the live stream", [
  check(
    `memory of the box grows by less than ${slopeMBPerMinuteMax} MB a minute`,
    `${growth} MB a minute, n = ${settled.length}`,
    growth < slopeMBPerMinuteMax,
  ),
  check(
    `${told.length} listeners that read hear everything`,
    `missing ${worst(({ missing }) => missing)}, lost ${worst(({ lost }) => lost)}, ${told[0]?.sightings ?? 0} sightings told`,
    told.every(({ missing, lost, closed, lastId }) => missing === 0 && lost === 0 && !closed && lastId >= upTo),
  ),
  check(
    "a slow one loses its oldest and is told how many",
    `${slowTold.sightings} told, ${slowTold.lost} lost, ${slowTold.missing} missing`,
    slowTold.lost > 0 && slowTold.missing === 0 && !slowTold.closed,
  ),
  check("one that reads nothing is let go", `${deafTold.sightings} told, closed: ${deafTold.closed}`, deafTold.closed),
  check(
    "it hears everything when it comes back with its last id",
    `${againTold.sightings} told from ${againTold.firstId}, ${againTold.missing} missing`,
    againTold.missing === 0 && againTold.lost === 0 && againTold.firstId === deafFrom + 1,
  ),
])
for (const listener of [...quick, slow, deaf, again]) listener.end()
child.kill()
await reading
