/**
 * The same photographs through Gatehouse and through what people use today, in one run, by turns: `@vladmandic/human` and
 * `@vladmandic/face-api` on TensorFlow.js with its WASM backend, and a plain server of Node, Express, sharp and onnxruntime-node
 * with the same networks. Everybody is asked over HTTP, with one client and with four.
 *
 *   bun scripts/bench/peers.ts                            # 5 rounds, about 10 minutes
 *   bun scripts/bench/peers.ts --rounds 3 --seconds 6
 *
 * Needs Node on PATH and, the first time, the registry: the peers' packages are installed into .cache/bench/peers.
 */
import { resolve } from "node:path"
import { z } from "zod"
import { projectRoot } from "../../app/base/paths.ts"
import { nowTickMs } from "../../app/base/ticks.ts"
import { locateModelSet } from "../../app/inference/models.ts"
import { type PeerDetails, peerDetailsSchema } from "./peers/details.ts"
import { gatehouseName, installPeers, type Peer, startGatehouse, startLibrary, startPlainServer } from "./peers/start.ts"
import { closedLoop } from "./support/closed-loop.ts"
import { quietRounds } from "./support/disturbance.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { count, optionsOrExit, positive, readOptions } from "./support/options.ts"
import { asNeverSeen, cameraFrame, groupPictures, type Picture } from "./support/pictures.ts"
import { readUsage } from "./support/processes.ts"
import { type BenchResult, type Figure, printTargets, type Target, writeResult } from "./support/results.ts"
import { median, roundTo, summarise } from "./support/statistics.ts"

const usage = `peers [--sets better,light] [--engines 2] [--rounds 5] [--seconds 10] [--out .cache/bench/peers.json]
  --sets A,B    model sets of Gatehouse, each in a box of its own; the plain server takes the networks of the first
  --seconds N   of the loop with four clients, for each peer in each round`

const options = optionsOrExit(
  readOptions(
    Bun.argv.slice(2),
    {
      sets: { type: "string" },
      engines: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      out: { type: "string" },
    },
    z.strictObject({
      sets: z
        .string()
        .default("better,light")
        .transform((names) => names.split(",")),
      engines: count.default(2),
      rounds: count.default(5),
      seconds: positive.default(10),
      out: z.string().default(".cache/bench/peers.json"),
    }),
  ),
  usage,
)

const human = "@vladmandic/human"
const faceApi = "@vladmandic/face-api"
const clients = 4
/** Passes over the photographs before anything is timed. */
const warmPasses = 2

/** What one peer did in one round: a time for each photograph, and the loop of four clients. */
interface PeerRound {
  readonly pictures: readonly { readonly faces: number; readonly tookMs: number }[]
  readonly perSecond: number
  readonly loopMs: readonly number[]
}

const startedAt = new Date().toISOString()
const machine = await describeMachine()
console.log(machineLine(machine))
await installPeers()
const pictures = [await cameraFrame(), ...(await groupPictures())]
const peers = await startAll()
const details: PeerDetails[] = []
try {
  for (const peer of peers)
    for (let pass = 0; pass < warmPasses; pass++) for (const picture of pictures) await peer.send(asNeverSeen(picture))
  const taken = await quietRounds(options.rounds, takeRound)
  const disturbance = taken.map((round) => roundTo(round.disturbance, 3))
  for (const [index, peer] of peers.entries()) {
    const rounds = taken.map(({ value }) => value[index]!)
    details.push(await toDetails(peer, rounds, disturbance))
  }
} finally {
  await Promise.all(peers.map((peer) => peer.close()))
}
const targets = targetsOf(details)
print(details)
const nodeVersion = (await Bun.$`node --version`.text()).trim()
const result: BenchResult = {
  kind: "peers",
  startedAt,
  machine: { ...machine, runtime: `${machine.runtime}, Node ${nodeVersion}` },
  options: { ...options, pictures: pictures.map(({ name, jpeg }) => `${name}, ${jpeg.length} bytes`) },
  figures: details.flatMap(figuresOf),
  targets,
  details: z.array(peerDetailsSchema).parse(details),
}
console.log(await writeResult(options.out, result))
printTargets(targets)

async function startAll(): Promise<Peer[]> {
  const located = await locateModelSet({
    modelsFolder: resolve(projectRoot, "models"),
    searchFolders: [process.env.GATEHOUSE_MODEL_DIR ?? resolve(projectRoot, "../shared/models")],
    set: options.sets[0]!,
  })
  if (located.kind === "failed") throw new Error(located.why)
  const boxes: Peer[] = []
  for (const set of options.sets) boxes.push(await startGatehouse(set, options.engines))
  return [
    ...boxes,
    await startPlainServer(located.set),
    await startLibrary(human, "human.mjs"),
    await startLibrary(faceApi, "face-api.mjs"),
  ]
}

/** All peers by turns, in their order in the answer. Another one begins each time: who goes first finds another machine. */
async function takeRound(round: number): Promise<PeerRound[]> {
  const taken = new Map<Peer, PeerRound>()
  const from = round % peers.length
  for (const peer of [...peers.slice(from), ...peers.slice(0, from)]) taken.set(peer, await measure(peer))
  const rates = peers.map((peer) => `${peer.name} ${taken.get(peer)?.perSecond.toFixed(2)} / s`)
  console.log(rates.join(", "))
  return peers.map((peer) => taken.get(peer)!)
}

/** Every photograph once with one client, then four clients that take the photographs in turn. */
async function measure(peer: Peer): Promise<PeerRound> {
  const timed: { faces: number; tookMs: number }[] = []
  for (const picture of pictures) timed.push(await timeOne(peer, picture))
  let turn = 0
  const { perSecond, tookMs } = await closedLoop(clients, options.seconds, async () => {
    const { tookMs } = await timeOne(peer, pictures[turn++ % pictures.length]!)
    return { status: "200", accepted: true, tookMs, text: "" }
  })
  return { pictures: timed, perSecond, loopMs: tookMs }
}

async function timeOne(peer: Peer, picture: Picture): Promise<{ faces: number; tookMs: number }> {
  const jpeg = asNeverSeen(picture)
  const startTickMs = nowTickMs()
  const faces = await peer.send(jpeg)
  return { faces, tookMs: nowTickMs() - startTickMs }
}

async function toDetails(peer: Peer, rounds: readonly PeerRound[], disturbance: number[]): Promise<PeerDetails> {
  const usage = await readUsage(peer.pid)
  const perPicture = pictures.map(({ name }, index) => ({
    picture: name,
    faces: median(rounds.map((round) => round.pictures[index]!.faces)),
    ms: rounds.map((round) => roundTo(round.pictures[index]!.tookMs, 2)),
  }))
  const wholeMs = perPicture.reduce((sum, { ms }) => sum + median(ms), 0)
  const wholeFaces = perPicture.reduce((sum, { faces }) => sum + faces, 0)
  return {
    peer: peer.name,
    pictures: perPicture,
    oneClientMs: summarise(perPicture.flatMap(({ ms }) => ms)),
    perPictureMs: roundTo(wholeMs / perPicture.length, 2),
    perFaceMs: roundTo(wholeMs / Math.max(1, wholeFaces), 2),
    fourClientsMs: summarise(rounds.flatMap(({ loopMs }) => loopMs)),
    fourClientsPerSecond: rounds.map(({ perSecond }) => perSecond),
    megabytes: usage === undefined ? 0 : roundTo(usage.parentMB + usage.enginesMB, 1),
    disturbance,
  }
}

function figuresOf({ peer, pictures, fourClientsPerSecond }: PeerDetails): Figure[] {
  // One value for each round: the mean time of a picture in it.
  const rounds = fourClientsPerSecond.map((_, round) =>
    roundTo(pictures.reduce((sum, { ms }) => sum + (ms[round] ?? 0), 0) / pictures.length, 3),
  )
  const gated = options.sets.some((set) => peer === gatehouseName(set))
  return [
    { name: `${peer}: one picture`, unit: "ms", better: "lower", gated: false, values: rounds },
    { name: `${peer}: four clients`, unit: "1/s", better: "higher", gated, values: fourClientsPerSecond },
  ]
}

/** A peer's time for a picture with one client by Gatehouse's, and Gatehouse's pictures a second with four by the peer's. */
function targetsOf(all: readonly PeerDetails[]): Target[] {
  const of = (name: string) => {
    const found = all.find(({ peer }) => peer === name)
    if (found === undefined) throw new Error(`${name} was not measured`)
    return found
  }
  const plain = of("plain Node server")
  const throughput = (details: PeerDetails) => median(details.fourClientsPerSecond)
  const byLibraries = options.sets.flatMap((set) => {
    const own = of(gatehouseName(set))
    return [of(human), of(faceApi)].map((other): Target => {
      const atFour = throughput(own) / throughput(other)
      const atOne = other.perPictureMs / own.perPictureMs
      return {
        what: `${own.peer}: times the pictures of ${other.peer}, four clients`,
        wanted: "≥ 15",
        measured: `${atFour.toFixed(1)}; with one client ${atOne.toFixed(1)} times as fast`,
        met: atFour >= 15,
      }
    })
  })
  const own = of(gatehouseName(options.sets[0]!))
  const byPlain = throughput(own) / throughput(plain)
  return [
    ...byLibraries,
    {
      what: `${own.peer}: throughput by the plain Node server's, four clients`,
      wanted: "≥ 1.5",
      measured: `${byPlain.toFixed(2)} (${throughput(own).toFixed(1)} by ${throughput(plain).toFixed(1)} / s)`,
      met: byPlain >= 1.5,
    },
    {
      what: `${own.peer}: p99 with four clients below the plain Node server's`,
      wanted: `< ${plain.fourClientsMs.p99.toFixed(0)} ms`,
      measured: `${own.fourClientsMs.p99.toFixed(0)} ms`,
      met: own.fourClientsMs.p99 < plain.fourClientsMs.p99,
    },
  ]
}

function print(all: readonly PeerDetails[]): void {
  for (const { peer, pictures, perPictureMs, perFaceMs, fourClientsMs, fourClientsPerSecond, megabytes, oneClientMs } of all) {
    console.log(
      `\n${peer}: ${perPictureMs} ms a picture, ${perFaceMs} ms a face, p99 ${oneClientMs.p99} ms, n ${oneClientMs.n}; ${megabytes} MB`,
    )
    console.log(
      `  four clients: ${median(fourClientsPerSecond).toFixed(2)} / s, p50 ${fourClientsMs.p50} p99 ${fourClientsMs.p99} ms, n ${fourClientsMs.n}`,
    )
    console.log(
      `  ${pictures.map(({ picture, faces, ms }) => `${picture}: ${faces} faces ${median(ms).toFixed(0)} ms`).join(", ")}`,
    )
  }
  console.log()
}
