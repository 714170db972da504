/**
 * Promise S8: the master key of a folder with 100,000 sealed people is rotated in less than a minute, and a kill -9 at any moment
 * loses nobody, while a box reads and writes.
 *
 *   bun scripts/faults/rotation.ts [--people 100000] [--kills 100] [--suite aes|gm]
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { rotateUnderKills } from "./rotation/kills.ts"
import { check, conclude } from "./support/verdict.ts"

const schema = z.strictObject({
  people: count.default(100_000),
  kills: count.default(100),
  suite: z.enum(["aes", "gm"]).default("aes"),
})
const flags = { people: { type: "string" }, kills: { type: "string" }, suite: { type: "string" } } as const
const options = optionsOrExit(
  readOptions(Bun.argv.slice(2), flags, schema),
  "rotation [--people 100000] [--kills 100] [--suite aes|gm]",
)

const secondsMax = 60
const folder = await mkdtemp(join(tmpdir(), "gatehouse-rotation-"))
try {
  const told = await rotateUnderKills(folder, options, (kill) => console.log(`${kill} kills`))
  await conclude(`S8: rotation of the keys of ${options.people} people (${options.suite})`, [
    check(
      `it takes less than ${secondsMax} s`,
      `${told.seconds.map((seconds) => seconds.toFixed(1)).join(", ")} s (n ${told.seconds.length}), a box reading and writing beside it`,
      Math.max(...told.seconds) < secondsMax,
    ),
    check(
      "a kill at any moment loses nobody",
      `${options.kills} kills, ${told.under} of them with a rotation under way, ${told.resumed} gone on with; ${told.wrong.length} wrong ${told.wrong.slice(0, 3).join("; ")}`,
      told.wrong.length === 0 && told.under > 0,
    ),
    check("no write of the box waits for it by a second", `longest ${told.writeMsMax.toFixed(0)} ms`, told.writeMsMax < 1000),
  ])
} finally {
  await rm(folder, { recursive: true, force: true })
}
