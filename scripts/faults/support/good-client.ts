/**
 * A client that means no harm, in a process of its own: what a load generator does to itself must not count against the box.
 * Started by `startGoodClient`; it asks until its standard input ends, then prints its figures.
 */
import { join } from "node:path"
import { z } from "zod"
import { nowTickMs } from "../../../app/base/ticks.ts"
import type { Target } from "../../bench/support/client.ts"
import { asNeverSeen, cameraFrame } from "../../bench/support/pictures.ts"
import { summarise, summarySchema } from "../../bench/support/statistics.ts"
import { askWithKey } from "./box.ts"

const jobSchema = z.strictObject({
  url: z.url(),
  key: z.string(),
  /** `recognise`: a 1080p frame with one face, never the same twice. `lookUp`: a page of subjects and the health of the box, by turns. */
  asks: z.enum(["recognise", "lookUp"]),
  everyMs: z.number().positive(),
})
type Job = z.output<typeof jobSchema>

const figuresSchema = z.strictObject({
  /** From when a request was due, so that what waits behind a slow one counts as well. Every answer, 200 or not. */
  latencyMs: summarySchema,
  /** `200`, `503`, `lost` when there was no answer. */
  statuses: z.record(z.string(), z.int()),
  requests: z.int(),
})
export type GoodClientFigures = z.output<typeof figuresSchema>

export interface GoodClient {
  stop(): Promise<GoodClientFigures>
}

/** One request due every `everyMs`, one after the other, until it is stopped. */
export function startGoodClient({ url, key }: Target, asks: Job["asks"], everyMs: number): GoodClient {
  const job: Job = { url, key, asks, everyMs }
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "good-client.ts"), JSON.stringify(job)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  })
  return {
    stop: async () => {
      await child.stdin.end()
      return figuresSchema.parse(JSON.parse(await new Response(child.stdout).text()))
    },
  }
}

if (import.meta.main) {
  const figures = await askUntilTold(jobSchema.parse(JSON.parse(Bun.argv[2] ?? "{}")))
  console.log(JSON.stringify(figures))
}

async function askUntilTold(job: Job): Promise<GoodClientFigures> {
  let stopped = false
  const told = Bun.stdin.text().then(() => {
    stopped = true
  })
  const ask = await asker(job)
  const tookMs: number[] = []
  const statuses: Record<string, number> = {}
  for (let dueTickMs = nowTickMs(); !stopped; dueTickMs += job.everyMs) {
    const earlyMs = dueTickMs - nowTickMs()
    if (earlyMs > 0) await Bun.sleep(earlyMs)
    const status = await statusOf(ask)
    tookMs.push(nowTickMs() - dueTickMs)
    statuses[status] = (statuses[status] ?? 0) + 1
  }
  await told
  return { latencyMs: summarise(tookMs), statuses, requests: tookMs.length }
}

async function asker(job: Job): Promise<() => Promise<Response>> {
  if (job.asks === "recognise") {
    const frame = await cameraFrame()
    return () =>
      askWithKey(job, "/v1/recognize", { method: "POST", headers: { "content-type": "image/jpeg" }, body: asNeverSeen(frame) })
  }
  let turn = 0
  return () => askWithKey(job, turn++ % 2 === 0 ? "/healthz" : "/v1/subjects?limit=10")
}

async function statusOf(ask: () => Promise<Response>): Promise<string> {
  try {
    const response = await ask()
    await response.arrayBuffer()
    return String(response.status)
  } catch {
    // A connection that was refused or cut: that is what this client is there to notice.
    return "lost"
  }
}
