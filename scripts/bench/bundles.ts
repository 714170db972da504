/**
 * Bundles of a large gallery, by the commands as people type them, each a process of its own over data folders on this disk: out, in,
 * in again, the stick pulled out in the middle (files cut anywhere), the import killed in the middle.
 *
 *   bun scripts/bench/bundles.ts [--faces 100000] [--cuts 20] [--kills 20] [--suite aes] [--sealed]
 */
import { mkdtemp, rm, truncate } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { createRandom } from "../../app/base/random.ts"
import { type Cell, formatTable } from "../../app/cli/terminal.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import { createBundleBench, type Ran } from "./bundles/boxes.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { count, notNegative, optionsOrExit, readOptions } from "./support/options.ts"

const schema = z.strictObject({
  faces: count.default(100_000),
  cuts: notNegative.default(20),
  kills: notNegative.default(20),
  suite: z.enum(["aes", "gm"]).default("aes"),
  sealed: z.boolean().default(false),
})
const flags = {
  faces: { type: "string" },
  cuts: { type: "string" },
  kills: { type: "string" },
  suite: { type: "string" },
  sealed: { type: "boolean" },
} as const
const usage = "bundles [--faces 100000] [--cuts 20] [--kills 20] [--suite aes|gm] [--sealed]"
const options = optionsOrExit(readOptions(Bun.argv.slice(2), flags, schema), usage)

const folder = await mkdtemp(join(tmpdir(), "gatehouse-bundles-"))
if (options.sealed) process.env.GATEHOUSE_MASTER_KEY = createMaterial().toHex()
const random = createRandom(8)
const failures: string[] = []
const expectThat = (holds: boolean, what: string) => {
  if (!holds) failures.push(what)
}
const rows: Cell[][] = []
/** @param records how many went through; absent where none did */
function row(what: string, { ms, processorMs, peakBytes }: Ran<unknown>, records?: number): void {
  const rate = records === undefined ? "" : Math.round(records / (ms / 1000))
  rows.push([what, rate, seconds(ms), seconds(processorMs), mib(peakBytes)])
}
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`

try {
  console.log(machineLine(await describeMachine()))
  const bench = await createBundleBench(folder, options)
  const { exportFrom, importInto, digestOf } = bench

  const first = await exportFrom("gate-1")
  const again = await exportFrom("gate-1")
  const { file, records, bytes } = again.told
  row("export, with the first pass over the gallery", first, records)
  row("export", again, records)

  const idle = await bench.openAndClose("gate-1")
  row("nothing: opens the gallery and ends", idle)

  const taken = await importInto("gate-2", file)
  expectThat(taken.told.changed === records, `the first import changed ${taken.told.changed} of ${records}`)
  row("import", taken, records)
  const second = await importInto("gate-2", file)
  expectThat(second.told.changed === 0 && second.told.known === records, `the second import changed ${second.told.changed}`)
  row("import, a second time", second, records)
  const digest = await digestOf("gate-1")
  expectThat((await digestOf("gate-2")) === digest, "gate-2 holds something else than gate-1")
  expectThat(await bench.findsAll("gate-2", 200), "gate-2 does not find everybody")
  console.log(`${records} records of ${options.faces} faces: ${bytes} bytes, ${(bytes / records).toFixed(1)} a record`)
  console.log(formatTable(["", "records/s", "time", "processor", "most memory"], rows))

  if (options.cuts > 0) {
    const cut = join(folder, "cut.bundle")
    for (let i = 0; i < options.cuts; i++) {
      await Bun.write(cut, Bun.file(file))
      await truncate(cut, Math.floor(random() * bytes))
      expectThat(await bench.isRefused("gate-3", cut), "a cut bundle was taken")
    }
    const came = bench.heldBy("gate-3")
    const { told } = await importInto("gate-3", file)
    expectThat(came + told.changed === records, `${came} + ${told.changed} came, of ${records}`)
    expectThat((await digestOf("gate-3")) === digest, "gate-3 holds something else than gate-1")
    console.log(
      `${options.cuts} bundles that were cut anywhere: ${came} records came in, the whole one brought the other ${told.changed}`,
    )
  }

  if (options.kills > 0) {
    const held: number[] = []
    for (let i = 0; i < options.kills; i++) {
      const more = Math.floor((random() * records) / options.kills)
      held.push(await bench.killWhileImporting("gate-4", file, more, random() * 50))
    }
    const { told } = await importInto("gate-4", file)
    const before = held.at(-1) ?? 0
    expectThat(before + told.changed === records, `${before} were there and ${told.changed} came, of ${records}`)
    expectThat(
      held.every((count, i) => count >= (held[i - 1] ?? 0)),
      `an import that was killed lost something: ${held}`,
    )
    expectThat((await digestOf("gate-4")) === digest, "gate-4 holds something else than gate-1")
    console.log(
      `${options.kills} imports killed (kill -9): records held after each ${held.join(", ")}; the last one brought ${told.changed}`,
    )
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
for (const failure of failures) console.error(`WRONG: ${failure}`)
process.exit(failures.length === 0 ? 0 : 1)
