/**
 * What the tables of sync do on this machine's disk, with commits that wait for it: records taken in pages, read in order, marked
 * as sent, and doubted all at once.
 *
 *   bun scripts/bench/sync-tables.ts [--records 100000] [--page 256] [--runs 3]
 */
import { mkdtemp, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { nowTickMs } from "../../app/base/ticks.ts"
import { formatTable } from "../../app/cli/terminal.ts"
import { openStore } from "../../app/store/store.ts"
import { applyFromHub } from "../../app/sync/apply.ts"
import type { Box } from "../../app/sync/box.ts"
import type { Entity } from "../../app/sync/entity.ts"
import { openSyncStore } from "../../app/sync/store/open.ts"
import { nothingShown } from "../../app/sync/store/showing.ts"
import { plainVaultOf, sealedVaultOf } from "../../tests/support/vault.ts"
import { boxA, boxB, originOf } from "../../tests/sync/support.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { count, optionsOrExit, readOptions } from "./support/options.ts"
import { median } from "./support/statistics.ts"

const schema = z.strictObject({
  records: count.default(100_000),
  page: count.default(256),
  runs: count.default(3),
})
const flags = { records: { type: "string" }, page: { type: "string" }, runs: { type: "string" } } as const
const usage = "sync-tables [--records 100000] [--page 256] [--runs 3]"
const options = optionsOrExit(readOptions(Bun.argv.slice(2), flags, schema), usage)

const vaults = {
  "in the clear": plainVaultOf,
  "sealed (aes)": (store: Parameters<typeof plainVaultOf>[0]) => sealedVaultOf(store),
}
const read = { records: 500 }
/** An enrolment: a record with a face of 512 dimensions and the person's name. */
const bytes = crypto.getRandomValues(new Uint8Array(750))

interface Figures {
  readonly taken: number
  readonly read: number
  readonly sent: number
  readonly longestPageMs: number
  readonly doubtMs: number
  readonly bytesEach: number
}

/** People with one face each, as UUIDs of version 7 come: nearly in their order. */
function entities(): readonly Entity[] {
  return Array.from({ length: options.records }, (_, i) => {
    const id = (offset: number) =>
      `0199${(i * 2 + offset).toString(16).padStart(8, "0")}7${crypto.randomUUID().replaceAll("-", "").slice(13)}`
    return `${id(0)}.${id(1)}` as Entity
  })
}

async function measure(vaultOf: typeof plainVaultOf): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-sync-tables-"))
  const path = join(folder, "gatehouse.db")
  const opened = openStore(path)
  if (opened.kind === "failed") throw new Error(opened.why)
  const { store } = opened
  try {
    const sync = openSyncStore(store, vaultOf(store))
    sync.enter(boxA)
    const box = sync.openBox(
      { ...nothingShown, present: () => sync.counts().faces },
      { before: () => undefined, after: () => undefined },
    )
    const all = entities()
    let longestPageMs = 0
    const taken = perSecond(() => {
      for (let from = 0; from < all.length; from += options.page) {
        const startTickMs = nowTickMs()
        box.transact((tables) => {
          for (const [i, entity] of all.slice(from, from + options.page).entries()) {
            const sequence = from + i + 1
            const version = { kind: "put", entity, stamp: sequence, origin: originOf(boxB), sequence } as const
            applyFromHub(tables, { sequence }, { kind: "opened", record: { ...version, bytes }, content: bytes })
          }
          tables.setPosition("records", from + options.page)
        })
        longestPageMs = Math.max(longestPageMs, nowTickMs() - startTickMs)
      }
    })
    return { taken, longestPageMs, ...readAndSend(box), bytesEach: (await stat(path)).size / options.records }
  } finally {
    store.close()
    await rm(folder, { recursive: true, force: true })
  }
}

function readAndSend(box: Box): Pick<Figures, "read" | "sent" | "doubtMs"> {
  const readAll = perSecond(() => {
    for (let after = 0; ; ) {
      const rows = box.transact((tables) => tables.rowsAfter("records", after, read.records))
      // As a bundle or a push would: the bytes are opened.
      for (const { record } of rows) if (record.bytes.length !== bytes.length) throw new Error("not what was written")
      const last = rows.at(-1)
      if (last === undefined) return
      after = last.change
    }
  })
  const sent = perSecond(() => {
    for (let after = 0; ; ) {
      const rows = box.transact((tables) => {
        const page = tables.rowsAfter("records", after, options.page)
        for (const row of page) tables.write({ ...row, standing: "held", hubSequence: row.hubSequence + 1 })
        return page
      })
      const last = rows.at(-1)
      if (last === undefined) return
      after = last.change
    }
  })
  const startTickMs = nowTickMs()
  box.transact((tables) => tables.doubtAfter("records", 0))
  return { read: readAll, sent, doubtMs: nowTickMs() - startTickMs }
}

function perSecond(work: () => void): number {
  const startTickMs = nowTickMs()
  work()
  return options.records / ((nowTickMs() - startTickMs) / 1000)
}

console.log(machineLine(await describeMachine()))
console.log(
  `${options.runs} runs of ${options.records} records of ${bytes.length} bytes, ${options.page} a transaction; medians\n`,
)
const lines: string[][] = []
for (const [name, vaultOf] of Object.entries(vaults)) {
  const runs: Figures[] = []
  for (let run = 0; run < options.runs; run++) runs.push(await measure(vaultOf))
  const of = (key: keyof Figures) => `${Math.round(median(runs.map((figures) => figures[key])))}`
  lines.push([name, of("taken"), of("longestPageMs"), of("read"), of("sent"), of("doubtMs"), of("bytesEach")])
}
console.log(
  formatTable(
    ["", "taken/s", "longest page, ms", "read/s", "marked/s", "doubted at once, ms", "bytes on the disk, each"],
    lines,
  ),
)
