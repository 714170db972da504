/**
 * Promise S7: slow and malformed HTTP against a box of its own, while a client that means no harm asks fifty times a second.
 *
 *   bun scripts/faults/slow.ts [--clients 500] [--json 10000] [--seed 1]
 */
import { z } from "zod"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { readUsage } from "../bench/support/processes.ts"
import { summarise } from "../bench/support/statistics.ts"
import { sendJsonBarrage } from "./http/json.ts"
import { judgeMalformed, malformedRequests } from "./http/malformed.ts"
import { openSlowClients } from "./http/slow-clients.ts"
import { startFaultBox } from "./support/box.ts"
import { startGoodClient } from "./support/good-client.ts"
import { check, conclude } from "./support/verdict.ts"

const table = { clients: { type: "string" }, json: { type: "string" }, seed: { type: "string" } } as const
const schema = z.strictObject({ clients: count.default(500), json: count.default(10_000), seed: count.default(1) })
const options = optionsOrExit(readOptions(Bun.argv.slice(2), table, schema), "slow [--clients 500] [--json 10000] [--seed 1]")

/** Promised: closed within 30 s. */
const closedMsMax = 30_000
const goodP99MsMax = 50

await using box = await startFaultBox()
const before = await readUsage(box.pid)
const good = startGoodClient(box, "lookUp", 20)

console.log(`${options.clients} slow connections, ${options.json} bodies of damaged JSON, malformed requests over and over`)
const slow = openSlowClients(box, options.clients, closedMsMax)
let slowAreGone = false
const slowEnds = slow.finally(() => {
  slowAreGone = true
})
const json = sendJsonBarrage(box, { count: options.json, seed: options.seed, attackers: 2 })
const wrong = new Set<string>()
let malformedSent = 0
while (!slowAreGone) {
  for (const request of malformedRequests(box)) {
    const happened = await judgeMalformed(box, request)
    malformedSent += 1
    if (happened !== undefined) wrong.add(`${request.name}: ${happened}`)
  }
}
const ends = await slowEnds
const { statuses, faults } = await json
const { latencyMs, statuses: goodStatuses, requests } = await good.stop()
// One turn of the loop of the box: what was just closed is counted no more.
await Bun.sleep(500)
const after = await readUsage(box.pid)

for (const way of new Set(ends.map((end) => end.way))) {
  const closed = ends.filter((end) => end.way === way).map(({ closedAfterMs }) => closedAfterMs ?? Number.POSITIVE_INFINITY)
  console.log(`${way}: closed after ${(Math.max(...closed) / 1000).toFixed(1)} s at most (n ${closed.length})`)
}
console.log(`JSON: ${JSON.stringify(statuses)}`)
for (const fault of faults) console.log("fault:", fault)
for (const happened of wrong) console.log("read wrongly:", happened)

const closedMs = summarise(ends.flatMap(({ closedAfterMs }) => (closedAfterMs === undefined ? [] : [closedAfterMs])))
await conclude("S7: slow and malformed HTTP", [
  check(
    "slow connections closed within 30 s",
    `${closedMs.n} of ${ends.length}, the last after ${(closedMs.max / 1000).toFixed(1)} s`,
    closedMs.n === ends.length,
  ),
  check("malformed requests refused", `${wrong.size} wrong, ${malformedSent} sent`, wrong.size === 0),
  check("damaged JSON answered in words, never 500", `${faults.length} faults, ${options.json} sent`, faults.length === 0),
  check(
    "good client p99 < 50 ms",
    `${latencyMs.p99} ms, p50 ${latencyMs.p50} ms (n ${latencyMs.n})`,
    latencyMs.p99 < goodP99MsMax,
  ),
  check("good client always answered 200", JSON.stringify(goodStatuses), goodStatuses["200"] === requests),
  check(
    "descriptors as before",
    `${before?.parentDescriptors} → ${after?.parentDescriptors}`,
    (after?.parentDescriptors ?? 0) <= (before?.parentDescriptors ?? 0) + 5,
  ),
])
