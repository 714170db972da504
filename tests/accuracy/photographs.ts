import { join } from "node:path"
import { z } from "zod"
import { createLog } from "../../app/base/log.ts"
import { createMetrics } from "../../app/base/metrics.ts"
import { projectRoot } from "../../app/base/paths.ts"
import { selfCommand } from "../../app/base/self.ts"
import { type PairList, parsePairs } from "../../app/cli/eval/pairs.ts"
import { embedCentreFaces } from "../../app/cli/eval/pictures.ts"
import type { ModelSet } from "../../app/inference/manifest.ts"
import { locateModelSet } from "../../app/inference/models.ts"
import { inferenceOptions } from "../../app/inference/options.ts"
import { type EnginePool, openPool } from "../../app/inference/pool.ts"
import { sharedFolder, sharedModels } from "../support/shared.ts"

export const judgedSets = ["default", "better", "light"] as const

/** What a set needs to be judged lies beside the checkout; nothing of it may be committed. */
export function canJudge(setName: string): boolean {
  return sharedFolder() !== undefined && (setName === "default" || sharedModels() !== undefined)
}

/** The colour photographs come with the packages: only the better weights may be missing. */
export function canJudgeColour(setName: string): boolean {
  return setName === "default" || sharedModels() !== undefined
}

export interface Embedded {
  readonly set: ModelSet
  readonly list: PairList
  readonly vectors: ReadonlyMap<string, Float32Array>
}

const embedded = new Map<string, Promise<Embedded>>()

/** All photographs of the pair list through real engines of a set; once for all tests of a run. */
export function embedPhotographs(setName: string): Promise<Embedded> {
  const known = embedded.get(setName) ?? embedWith(setName)
  embedded.set(setName, known)
  return known
}

async function embedWith(setName: string): Promise<Embedded> {
  const folder = join(sharedFolder() ?? "", "data/lfw")
  const list = parsePairs(await Bun.file(join(folder, "pairs.txt")).text())
  if (list.kind === "failed") throw new Error(list.why)
  await using engines = await startEngines(setName)
  const files = list.value.pictures.map((picture) => picture.file)
  const vectors = await embedCentreFaces(engines.pool.analyze, folder, files)
  if (vectors.kind === "failed") throw new Error(vectors.why)
  return { set: engines.set, list: list.value, vectors: vectors.value }
}

export interface StartedEngines extends AsyncDisposable {
  readonly set: ModelSet
  readonly pool: EnginePool
}

export async function startEngines(setName: string): Promise<StartedEngines> {
  const shared = sharedModels()
  const located = await locateModelSet({
    modelsFolder: join(projectRoot, "models"),
    searchFolders: shared === undefined ? [] : [shared],
    set: setName,
  })
  if (located.kind === "failed") throw new Error(located.why)
  const pool = openPool(selfCommand(), located.set, inferenceOptions.parse({}), createLog("error"), createMetrics())
  await pool.settled()
  return { set: located.set, pool, [Symbol.asyncDispose]: () => pool.close() }
}

export function goldenPath(setName: string): string {
  return join(import.meta.dir, `${setName}.golden.json`)
}

/** Similarities in the order of the pair list, with the digits that two builds of one network agree on. */
const goldenPairs = z.object({ space: z.string(), similarities: z.array(z.number()) })
export type GoldenPairs = z.output<typeof goldenPairs>

export async function readGolden(path: string): Promise<GoldenPairs> {
  return goldenPairs.parse(await Bun.file(path).json())
}
