import { z } from "zod"
import { nowTickMs } from "../../../app/base/ticks.ts"
import { type Asked, ask, type Target } from "../support/client.ts"
import { asNeverSeen, type Picture } from "../support/pictures.ts"
import { median, summarise, summarySchema } from "../support/statistics.ts"
import type { Floor, FloorStage, FloorTimes } from "./floor.ts"

/** Long enough that nothing is degraded or refused: this is about speed, not about admission. */
const deadlineMs = 20_000

/** Loose: a box of another build may say more. */
const recognition = z.object({
  faces: z.array(z.unknown()),
  timingsMs: z.record(z.string(), z.number()),
})

export interface Timed {
  /** From the call to the last byte of the answer, as the client sees it. */
  readonly tookMs: number
  readonly faces: number
  /** As the box tells them. */
  readonly stages: Readonly<Record<string, number>>
}

export function recogniseRequest(picture: Picture): Asked {
  return { path: "/v1/recognize", body: asNeverSeen(picture), contentType: "image/jpeg" }
}

/** One recognition over HTTP. Throws when it is refused or done with less effort: its time would mean something else. */
export async function recogniseOnce(target: Target, picture: Picture): Promise<Timed> {
  const answer = await ask(target, recogniseRequest(picture), deadlineMs)
  if (answer.status !== "200") throw new Error(`POST /v1/recognize answered ${answer.status} ${answer.text.slice(0, 300)}`)
  const { faces, timingsMs } = recognition.parse(JSON.parse(answer.text))
  return { tookMs: answer.tookMs, faces: faces.length, stages: timingsMs }
}

/** Timings of one set, round after round. */
export interface Pairs {
  readonly server: Timed[]
  readonly floor: FloorTimes[]
  readonly rewritten: FloorTimes[]
}

/** Server, floor, rewritten floor, server …: whatever slows the machine for a moment meets all. */
export async function timePairs(target: Target, picture: Picture, floor: Floor, pairs: number): Promise<Pairs> {
  const timed: Pairs = { server: [], floor: [], rewritten: [] }
  for (let pair = 0; pair < pairs; pair++) {
    timed.server.push(await recogniseOnce(target, picture))
    timed.floor.push(await floor.measure())
    timed.rewritten.push(await floor.measureRewritten())
  }
  return timed
}

export const stageRowSchema = z.strictObject({
  stage: z.string(),
  floorP50Ms: z.number().optional(),
  rewrittenP50Ms: z.number().optional(),
  serverP50Ms: z.number(),
})

export const latencySchema = z.strictObject({
  serverMs: summarySchema,
  floorMs: summarySchema,
  /** Median of the server by the median of the floor: the published weights run bare. */
  ratio: z.number(),
  rewrittenMs: summarySchema,
  /** … and by the same networks as the engine rewrites them. */
  ratioToRewritten: z.number(),
  stages: z.array(stageRowSchema),
})
export type Latency = z.output<typeof latencySchema>

/** All pairs of a set together, with where the time goes. */
export function summarisePairs({ server, floor, rewritten }: Pairs): Latency {
  const serverMs = summarise(server.map(({ tookMs }) => tookMs))
  const floorMs = summarise(floor.map(({ total }) => total))
  const rewrittenMs = summarise(rewritten.map(({ total }) => total))
  const names = Object.keys(server[0]?.stages ?? {}).filter((name) => name !== "total")
  const stages = names.map((stage) => ({
    stage,
    ...(isFloorStage(stage) && {
      floorP50Ms: median(floor.map((one) => one[stage])),
      rewrittenP50Ms: median(rewritten.map((one) => one[stage])),
    }),
    serverP50Ms: median(server.map((one) => one.stages[stage] ?? 0)),
  }))
  const inStages = (one: Timed) => names.reduce((sum, name) => sum + (one.stages[name] ?? 0), 0)
  const inBox = server.map((one) => (one.stages.total ?? inStages(one)) - inStages(one))
  const around = server.map((one) => one.tookMs - (one.stages.total ?? 0))
  stages.push({ stage: "to the engine and back", serverP50Ms: median(inBox) })
  stages.push({ stage: "HTTP and client", serverP50Ms: median(around) })
  const ratio = serverMs.p50 / floorMs.p50
  return { serverMs, floorMs, ratio, rewrittenMs, ratioToRewritten: serverMs.p50 / rewrittenMs.p50, stages }
}

function isFloorStage(name: string): name is FloorStage {
  return name === "decode" || name === "detect" || name === "embed"
}

/** Before anything is timed: code compiled, buffers at their size, both sides. */
export async function warmUp(target: Target, picture: Picture, floor: Floor, forMs: number): Promise<Timed> {
  const endTickMs = nowTickMs() + forMs
  let last = await recogniseOnce(target, picture)
  while (nowTickMs() < endTickMs) {
    last = await recogniseOnce(target, picture)
    await floor.measure()
    await floor.measureRewritten()
  }
  return last
}
