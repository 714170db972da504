import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { silentLog } from "../../../app/base/log.ts"
import { createMetrics } from "../../../app/base/metrics.ts"
import { selfCommand } from "../../../app/base/self.ts"
import { nowTickMs } from "../../../app/base/ticks.ts"
import type { AcceleratorState, FirstOutcome } from "../../../app/inference/accelerator-status.ts"
import { acceleratorChooser } from "../../../app/inference/chooser.ts"
import type { ModelSet } from "../../../app/inference/manifest.ts"
import { inferenceOptions } from "../../../app/inference/options.ts"
import { unplaced } from "../../../app/inference/placement/placement.ts"
import { type EnginePool, openPool } from "../../../app/inference/pool.ts"
import {
  buildCrashingLibrary,
  buildStandIn,
  foreignArchitecture,
  type StandIn,
} from "../../../tests/support/native/libraries.ts"
import { asNeverSeen } from "../../bench/support/pictures.ts"
import { ask, difference, type Reference } from "./faces.ts"

/** How an accelerator breaks while it serves, and how its library can be none. */
export const runFaults = ["fail", "hang", "nan", "wrong"] as const
export const libraryFaults = ["missing", "too_old", "wrong_architecture", "crash_at_load"] as const
export const faultKinds = [...runFaults, ...libraryFaults] as const
export type FaultKind = (typeof faultKinds)[number]

export interface EpisodeOptions {
  readonly kind: FaultKind
  readonly set: ModelSet
  readonly references: readonly Reference[]
  readonly requests: number
  readonly clients: number
}

export interface Episode {
  readonly requests: number
  /** What was wrong with answers, in words. */
  readonly wrong: readonly string[]
  /** Answers that are none, by kind. */
  readonly unanswered: readonly string[]
  /** Answers that an accelerator gave, all of them before the fault. */
  readonly accelerated: number
  /** Runs that its stand-in spoiled. */
  readonly faults: number
  /** The longest that no right answer came, from the fault on, or from the start where the library is none. */
  readonly gapMs: number
  /** Of the first try of the accelerator. */
  readonly outcome: FirstOutcome["kind"]
  readonly stateAfter: AcceleratorState | undefined
}

/** A box with engines on the processor and an accelerator that breaks, asked without pause by some clients. */
export async function runEpisode(options: EpisodeOptions): Promise<Episode> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-provider-"))
  const { library, standIn } = libraryOf(options.kind, folder)
  const pool = await openStandInPool(library, options.set, folder, standIn === undefined ? "refused" : "serving")
  try {
    return await askWithFault(pool, standIn, options)
  } finally {
    await pool.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** On a machine with much else to do, a good library may be too slow for its probe: that is no fault to be measured here. */
const startsMax = 5

/** A box whose library is one of the stand-ins, and nothing else differs from the defaults but that a cache has a place of its own. */
async function openStandInPool(
  library: string,
  set: ModelSet,
  cacheFolder: string,
  wanted: FirstOutcome["kind"],
): Promise<EnginePool> {
  const options = inferenceOptions.parse({ engines: 2, ortLibrary: library, provider: "cuda", tensorrt: { cacheFolder } })
  for (let start = 1; ; start++) {
    const choose = acceleratorChooser(options, selfCommand())
    const pool = openPool(selfCommand(), set, options, silentLog, createMetrics(), unplaced(options), choose)
    await pool.settled()
    // Who is to fail may do so while pictures are asked about.
    if (wanted === "refused") return pool
    const outcome = await pool.accelerated()
    if (outcome.kind === "serving") return pool
    await pool.close()
    if (start === startsMax) throw new Error(`the stand-in does not serve: ${JSON.stringify(outcome.refusals)}`)
  }
}

async function askWithFault(pool: EnginePool, standIn: StandIn | undefined, options: EpisodeOptions): Promise<Episode> {
  const { kind, references, requests, clients } = options
  const wrong: string[] = []
  const unanswered: string[] = []
  let [asked, accelerated, gapMs] = [0, 0, 0]
  /** At a moment in the first half, mostly in the midst of a run. */
  const faultAt = standIn === undefined ? 0 : Math.floor(requests * (0.2 + 0.3 * Math.random()))
  let lastRightTickMs = nowTickMs()
  let broken = standIn === undefined

  async function client() {
    while (asked < requests) {
      const number = asked++
      const reference = references[number % references.length]!
      const answering = ask(pool, asNeverSeen(reference.picture))
      if (number === faultAt) {
        lastRightTickMs = nowTickMs()
        broken = true
        standIn?.tell({ fault: kind as (typeof runFaults)[number] })
      }
      const answer = await answering
      if (answer.kind !== "ok") {
        unanswered.push(answer.kind)
        continue
      }
      const found = difference(answer, reference)
      if (found !== undefined) {
        wrong.push(`${reference.picture.name}: ${found}`)
        continue
      }
      const tickMs = nowTickMs()
      if (broken) gapMs = Math.max(gapMs, tickMs - lastRightTickMs)
      lastRightTickMs = tickMs
      const engine = pool.status().engines.find(({ pid }) => pid === answer.run?.pid)
      if (engine !== undefined && engine.provider !== "cpu") accelerated += 1
    }
  }

  await Promise.all(Array.from({ length: clients }, client))
  const { kind: outcome } = await pool.accelerated()
  const faults = standIn?.events().filter(({ event }) => event === "fault").length ?? 0
  return { requests, wrong, unanswered, accelerated, faults, gapMs, outcome, stateAfter: pool.status().accelerator?.state }
}

function libraryOf(kind: FaultKind, folder: string): { library: string; standIn?: StandIn } {
  switch (kind) {
    case "missing":
      return { library: join(folder, "libonnxruntime.so") }
    case "too_old":
      return { library: buildStandIn(folder, { version: "1.9.0" }).library }
    case "wrong_architecture":
      return { library: foreignArchitecture(folder) }
    case "crash_at_load":
      return { library: buildCrashingLibrary(folder) }
    default: {
      const standIn = buildStandIn(folder)
      return { library: standIn.library, standIn }
    }
  }
}
