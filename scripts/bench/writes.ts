/**
 * How much a box writes to its disk in a day. A real box, its data on an ext4 of its own whose device counts, journal included. The
 * day is compressed: visits follow each other without the hours between them, and what goes by the clock is measured on an idle box.
 *
 *   sudo bun scripts/bench/writes.ts                       # about eight minutes
 *   sudo bun scripts/bench/writes.ts --ways 0:0 --visits 10 --idle-seconds 700
 */
import { Database } from "bun:sqlite"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import sharp from "sharp"
import { z } from "zod"
import { projectRoot } from "../../app/base/paths.ts"
import { formatTable } from "../../app/cli/terminal.ts"
import { dataFolderFiles } from "../../app/store/data-folder.ts"
import { startBox } from "../demo/box.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { count, optionsOrExit, readOptions } from "./support/options.ts"
import { cameraFrame, type Picture } from "./support/pictures.ts"
import { type Figure, writeResult } from "./support/results.ts"
import { roundTo } from "./support/statistics.ts"
import { type MeasuredDisk, openMeasuredDisk } from "./writes/disk.ts"
import { backUp, cameras, enrol, fillRecord, visit } from "./writes/load.ts"

const usage = `writes [--ways 0:0,2000:0,2000:5000] [--visits 20] [--idle-seconds 60] [--set default] [--out .cache/bench/writes.json]
  --ways A:B,…   sightings.commitEveryMs and sightings.snapshot.everyMs
  --checkout D   another version of the program; with 0:0 it need not know these options
  --visits N     of somebody before a camera, each ten frames in five seconds`

interface Way {
  readonly commitEveryMs: number
  readonly pictureEveryMs: number
}

function readWay(text: string): Way {
  const [commitEveryMs = 0, pictureEveryMs = 0] = text.split(":").map(Number)
  return { commitEveryMs, pictureEveryMs }
}

const options = optionsOrExit(
  readOptions(
    Bun.argv.slice(2),
    {
      ways: { type: "string" },
      checkout: { type: "string" },
      visits: { type: "string" },
      "idle-seconds": { type: "string" },
      set: { type: "string" },
      out: { type: "string" },
    },
    z.strictObject({
      ways: z
        .string()
        .regex(/^\d+:\d+(,\d+:\d+)*$/)
        .default("0:0,2000:0,2000:5000")
        .transform((text) => text.split(",").map(readWay)),
      checkout: z.string().default(projectRoot),
      visits: count.default(20),
      idleSeconds: count.default(60),
      set: z.string().default("default"),
      out: z.string().default(".cache/bench/writes.json"),
    }),
  ),
  usage,
)

/** A normal day of four cameras at doors: each sees 250 visits of five seconds, of which it sends two frames a second. */
const day = { sightings: 10_000, enrolments: 20 }
const enrolmentsMeasured = 20
const secondsADay = 86_400
const recordBytes = 48 * 1024 * 1024
const diskMegabytes = 1024

const writesSchema = z.strictObject({
  commitEveryMs: z.int(),
  pictureEveryMs: z.int(),
  sightings: z.int(),
  pictureKB: z.number(),
  sightingKB: z.number(),
  enrolmentKB: z.number(),
  idleKBAMinute: z.number(),
  backupShare: z.number(),
})
type Writes = z.output<typeof writesSchema>

async function measure(disk: MeasuredDisk, way: Way, frame: Picture, person: Picture): Promise<Writes> {
  const { commitEveryMs, pictureEveryMs } = way
  const data = join(disk.folder, `data-${commitEveryMs}-${pictureEveryMs}`)
  const database = join(data, dataFolderFiles.database)
  fillRecord(database, recordBytes)
  const configFile = join(disk.folder, "config.jsonc")
  await writeFile(
    configFile,
    JSON.stringify({
      sightings: {
        bytesMax: recordBytes,
        ...(commitEveryMs > 0 && { commitEveryMs }),
        ...(pictureEveryMs > 0 && { snapshot: { everyMs: pictureEveryMs } }),
      },
      backup: { everyHours: 0 },
      inference: { engines: 1 },
    }),
  )
  const env = { GATEHOUSE_CONFIG: configFile, GATEHOUSE_MODEL_SET: options.set, GATEHOUSE_LOG: "error" }
  const started = await startBox(env, [process.execPath, join(options.checkout, "app/main.ts")], undefined, data)
  if (started.kind === "failed") throw new Error(started.why)
  const box = started.value
  const writtenBy = async (work: () => Promise<unknown>) => {
    const before = await disk.writtenBytes()
    await work()
    return (await disk.writtenBytes()) - before
  }
  try {
    await visit(box, frame, "door-0")
    let sightings = 0
    const sighted = await writtenBy(async () => {
      for (let number = 0; number < options.visits; number++) sightings += await visit(box, frame, `door-${number % cameras}`)
    })
    const enrolled = await writtenBy(async () => {
      for (let number = 0; number < enrolmentsMeasured; number++) await enrol(box, person, number)
    })
    const idle = await writtenBy(() => Bun.sleep(options.idleSeconds * 1000))
    const bytesBefore = Bun.file(database).size
    const backup = await writtenBy(() => backUp(box))
    await box.close()
    const pictureKB = averagePictureBytes(database, sightings) / 1000
    return {
      ...{ commitEveryMs, pictureEveryMs, sightings, pictureKB: roundTo(pictureKB, 1) },
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
    "select avg(coalesce(snapshot_bytes, 0)) as bytes from (select snapshot_bytes from sightings order by number desc limit ?)",
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
  for (const way of options.ways) {
    const writes = await measure(disk, way, frame, person)
    console.log(JSON.stringify(writes))
    all.push(writes)
  }
} finally {
  await disk.close()
}

const rows = all.map((writes) => {
  const { sightings, enrolments, idle } = megabytesADay(writes)
  const numbers = [writes.sightingKB, writes.enrolmentKB, sightings, enrolments, idle, sightings + enrolments + idle]
  return [
    `${writes.commitEveryMs} : ${writes.pictureEveryMs}`,
    `${writes.sightings}`,
    ...numbers.map((number) => number.toFixed(1)),
    writes.backupShare.toFixed(2),
  ]
})
const head = [
  "commitEveryMs : snapshot.everyMs",
  "n",
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
  `a day: ${day.sightings} sightings at ${cameras} cameras, ${day.enrolments} enrolments; KB of a picture: ${all.map(({ pictureKB }) => pictureKB).join(", ")}`,
)

const figures: Figure[] = all.map((writes) => {
  const { sightings, enrolments, idle } = megabytesADay(writes)
  const name = `a day, commitEveryMs ${writes.commitEveryMs}, snapshot.everyMs ${writes.pictureEveryMs}`
  return { name, unit: "MB", better: "lower", gated: false, values: [roundTo(sightings + enrolments + idle, 1)] }
})
const details = z.array(writesSchema).parse(all)
await writeResult(options.out, { kind: "writes", startedAt, machine, options, figures, targets: [], details })
