/**
 * Promise R9: ten times what the box can do, for a minute, from callers who do not wait for each other.
 *
 *   bun scripts/faults/overload.ts [--multiple 10] [--seconds 60] [--deadline-ms 800]
 */
import { z } from "zod"
import { count, optionsOrExit, positive, readOptions } from "../bench/support/options.ts"
import { startFaultBox } from "./support/box.ts"
import { runLoad, unstatedAnswers } from "./support/load.ts"
import { check, conclude } from "./support/verdict.ts"

const table = { multiple: { type: "string" }, seconds: { type: "string" }, "deadline-ms": { type: "string" } } as const
const schema = z.strictObject({
  multiple: positive.default(10),
  seconds: positive.default(60),
  deadlineMs: count.default(800),
})
const usage = "overload [--multiple 10] [--seconds 60] [--deadline-ms 800]"
const options = optionsOrExit(readOptions(Bun.argv.slice(2), table, schema), usage)

/** Bodies on their way in may take 32 of the largest pictures; nothing else may grow with the load. */
const grownMBMax = 256
const normalMsMax = 5000

await using box = await startFaultBox()
const details = await runLoad(box, {
  multiple: options.multiple,
  seconds: options.seconds,
  "deadline-ms": options.deadlineMs,
  "unloaded-seconds": 10,
  out: ".cache/faults/overload.json",
})

const { acceptedMs, byOperation, unloaded, overDeadline, memory, normalAfterMs, senderLateMs } = details
const unloadedP99Ms = unloaded?.latencyMs.p99 ?? 0
/** The whole of a run from outside: a box that begins just before the deadline answers so much after it. */
const oneRunMs = unloaded?.latencyMs.max ?? 0
/** By the slowest kind of request: searches, which no engine has to do, are quick at any load and would hide the others. */
const acceptedP99Ms = Math.max(...Object.values(byOperation).map((operation) => operation.acceptedMs.p99))
const unstated = unstatedAnswers(details)
const grownMB = memory === undefined ? Number.POSITIVE_INFINITY : memory.maxMB - memory.firstMB
await conclude(
  `R9: ${options.multiple} × capacity = ${details.ratePerSecond.toFixed(0)} requests a second for ${options.seconds} s`,
  [
    check(
      "p99 of accepted < 3 × unloaded",
      `${acceptedP99Ms} ms, of all together ${acceptedMs.p99}, unloaded ${unloadedP99Ms} ms (n ${acceptedMs.n}); sender late p99 ${senderLateMs.p99} ms`,
      acceptedP99Ms < 3 * unloadedP99Ms,
    ),
    check(
      "accepted is late by one run at most",
      `${overDeadline?.count} late, by ${overDeadline?.worstMs} ms at worst`,
      (overDeadline?.worstMs ?? 0) <= oneRunMs,
    ),
    check(
      "all others are told 429 or 503",
      unstated.length === 0 ? JSON.stringify(details.statuses) : unstated.join(", "),
      unstated.length === 0,
    ),
    check(
      `memory grows by less than ${grownMBMax} MB`,
      `${grownMB.toFixed(0)} MB, ${memory?.maxMB} MB at most`,
      grownMB < grownMBMax,
    ),
    check(
      "normal again in less than 5 s",
      `${normalAfterMs ?? "not"} ms`,
      (normalAfterMs ?? Number.POSITIVE_INFINITY) < normalMsMax,
    ),
  ],
)
