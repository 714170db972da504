import { parseArgs } from "node:util"
import { silentLog } from "../../app/base/log.ts"
import { createRandom } from "../../app/base/random.ts"
import { openGallery } from "../../app/gallery/open.ts"
import { openStore } from "../../app/store/store.ts"
import { applyFromHub } from "../../app/sync/apply.ts"
import { openGallerySide } from "../../app/sync/gallery/side.ts"
import { createOpener } from "../../app/sync/sealing.ts"
import { openSyncStore } from "../../app/sync/store/open.ts"
import { openSuite } from "../../app/vault/suites.ts"
import { spaceOf } from "../../tests/gallery/support.ts"
import { tempFolder } from "../../tests/support/shared.ts"
import { plainVaultOf, sealedVaultOf } from "../../tests/support/vault.ts"
import { createSite } from "../../tests/sync/support.ts"

/**
 * What it costs a gallery to belong to a site, without a network: enrolments in a second with a recorder beside them and without, and
 * records of others that are put into an empty gallery in a second, by pages.
 *
 *     bun scripts/bench/sync-gallery.ts [--faces 20000] [--enrolments 500] [--page 128] [--suite aes] [--plain]
 */

const { values } = parseArgs({
  options: {
    faces: { type: "string", default: "20000" },
    enrolments: { type: "string", default: "500" },
    page: { type: "string", default: "128" },
    suite: { type: "string", default: "aes" },
    plain: { type: "boolean", default: false },
  },
})
const faces = Number(values.faces)
const enrolments = Number(values.enrolments)
const pageRecords = Number(values.page)
const suite = values.suite === "gm" ? "gm" : "aes"
const space = spaceOf(512)
const random = createRandom(5)
const site = createSite(openSuite(suite).suite, ["0a0a0a0a", "0b0b0b0b"])

async function openBox(name: string, isMember: boolean) {
  const folder = tempFolder()
  const opened = openStore(folder.file("gatehouse.db"))
  if (opened.kind === "failed") throw new Error(opened.why)
  const { store } = opened
  const vault = values.plain ? plainVaultOf(store) : sealedVaultOf(store, suite)
  const gallery = await openGallery(store, vault)
  const syncStore = openSyncStore(store, vault)
  if (isMember) syncStore.enter(name)
  const keys = site.keysOf(name)
  const people = { isErased: () => false, noteErasure: () => false, erasedHere: () => undefined }
  const side = openGallerySide({ store, syncStore, gallery, keys: () => keys, chips: false, people, log: silentLog })
  const { open } = createOpener(keys)
  return {
    ...{ store, gallery, side, open },
    async [Symbol.asyncDispose]() {
      await gallery.close()
      store.close()
      folder[Symbol.dispose]()
    },
  }
}

type Box = Awaited<ReturnType<typeof openBox>>

const vectorOf = () => Float32Array.from({ length: 512 }, () => random() - 0.5)

function enrolOne({ gallery }: Box, i: number): void {
  const fields = { name: `Person ${i}`, externalId: `id-${i}`, groups: ["staff"], metadata: { floor: 3, badge: `b${i}` } }
  const added = gallery.addSubject(fields)
  if (added.kind !== "added") throw new Error(added.kind)
  gallery.addFace({ subjectId: added.subject.id, space, vector: vectorOf(), source: "vector" })
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

/** Busy neighbours stretch the time, and not this. */
let cpu = process.cpuUsage()
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage(cpu)
  cpu = process.cpuUsage()
  return (user + system) / 1e6
}

function told(what: string, count: number, ms: number, steps: readonly number[] = []): void {
  const sorted = steps.toSorted((a, b) => a - b)
  const pages =
    sorted.length === 0
      ? ""
      : `; a page p50 ${percentile(sorted, 0.5).toFixed(1)} ms, p99 ${percentile(sorted, 0.99).toFixed(1)} ms, longest ${(sorted.at(-1) ?? 0).toFixed(1)} ms`
  console.log(
    `${what}: ${count} in ${(ms / 1000).toFixed(2)} s, ${Math.round((count / ms) * 1000)}/s (${cpuSeconds().toFixed(2)} s of the processor)${pages}`,
  )
}

for (const isMember of [false, true]) {
  await using box = await openBox("0a0a0a0a", isMember)
  cpuSeconds()
  const from = performance.now()
  for (let i = 0; i < enrolments; i++) {
    enrolOne(box, i)
    // As often as the loop of a box comes to it at most.
    if (isMember && i % 4 === 3) box.side.recorder.drainAlone(256)
  }
  if (isMember) box.side.recorder.drainAlone(Number.POSITIVE_INFINITY)
  told(`enrolments, one after the other, ${isMember ? "and recorded" : "outside a site"}`, enrolments, performance.now() - from)
}

const bytes: Uint8Array[] = []
{
  await using box = await openBox("0a0a0a0a", true)
  box.store.prepare("pragma synchronous = off").all()
  for (let i = 0; i < faces; i++) enrolOne(box, i)
  const steps: number[] = []
  cpuSeconds()
  const from = performance.now()
  for (let read = 1; read > 0; ) {
    const stepFrom = performance.now()
    read = box.side.recorder.drainAlone(pageRecords)
    steps.push(performance.now() - stepFrom)
  }
  told("recorded, 2 changes each", faces, performance.now() - from, steps)
  for (let change = 0; ; ) {
    const rows = box.side.box.transact((tables) =>
      tables.rowsAfter("records", change, 1000).map((row) => ({ change: row.change, bytes: row.record.bytes })),
    )
    if (rows.length === 0) break
    for (const row of rows) bytes.push(row.bytes)
    change = rows.at(-1)!.change
  }
}

{
  await using box = await openBox("0b0b0b0b", true)
  const steps: number[] = []
  let openMs = 0
  cpuSeconds()
  const from = performance.now()
  for (let at = 0; at < bytes.length; at += pageRecords) {
    const stepFrom = performance.now()
    box.side.box.transact((tables) => {
      for (const [i, one] of bytes.slice(at, at + pageRecords).entries()) {
        const openFrom = performance.now()
        const opened = box.open(one)
        openMs += performance.now() - openFrom
        if (opened.kind !== "opened") throw new Error(opened.why)
        applyFromHub(tables, { sequence: at + i + 1 }, opened)
      }
      const last = tables.position("records")
      tables.setPosition("records", last + pageRecords)
    })
    steps.push(performance.now() - stepFrom)
    await Bun.sleep(0)
  }
  const ms = performance.now() - from
  told(`records of others, pages of ${pageRecords}`, bytes.length, ms, steps)
  console.log(
    `  of which opening and checking: ${(openMs / 1000).toFixed(2)} s; ${Math.round(bytes.reduce((sum, one) => sum + one.length, 0) / bytes.length)} bytes a record`,
  )
  const asked = performance.now()
  const [best] = await box.gallery.search(space, vectorOf(), 1)
  console.log(
    `  the first search after it: ${(performance.now() - asked).toFixed(1)} ms, among ${box.gallery.facesSearched(space)} faces (${best?.name})`,
  )
}
