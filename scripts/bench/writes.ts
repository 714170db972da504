/**
 * How much a box writes to its disk in a day. A real box, its data on an ext4 of its own whose device counts, journal included. The
 * day is compressed: visits follow each other without the hours between them, and what goes by the clock is measured on an idle box.
 *
 *   sudo bun scripts/bench/writes.ts                       # about eight minutes
 *   sudo bun scripts/bench/writes.ts --commit-every-ms 0 --visits 10 --idle-seconds 700
 */
import { Database } from "bun:sqlite"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import sharp from "sharp"
import { z } from "zod"
import { nowTickMs } from "../../app/base/ticks.ts"
import { formatTable } from "../../app/cli/terminal.ts"
import { openSightings } from "../../app/events/sightings.ts"
import { dataFolderFiles } from "../../app/store/data-folder.ts"
import { openStore } from "../../app/store/store.ts"
import { openVaultRows } from "../../app/store/vault-rows.ts"
import { openSuite } from "../../app/vault/suites.ts"
import { plainVault } from "../../app/vault/vault.ts"
import { type DemoBox, startBox } from "../demo/box.ts"
import { ask } from "./support/client.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { count, optionsOrExit, readOptions } from "./support/options.ts"
import { asNeverSeen, cameraFrame, type Picture } from "./support/pictures.ts"
import { type Figure, writeResult } from "./support/results.ts"
import { createRandom, roundTo } from "./support/statistics.ts"
import { type MeasuredDisk, openMeasuredDisk } from "./writes/disk.ts"

const usage = `writes [--commit-every-ms 0,500,2000] [--visits 20] [--idle-seconds 60] [--set default] [--out .cache/bench/writes.json]
  --visits N   of somebody before a camera, each ten frames in five seconds`

const options = optionsOrExit(
  readOptions(
    Bun.argv.slice(2),
    {
      "commit-every-ms": { type: "string" },
      visits: { type: "string" },
      "idle-seconds": { type: "string" },
      set: { type: "string" },
      out: { type: "string" },
    },
    z.strictObject({
      commitEveryMs: z
        .string()
        .default("0,500,2000")
        .transform((text) => text.split(",").map(Number))
        .pipe(z.array(z.int().min(0))),
      visits: count.default(20),
      idleSeconds: count.default(60),
      set: z.string().default("default"),
      out: z.string().default(".cache/bench/writes.json"),
    }),
  ),
  usage,
)

/** A normal day of four cameras at doors: each sees 250 visits of five seconds, of which it sends two frames a second. */
const day = { cameras: 4, sightings: 10_000, enrolments: 20 }
const framesEachVisit = 10
const frameEveryMs = 500
const enrolmentsMeasured = 20
const secondsADay = 86_400
/** Full from the start, as a box is after weeks: each sighting that comes lets an old one leave. */
const recordBytes = 48 * 1024 * 1024
const pictureBytes = 45_000
const diskMegabytes = 1024

const writesSchema = z.strictObject({
  commitEveryMs: z.int(),
  sightings: z.int(),
  pictureKB: z.number(),
  sightingKB: z.number(),
  enrolmentKB: z.number(),
  idleKBAMinute: z.number(),
  backupShare: z.number(),
})
type Writes = z.output<typeof writesSchema>

function fillRecord(path: string) {
  const opened = openStore(path)
  if (opened.kind === "failed") throw new Error(opened.why)
  const { store } = opened
  const sightings = openSightings(store, plainVault(openSuite("aes").suite, openVaultRows(store)), () => undefined)
  const random = createRandom(1)
  const face = { box: { x: 0, y: 0, width: 9, height: 9 }, score: 1, qualityScore: 1, decision: "unknown" as const }
  const image = { width: 1920, height: 1080 }
  while (sightings.totals().bytes < recordBytes) {
    const some = Array.from({ length: 20 }, () => ({
      ...{ camera: `door-${Math.floor(random() * day.cameras)}`, requestId: crypto.randomUUID(), capturedAtMs: Date.now() },
      ...{ image, faces: [face], snapshot: crypto.getRandomValues(new Uint8Array(pictureBytes)) },
    }))
    for (const { kind } of sightings.recordAll(some)) if (kind !== "recorded") throw new Error("the disk is too small")
  }
  store.close()
}

async function mustBeAccepted(asked: ReturnType<typeof ask>): Promise<void> {
  const { accepted, status, text } = await asked
  if (!accepted) throw new Error(`${status}: ${text}`)
}

/** Cameras do not wait for the answer to a frame before they send the next one. */
async function visit(box: DemoBox, frame: Picture, camera: string): Promise<void> {
  const startTickMs = nowTickMs()
  const asked: Promise<void>[] = []
  for (let sent = 0; sent < framesEachVisit; sent++) {
    await Bun.sleep(Math.max(0, startTickMs + sent * frameEveryMs - nowTickMs()))
    asked.push(mustBeAccepted(ask(box, { path: `/ingest/${camera}`, body: asNeverSeen(frame), contentType: "image/jpeg" })))
  }
  await Promise.all(asked)
}

async function enrol(box: DemoBox, frame: Picture, number: number): Promise<void> {
  const subject = await ask(box, {
    path: "/v1/subjects",
    body: JSON.stringify({ name: `person ${number}` }),
    contentType: "application/json",
  })
  const { id } = z.object({ id: z.string() }).parse(JSON.parse(subject.text))
  await mustBeAccepted(ask(box, { path: `/v1/subjects/${id}/faces`, body: asNeverSeen(frame), contentType: "image/jpeg" }))
}

const backupsSchema = z.object({ state: z.string(), failure: z.string().optional() })

async function backUp(box: DemoBox): Promise<void> {
  await mustBeAccepted(ask(box, { path: "/v1/system/backups", body: "", contentType: "application/json" }))
  for (;;) {
    await Bun.sleep(500)
    const response = await fetch(`${box.url}/v1/system/backups`, { headers: { "x-api-key": box.key } })
    const { state, failure } = backupsSchema.parse(await response.json())
    if (failure !== undefined) throw new Error(failure)
    if (state !== "running") return
  }
}

async function measure(disk: MeasuredDisk, commitEveryMs: number, frame: Picture, person: Picture): Promise<Writes> {
  const data = join(disk.folder, `data-${commitEveryMs}`)
  const database = join(data, dataFolderFiles.database)
  fillRecord(database)
  const configFile = join(disk.folder, "config.jsonc")
  await writeFile(
    configFile,
    JSON.stringify({
      sightings: { bytesMax: recordBytes, commitEveryMs },
      backup: { everyHours: 0 },
      inference: { engines: 1 },
    }),
  )
  const env = { GATEHOUSE_CONFIG: configFile, GATEHOUSE_MODEL_SET: options.set, GATEHOUSE_LOG: "error" }
  const started = await startBox(env, undefined, undefined, data)
  if (started.kind === "failed") throw new Error(started.why)
  const box = started.value
  const writtenBy = async (work: () => Promise<unknown>) => {
    const before = await disk.writtenBytes()
    await work()
    return (await disk.writtenBytes()) - before
  }
  try {
    await visit(box, frame, "door-0")
    const sighted = await writtenBy(async () => {
      for (let number = 0; number < options.visits; number++) await visit(box, frame, `door-${number % day.cameras}`)
    })
    const enrolled = await writtenBy(async () => {
      for (let number = 0; number < enrolmentsMeasured; number++) await enrol(box, person, number)
    })
    const idle = await writtenBy(() => Bun.sleep(options.idleSeconds * 1000))
    const bytesBefore = Bun.file(database).size
    const backup = await writtenBy(() => backUp(box))
    await box.close()
    const pictureKB = averagePictureBytes(database, options.visits * framesEachVisit) / 1000
    const sightings = options.visits * framesEachVisit
    return {
      ...{ commitEveryMs, sightings, pictureKB: roundTo(pictureKB, 1) },
      sightingKB: roundTo(sighted / sightings / 1000, 1),
      enrolmentKB: roundTo(enrolled / enrolmentsMeasured / 1000, 1),
      idleKBAMinute: roundTo((idle / 1000 / options.idleSeconds) * 60, 2),
      backupShare: roundTo(backup / bytesBefore, 3),
    }
  } finally {
    await box.close()
  }
}

function averagePictureBytes(path: string, newest: number): number {
  using database = new Database(path, { readonly: true })
  using statement = database.prepare<{ bytes: number }, [number]>(
    "select avg(snapshot_bytes) as bytes from (select snapshot_bytes from sightings order by number desc limit ?)",
  )
  return statement.get(newest)?.bytes ?? 0
}

const megabytesADay = ({ sightingKB, enrolmentKB, idleKBAMinute }: Writes) => ({
  sightings: (sightingKB * day.sightings) / 1000,
  enrolments: (enrolmentKB * day.enrolments) / 1000,
  idle: (idleKBAMinute * secondsADay) / 60 / 1000,
})

const machine = await describeMachine()
console.log(machineLine(machine))
const startedAt = new Date().toISOString()
const frame = await cameraFrame()
/** Of the two who are on it, the one in the middle. */
const alone = { left: 560, top: 0, width: 620, height: 1080 }
const person = { name: "person", jpeg: await sharp(frame.jpeg).extract(alone).jpeg().toBuffer() }
const opened = await openMeasuredDisk(diskMegabytes)
if (opened.kind === "failed") {
  console.error(opened.why)
  process.exit(1)
}
const disk = opened.value
const all: Writes[] = []
try {
  for (const commitEveryMs of options.commitEveryMs) {
    const writes = await measure(disk, commitEveryMs, frame, person)
    console.log(JSON.stringify(writes))
    all.push(writes)
  }
} finally {
  await disk.close()
}

const rows = all.map((writes) => {
  const { sightings, enrolments, idle } = megabytesADay(writes)
  const numbers = [writes.sightingKB, writes.enrolmentKB, sightings, enrolments, idle, sightings + enrolments + idle]
  return [`${writes.commitEveryMs}`, ...numbers.map((number) => number.toFixed(1)), writes.backupShare.toFixed(2)]
})
const head = [
  "commitEveryMs",
  "KB a sighting",
  "KB an enrolment",
  "MB a day: sightings",
  "enrolments",
  "idle",
  "all",
  "backup / database",
]
console.log(formatTable(head, rows))
console.log(
  `a day: ${day.sightings} sightings at ${day.cameras} cameras, ${day.enrolments} enrolments; n = ${options.visits * framesEachVisit}`,
)

const figures: Figure[] = all.map((writes) => {
  const { sightings, enrolments, idle } = megabytesADay(writes)
  const name = `a day, commitEveryMs ${writes.commitEveryMs}`
  return { name, unit: "MB", better: "lower", gated: false, values: [roundTo(sightings + enrolments + idle, 1)] }
})
const details = z.array(writesSchema).parse(all)
await writeResult(options.out, { kind: "writes", startedAt, machine, options, figures, targets: [], details })
