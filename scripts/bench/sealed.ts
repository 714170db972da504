/**
 * What sealing costs whoever enrols: the same people enrolled in a box in the clear and in sealed ones, by turns, one request at a
 * time. All are real boxes on the same disk, each with an engine of its own; what is not asked does nothing.
 *
 *   bun scripts/bench/sealed.ts                          # about two minutes on a quiet machine
 *   bun scripts/bench/sealed.ts --set default --rounds 3
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { z } from "zod"
import { formatTable } from "../../app/cli/terminal.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import type { DemoBox } from "../demo/box.ts"
import { openBox } from "./support/boxes.ts"
import { ask } from "./support/client.ts"
import { quietRounds } from "./support/disturbance.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { count, optionsOrExit, readOptions } from "./support/options.ts"
import { asNeverSeen, cameraFrame, type Picture } from "./support/pictures.ts"
import { readProcessorMs } from "./support/processes.ts"
import { type Figure, printTargets, type Target, writeResult } from "./support/results.ts"
import { createRandom, median, medianInterval, roundTo } from "./support/statistics.ts"

const usage = `sealed [--rounds 5] [--turns 25] [--set auto] [--out .cache/bench/sealed.json]
  --turns N   in each round; in a turn every box enrols one person by a picture and one by a vector`

const options = optionsOrExit(
  readOptions(
    Bun.argv.slice(2),
    { rounds: { type: "string" }, turns: { type: "string" }, set: { type: "string" }, out: { type: "string" } },
    z.strictObject({
      rounds: count.default(5),
      turns: count.default(25),
      set: z.string().default("auto"),
      out: z.string().default(".cache/bench/sealed.json"),
    }),
  ),
  usage,
)

/** A box in the clear, and one for each suite. */
const boxNames = ["clear", "aes", "gm"] as const
type BoxName = (typeof boxNames)[number]
const kinds = ["person", "picture", "vector"] as const
type Kind = (typeof kinds)[number]
/** From the question to the answer, and what the box and its engine used of the processors for it. */
interface Cost {
  readonly tookMs: number
  readonly processorMs: number
}
type Costs = Readonly<Record<BoxName, Readonly<Record<Kind, Cost[]>>>>
const measures = ["tookMs", "processorMs"] as const
type Measure = (typeof measures)[number]

const said = { person: "a person made", picture: "a face by a picture", vector: "a face by a vector" } as const
/** Of enrolling a picture sealed with AES over the same in the clear. */
const ratioMax = 1.15
const deadlineMs = 20_000
const warmTurns = 8

const created = z.object({ id: z.string().optional() })
const embedded = z.object({ faces: z.array(z.object({ space: z.string(), embedding: z.array(z.number()) })) })

const startedAt = new Date().toISOString()
const machine = await describeMachine()
console.log(machineLine(machine))
const picture = await portrait()
const random = createRandom(1)
const folder = await mkdtemp(join(tmpdir(), "gatehouse-sealed-"))
const boxes = new Map<BoxName, DemoBox>()
try {
  for (const name of boxNames) boxes.set(name, await open(name))
  const { space, dimension } = await spaceOf(boxOf("clear"))
  console.log(`space ${space}; the picture is a ${picture.name} of ${picture.jpeg.length} bytes`)
  await takeTurns(space, dimension, warmTurns)
  const taken = await quietRounds(options.rounds, () => takeTurns(space, dimension, options.turns))
  const rounds = taken.map(({ value }) => value)
  print(rounds)
  const targets = [targetOf(rounds)]
  const figures = boxNames.flatMap((name) => kinds.map((kind) => figureOf(rounds, name, kind)))
  const details = { rounds, disturbance: taken.map(({ disturbance }) => roundTo(disturbance, 3)) }
  console.log(await writeResult(options.out, { kind: "sealed", startedAt, machine, options, figures, targets, details }))
  printTargets(targets)
  process.exitCode = targets.every(({ met }) => met) ? 0 : 1
} finally {
  for (const box of boxes.values()) await box.close()
  await rm(folder, { recursive: true })
}

/** The part of the camera frame in which a person stands: an enrolment wants one face. */
async function portrait(): Promise<Picture> {
  const { jpeg } = await cameraFrame()
  const area = { left: 560, top: 0, width: 620, height: 1080 }
  return { name: "portrait of 620 × 1080", jpeg: await sharp(jpeg).extract(area).jpeg({ quality: 85 }).toBuffer() }
}

function boxOf(name: BoxName): DemoBox {
  const box = boxes.get(name)
  if (box === undefined) throw new Error(`the box ${name} is not open`)
  return box
}

async function open(name: BoxName): Promise<DemoBox> {
  const configFile = join(folder, `${name}.jsonc`)
  // One client does the work of many.
  const told = { http: { ratePerSecond: 0 }, ...(name !== "clear" && { vault: { suite: name } }) }
  await writeFile(configFile, JSON.stringify(told))
  const masterKey = name === "clear" ? undefined : createMaterial().toHex()
  return await openBox({ engines: 1, set: options.set, configFile, ...(masterKey !== undefined && { masterKey }) })
}

/** One person by a picture and one by a vector in each box, and another box first in each turn. */
async function takeTurns(space: string, dimension: number, turns: number): Promise<Costs> {
  const none = () => ({ person: [], picture: [], vector: [] })
  const costs: Costs = { clear: none(), aes: none(), gm: none() }
  for (let turn = 0; turn < turns; turn++) {
    // The same bytes for all of them; nobody was ever asked about these.
    const jpeg = asNeverSeen(picture)
    const values = Float32Array.from({ length: dimension }, () => random() - 0.5)
    const vector = JSON.stringify({ embedding: Buffer.from(values.buffer).toString("base64"), space })
    for (let place = 0; place < boxNames.length; place++) {
      const name = boxNames[(turn + place) % boxNames.length]!
      const { person, picture: byPicture, vector: byVector } = costs[name]
      const first = await enrol(name, person, "/v1/subjects", "application/json", JSON.stringify(somebody()))
      await enrol(name, byPicture, facesOf(first), "image/jpeg", jpeg)
      const second = await enrol(name, person, "/v1/subjects", "application/json", JSON.stringify(somebody()))
      await enrol(name, byVector, facesOf(second), "application/json", vector)
    }
  }
  return costs
}

function facesOf(subjectId: string): string {
  return `/v1/subjects/${subjectId}/faces`
}

/** As many words as a reception desk keeps of somebody. */
function somebody() {
  const word = Math.floor(random() * 1e9).toString(36)
  return { name: `Somebody ${word}`, externalId: crypto.randomUUID(), metadata: { department: word }, groups: ["staff"] }
}

/** @returns the id of who was made; of a face it is empty */
async function enrol(
  name: BoxName,
  costs: Cost[],
  path: string,
  contentType: string,
  body: Uint8Array<ArrayBuffer> | string,
): Promise<string> {
  const box = boxOf(name)
  const beforeMs = await readProcessorMs(box.pid)
  const { accepted, status, text, tookMs } = await ask(box, { path, body, contentType }, deadlineMs)
  if (!accepted) throw new Error(`the box ${name} answered ${status} to ${path}: ${text}`)
  costs.push({ tookMs, processorMs: (await readProcessorMs(box.pid)) - beforeMs })
  return created.parse(JSON.parse(text)).id ?? ""
}

/** Where the model set in use embeds, and how long its vectors are. */
async function spaceOf({ url, key }: DemoBox): Promise<{ space: string; dimension: number }> {
  const answer = await ask(
    { url, key },
    { path: "/v1/embed", body: asNeverSeen(picture), contentType: "image/jpeg" },
    deadlineMs,
  )
  const { faces } = embedded.parse(JSON.parse(answer.text))
  const [face] = faces
  if (face === undefined) throw new Error(`no face was found in the ${picture.name}`)
  return { space: face.space, dimension: face.embedding.length }
}

function medianOf(costs: readonly Cost[], measure: Measure): number {
  return median(costs.map((cost) => cost[measure]))
}

/** Of each round by itself, so that what lasts longer than a round changes nothing. */
function ratiosOf(rounds: readonly Costs[], name: BoxName, kind: Kind, measure: Measure): number[] {
  return rounds.map((costs) => medianOf(costs[name][kind], measure) / medianOf(costs.clear[kind], measure))
}

function print(rounds: readonly Costs[]): void {
  const rows = kinds.flatMap((kind) =>
    boxNames.map((name) => {
      const all = rounds.flatMap((costs) => costs[name][kind])
      const told = measures.flatMap((measure) => {
        const ratios = ratiosOf(rounds, name, kind, measure)
        const { low, high } = medianInterval(ratios)
        const ratio = `${median(ratios).toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`
        return [medianOf(all, measure).toFixed(2), name === "clear" ? "" : ratio]
      })
      return [said[kind], name, String(all.length), ...told]
    }),
  )
  const ratio = "ratio (95 %)"
  console.log(formatTable(["what", "box", "n", "answered, ms", ratio, "of processors, ms", ratio], rows))
}

function targetOf(rounds: readonly Costs[]): Target {
  const ratio = median(ratiosOf(rounds, "aes", "picture", "tookMs"))
  const gm = median(ratiosOf(rounds, "gm", "picture", "tookMs"))
  return {
    what: "enrolling a picture, sealed with aes over in the clear",
    wanted: `≤ ${ratioMax}`,
    measured: `${ratio.toFixed(3)} (gm ${gm.toFixed(3)}; ${rounds.length} rounds of ${options.turns})`,
    met: ratio <= ratioMax,
  }
}

function figureOf(rounds: readonly Costs[], name: BoxName, kind: Kind): Figure {
  const values = rounds.map((costs) => roundTo(medianOf(costs[name][kind], "tookMs"), 3))
  return { name: `${said[kind]}, ${name}`, unit: "ms", better: "lower", gated: false, values }
}
