/**
 * Promise R8: an accelerator that breaks in every way known to us, under load. The accelerator is a stand-in library
 * (`tests/support/native/standin.cpp`) that computes on the processor and misbehaves when told to; every answer is compared with that
 * of an ordinary engine on the processor.
 *
 *   bun scripts/faults/providers.ts [--requests 10000] [--kinds fail,hang] [--per-episode 250] [--clients 2]
 */
import { resolve } from "node:path"
import { z } from "zod"
import { silentLog } from "../../app/base/log.ts"
import { createMetrics } from "../../app/base/metrics.ts"
import { projectRoot } from "../../app/base/paths.ts"
import { selfCommand } from "../../app/base/self.ts"
import { locateModelSet } from "../../app/inference/models.ts"
import { inferenceOptions } from "../../app/inference/options.ts"
import { openPool } from "../../app/inference/pool.ts"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { summarise } from "../bench/support/statistics.ts"
import { type Episode, type FaultKind, faultKinds, runEpisode, runFaults } from "./providers/episode.ts"
import { type Reference, referenceFaces } from "./providers/faces.ts"
import { type Check, check, conclude } from "./support/verdict.ts"

const table = {
  requests: { type: "string" },
  kinds: { type: "string" },
  "per-episode": { type: "string" },
  clients: { type: "string" },
  set: { type: "string" },
} as const
const schema = z.strictObject({
  requests: count.default(10_000),
  kinds: z
    .string()
    .default(faultKinds.join(","))
    .transform((text) => text.split(","))
    .pipe(z.array(z.enum(faultKinds))),
  perEpisode: count.default(250),
  clients: count.default(2),
  set: z.string().default("auto"),
})
const usage = "providers [--requests 10000] [--kinds fail,hang,…] [--per-episode 250] [--clients 2] [--set auto]"
const options = optionsOrExit(readOptions(Bun.argv.slice(2), table, schema), usage)

/** Within this time the processor has taken over (R8). */
const gapMsMax = 5000

const located = await locateModelSet({
  modelsFolder: resolve(projectRoot, "models"),
  searchFolders: [process.env.GATEHOUSE_MODEL_DIR ?? resolve(projectRoot, "../shared/models")],
  set: options.set,
})
if (located.kind === "failed") throw new Error(located.why)
const { set } = located
const references = await onProcessor()
console.log(`${references.length} pictures, model set ${set.name}`)
const checks: Check[] = []
for (const kind of options.kinds) checks.push(...(await runKind(kind)))
await conclude(
  `R8: ${options.requests} requests over ${options.kinds.length} kinds of faults, ${options.clients} clients`,
  checks,
)

async function runKind(kind: FaultKind): Promise<Check[]> {
  const episodes: Episode[] = []
  const wanted = Math.ceil(options.requests / options.kinds.length)
  for (let left = wanted; left > 0; left -= options.perEpisode) {
    const requests = Math.min(left, options.perEpisode)
    const episode = await runEpisode({ kind, set, references, requests, clients: options.clients })
    episodes.push(episode)
    console.log(`${kind}: ${requests} more, ${episode.wrong.length} wrong, gap ${Math.round(episode.gapMs)} ms`)
  }
  const sum = (of: (episode: Episode) => number) => episodes.reduce((total, episode) => total + of(episode), 0)
  const gaps = summarise(episodes.map(({ gapMs }) => gapMs))
  const wrong = episodes.flatMap((episode) => episode.wrong)
  const unanswered = episodes.flatMap((episode) => episode.unanswered)
  for (const what of wrong.slice(0, 5)) console.log(`${kind}: WRONG ${what}`)
  const states = [...new Set(episodes.map(({ stateAfter }) => stateAfter))].join(", ")
  const answers = `${sum(({ accelerated }) => accelerated)} of ${sum(({ requests }) => requests)} by the accelerator`
  console.log(`${kind}: ${episodes.length} episodes, ${answers}, then ${states}`)
  // Else nothing was tried: a stand-in that works, or was never asked, gives no wrong answers either.
  const wentWrong = episodes.filter((episode) => episode.faults > 0 && episode.accelerated > 0).length
  const broke = check(
    `${kind}: the accelerator answered, and broke`,
    `in ${wentWrong} of ${episodes.length} episodes, ${sum(({ faults }) => faults)} runs spoiled`,
    wentWrong === episodes.length,
  )
  return [
    ...(runFaults.some((fault) => fault === kind) ? [broke] : []),
    check(
      `${kind}: no wrong answer`,
      `${wrong.length} wrong, ${unanswered.length} without an answer; ${answers}`,
      wrong.length + unanswered.length === 0,
    ),
    check(
      `${kind}: the processor within ${gapMsMax / 1000} s`,
      `longest gap p50 ${Math.round(gaps.p50)}, at most ${Math.round(gaps.max)} ms (n ${gaps.n})`,
      gaps.max < gapMsMax,
    ),
  ]
}

/** Asked of an engine that knows of no accelerator. */
async function onProcessor(): Promise<Reference[]> {
  const pool = openPool(selfCommand(), set, inferenceOptions.parse({ engines: 1 }), silentLog, createMetrics())
  await pool.settled()
  try {
    return await referenceFaces(pool)
  } finally {
    await pool.close()
  }
}
