/**
 * Promise S2: what small files that ask for much cost an engine, each in a process of its own.
 *
 *   bun scripts/faults/bombs.ts
 */
import { formatTable } from "../../app/cli/terminal.ts"
import { type Bomb, pictureBombs } from "./pictures/bombs.ts"
import { type DecodeCost, decodeCost } from "./pictures/decode-cost.ts"
import { check, conclude } from "./support/verdict.ts"

const msMax = 50
const peakMBMax = 8

const costs: (DecodeCost & Bomb)[] = []
for (const bomb of await pictureBombs()) costs.push({ ...bomb, ...(await decodeCost(bomb.bytes)) })

const rows = costs.map(({ name, bytes, ms, peakMB, outcome }) => [name, bytes.length, ms, peakMB, outcome])
console.log(formatTable(["bomb", "bytes", "ms", "MB", "outcome"], rows))
const slowest = Math.max(...costs.map(({ ms }) => ms))
const largest = Math.max(...costs.map(({ peakMB }) => peakMB))
const taken = costs.filter(({ answer, outcome }) => answer !== "either" && outcome === "ok")
await conclude(`S2: ${costs.length} bombs`, [
  check("each below 50 ms", `${slowest} ms at most`, slowest < msMax),
  check("each below 8 MB", `${largest} MB at most`, largest < peakMBMax),
  check("what must be refused is refused", `${taken.length} taken`, taken.length === 0),
])
