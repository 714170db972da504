/**
 * A site as it is in the world: boxes as processes of the compiled file, a hub as `gatehouse hub` sets it up, faces enrolled over HTTP.
 *
 *   bun scripts/faults/sync.ts latency   [--count 200] [--boxes 8]
 *   bun scripts/faults/sync.ts kills     [--minutes 10] [--boxes 8] [--seed 1]
 *   bun scripts/faults/sync.ts old-copy  [--boxes 4]
 *   bun scripts/faults/sync.ts month     [--days 30] [--per-day 500]
 *   bun scripts/faults/sync.ts cluster   [--rounds 1] [--boxes 3]
 *   bun scripts/faults/sync.ts bootstrap [--faces 100000] [--asked 2000]
 *   bun scripts/faults/sync.ts erase     [--boxes 3] [--sealed]
 *   bun scripts/faults/sync.ts refusals
 *
 * The boxes run `--program <compiled file>`, one made of the sources for the occasion, or with `--program source` the sources; the
 * hub's server is that of GATEHOUSE_NATS_SERVER, or the one on the PATH.
 */
import { z } from "zod"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { programOf } from "./sync/program.ts"

const usage =
  "sync latency|kills|old-copy|month|cluster|bootstrap|erase|refusals [--program <file>|source] and the options that its source lists"
const numbers = ["count", "boxes", "minutes", "seed", "days", "per-day", "rounds", "faces", "asked"] as const
const schema = z.strictObject({
  program: z.string().optional(),
  sealed: z.boolean().default(false),
  count: count.default(200),
  boxes: count.optional(),
  minutes: z.coerce.number().positive().default(10),
  seed: count.default(1),
  days: count.default(30),
  perDay: count.default(500),
  rounds: count.default(1),
  faces: count.default(100_000),
  asked: count.default(2000),
})
const table = {
  program: { type: "string" },
  sealed: { type: "boolean" },
  ...Object.fromEntries(numbers.map((name) => [name, { type: "string" as const }])),
} as const
const [what = "", ...told] = Bun.argv.slice(2)
const options = optionsOrExit(readOptions(told, table, schema), usage)
const program = await programOf(options.program)

switch (what) {
  case "latency":
    await (await import("./sync/latency.ts")).runLatency(program, options.count, options.boxes ?? 8)
    break
  case "kills":
    await (await import("./sync/kills.ts")).runKills(program, options.minutes, options.boxes ?? 8, options.seed)
    break
  case "old-copy":
    await (await import("./sync/old-copy.ts")).runOldCopy(program, options.boxes ?? 4)
    break
  case "month":
    await (await import("./sync/month.ts")).runMonth(program, options.days, options.perDay)
    break
  case "cluster":
    await (await import("./sync/cluster.ts")).runCluster(program, options.rounds, options.boxes ?? 3)
    break
  case "bootstrap":
    await (await import("./sync/bootstrap.ts")).runBootstrap(program, options.faces, options.asked)
    break
  case "erase":
    await (await import("./sync/erase.ts")).runErase(program, options.boxes ?? 3, options.sealed)
    break
  case "refusals":
    await (await import("./sync/refusals.ts")).runRefusals(program)
    break
  default:
    console.error(usage)
    process.exit(2)
}
