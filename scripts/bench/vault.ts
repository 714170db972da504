/**
 * What sealing costs of the processor: rows of 1 KB, streams of 1 MB, wrapped keys, signatures, and the rotation of a master key over a real table,
 * for each suite by each library that is here.
 *
 *   bun scripts/bench/vault.ts                    # about half a minute
 *   bun scripts/bench/vault.ts --rotate 100000    # as many keys as a full box has
 *
 * With GATEHOUSE_LIBCRYPTO=/path/to/libcrypto.so.3 another libcrypto than the system's is tried.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { nowTickMs } from "../../app/base/ticks.ts"
import { openKeys, openWrapped, wrap } from "../../app/vault/keys.ts"
import { createMaterial, masterKey } from "../../app/vault/master-key.ts"
import { createRotation } from "../../app/vault/rotation.ts"
import { createSealKey, open, seal } from "../../app/vault/seal.ts"
import { firstState } from "../../app/vault/state.ts"
import { openStream, sealStream } from "../../app/vault/stream.ts"
import type { Suite } from "../../app/vault/suite.ts"
import { openSuite } from "../../app/vault/suites.ts"
import { openKeyRows } from "../../tests/vault/key-rows.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { count, notNegative, optionsOrExit, positive, readOptions } from "./support/options.ts"
import { median } from "./support/statistics.ts"

const usage = `vault [--rounds 5] [--seconds 0.2] [--rotate 2000]
  --seconds N   of each measurement in each round
  --rotate N    data keys whose master key is changed; 0 leaves that out`

const options = optionsOrExit(
  readOptions(
    Bun.argv.slice(2),
    { rounds: { type: "string" }, seconds: { type: "string" }, rotate: { type: "string" } },
    z.strictObject({ rounds: count.default(5), seconds: positive.default(0.2), rotate: notNegative.default(2000) }),
  ),
  usage,
)

/** Between two looks at the clock, which costs as much as the quickest step. */
const stepsPerLook = 10

console.log(machineLine(await describeMachine()))
const system = openSuite("gm", process.env.GATEHOUSE_LIBCRYPTO)
if (system.note !== undefined) console.log(`without libcrypto: ${system.note}`)
const suites = [openSuite("aes").suite, openSuite("gm", null).suite, ...(system.note === undefined ? [system.suite] : [])]
console.log(`per second of processor time; medians of ${options.rounds} rounds of ${options.seconds} s`)
for (const suite of suites) {
  console.log(`\n${suite.name} by ${suite.by}`)
  for (const [what, unit, step] of steps(suite)) {
    const rates: number[] = []
    for (let round = 0; round < options.rounds; round++) rates.push(await ratePerSecond(step))
    const rate = unit.amount * median(rates)
    console.log(`  ${what.padEnd(28)} ${rate.toFixed(rate < 100 ? 1 : 0).padStart(9)} ${unit.name}`)
  }
  if (options.rotate > 0) rotate(suite)
}

type Step = readonly [what: string, unit: { readonly name: string; readonly amount: number }, () => unknown]

function steps(suite: Suite): readonly Step[] {
  const key = createSealKey(suite)
  const place = { table: "faces", column: "vector", row: 4711 }
  const row = crypto.getRandomValues(new Uint8Array(1024))
  const megabyte = new Uint8Array(2 ** 20)
  const sealed = seal(key, place, row)
  const master = masterKey(suite, createMaterial())
  const wrapped = wrap(master, { owner: "subject/0193", id: key.id }, key.bytes)
  const pair = suite.signing.createKeyPair()
  const signature = suite.signing.sign(pair, row)
  const [each, megabytes] = [
    { name: "/s", amount: 1 },
    { name: "MB/s", amount: 2 ** 20 / 1e6 },
  ]
  const sealMegabyte = () => Array.fromAsync(sealStream(key, "bench", [megabyte]))
  let stream: Uint8Array[] | undefined
  return [
    ["rows of 1 KB sealed", each, () => seal(key, place, row)],
    ["rows of 1 KB opened", each, () => open(key, place, sealed)],
    ["keys wrapped", each, () => wrap(master, wrapped, key.bytes)],
    ["keys unwrapped", each, () => openWrapped([master], wrapped)],
    ["streams of 1 MB sealed", megabytes, sealMegabyte],
    ["streams of 1 MB opened", megabytes, openMegabyte],
    ["signed, 1 KB", each, () => suite.signing.sign(pair, row)],
    ["verified, 1 KB", each, () => suite.signing.verify(pair.publicKey, row, signature)],
  ]

  async function openMegabyte() {
    stream ??= await sealMegabyte()
    await openStream(key, "bench", stream, async () => undefined)
  }
}

async function ratePerSecond(step: () => unknown): Promise<number> {
  const startedMs = processorMs()
  let [done, tookMs] = [0, 0]
  while (tookMs < options.seconds * 1000) {
    for (let more = 0; more < stepsPerLook; more++, done++) {
      // Steps that return at once are not awaited: a turn of the loop costs as much as they do.
      const result = step()
      if (result instanceof Promise) await result
    }
    tookMs = processorMs() - startedMs
  }
  return (done * 1000) / tookMs
}

/** Of this process alone, so that a busy machine changes little. */
function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function rotate(suite: Suite): void {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"))
  try {
    using rows = openKeyRows(join(folder, "keys.db"))
    const first = masterKey(suite, createMaterial())
    rows.create(firstState(first))
    const keys = openKeys(rows, { current: first, retired: [] })
    rows.store.transact<void>(() => {
      for (let owner = 0; owner < options.rotate; owner++) keys.create(`subject/${Bun.randomUUIDv7()}`)
    })
    const rotation = createRotation(rows, keys)
    const [startedTickMs, startedMs] = [nowTickMs(), processorMs()]
    let longestMs = 0
    rotation.begin(masterKey(suite, createMaterial()))
    for (let ended = false; !ended; ) {
      const stepTickMs = nowTickMs()
      ended = rotation.step(100).kind === "finished"
      longestMs = Math.max(longestMs, nowTickMs() - stepTickMs)
    }
    const [tookMs, workedMs] = [nowTickMs() - startedTickMs, processorMs() - startedMs]
    const what = `${options.rotate} keys rewrapped in ${(tookMs / 1000).toFixed(2)} s (${(workedMs / 1000).toFixed(2)} s of work)`
    console.log(`  ${what}, a hundred at a time, the longest step ${longestMs.toFixed(0)} ms`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
