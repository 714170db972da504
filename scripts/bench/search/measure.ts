/**
 * One library with one gallery, in a process of its own so that its memory is its own. Started by scripts/bench/search.ts; prints
 * one line of JSON.
 */
import { z } from "zod"
import { roundTo, summarise, summarySchema } from "../support/statistics.ts"
import { buildEngine, builtSchema, type Engine, engineNames, isExact } from "./engines.ts"
import { readSpread, vectorSource } from "./vectors.ts"

export const jobSchema = z.strictObject({
  engine: z.enum(engineNames),
  kind: z.enum(["faces", "isotropic"]),
  faces: z.int().positive(),
  dimension: z.int().positive(),
  queries: z.int().positive(),
  widths: z.array(z.int().positive()).min(1),
  /** The five nearest labels of each query, written by `exact`. */
  truthPath: z.string(),
  /** What was built once is kept here. */
  cache: z.string(),
})
export type Job = z.output<typeof jobSchema>

export const measuredSchema = z.strictObject({
  engine: z.enum(engineNames),
  built: builtSchema,
  memoryMB: z.number(),
  saveS: z.number(),
  loadS: z.number(),
  fileMB: z.number(),
  searches: z.array(z.strictObject({ width: z.int(), recall1: z.number(), recall5: z.number(), tookMs: summarySchema })),
})
export type Measured = z.output<typeof measuredSchema>

const truthSchema = z.array(z.array(z.int()))
const asked = 5
/** Before the clock counts: code is compiled, memory touched. */
const warmUps = 50

if (import.meta.main) {
  const job = jobSchema.parse(JSON.parse(Bun.argv[2] ?? "{}"))
  console.log(JSON.stringify(await measure(job)))
  process.exit(0)
}

async function measure(job: Job): Promise<Measured> {
  const source = vectorSource(job.kind, await readSpread(), job.dimension)
  const people = Math.floor(job.faces / 5)
  const queries = Array.from(
    { length: job.queries },
    (
      (all) => (_: unknown, i: number) =>
        all.slice(i * job.dimension, (i + 1) * job.dimension)
    )(source.queries(job.queries, people)),
  )
  Bun.gc(true)
  const beforeMB = process.memoryUsage.rss() / 2 ** 20
  const engine = await buildEngine(job.engine, source, job.faces, job.cache)
  Bun.gc(true)
  const memoryMB = roundTo(process.memoryUsage.rss() / 2 ** 20 - beforeMB, 0)
  if (isExact(job.engine)) await Bun.write(job.truthPath, JSON.stringify(await answers(engine, queries, 1)))
  const truth = truthSchema.parse(await Bun.file(job.truthPath).json())
  const searches: Measured["searches"] = []
  for (const width of job.widths) searches.push({ width, ...(await timed(engine, queries, truth, width)) })
  const stored = await engine.saveAndLoad()
  await engine.close()
  return {
    engine: job.engine,
    built: { seconds: roundTo(engine.built.seconds, 1), cores: roundTo(engine.built.cores, 2) },
    memoryMB,
    saveS: roundTo(stored.saveS, 2),
    loadS: roundTo(stored.loadS, 2),
    fileMB: roundTo(stored.bytes / 2 ** 20, 1),
    searches,
  }
}

async function answers(engine: Engine, queries: readonly Float32Array[], width: number): Promise<(readonly number[])[]> {
  const all: (readonly number[])[] = []
  for (const query of queries) all.push(await engine.search(query, asked, width))
  return all
}

async function timed(engine: Engine, queries: readonly Float32Array[], truth: readonly (readonly number[])[], width: number) {
  await answers(engine, queries.slice(0, warmUps), width)
  const tookMs: number[] = []
  let [first, five] = [0, 0]
  for (const [i, query] of queries.entries()) {
    const startTickMs = performance.now()
    const answer = engine.search(query, asked, width)
    const labels = answer instanceof Promise ? await answer : answer
    tookMs.push(performance.now() - startTickMs)
    const nearest = truth[i] ?? []
    if (labels[0] === nearest[0]) first++
    five += nearest.filter((label) => labels.slice(0, asked).includes(label)).length
  }
  return { recall1: first / queries.length, recall5: five / queries.length / asked, tookMs: summarise(tookMs) }
}
