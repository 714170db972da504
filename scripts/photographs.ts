import { join, resolve } from "node:path"
import { createLog } from "../app/base/log.ts"
import { createMetrics } from "../app/base/metrics.ts"
import { projectRoot } from "../app/base/paths.ts"
import { selfCommand } from "../app/base/self.ts"
import type { Vectors } from "../app/cli/eval/evaluate.ts"
import { type ListedPicture, parsePairs } from "../app/cli/eval/pairs.ts"
import { embedCentreFaces } from "../app/cli/eval/pictures.ts"
import { patient } from "../app/cli/patient.ts"
import { processTerminal, startProgress } from "../app/cli/terminal.ts"
import type { ModelSet } from "../app/inference/manifest.ts"
import { locateModelSet } from "../app/inference/models.ts"
import { inferenceOptions } from "../app/inference/options.ts"
import { openPool } from "../app/inference/pool.ts"

/** The research photographs beside the checkout, embedded by the engines of a set: what the maintainers' figures come from. */

const photographs = resolve(projectRoot, "../shared/data/lfw")
export const modelsFolder = join(projectRoot, "models")

export async function locateSet(name: string): Promise<ModelSet> {
  const located = await locateModelSet({ modelsFolder, searchFolders: [resolve(projectRoot, "../shared/models")], set: name })
  if (located.kind === "failed") throw new Error(located.why)
  return located.set
}

/** Every photograph of the pair list once. */
export async function readListed(): Promise<readonly ListedPicture[]> {
  const list = parsePairs(await Bun.file(join(photographs, "pairs.txt")).text())
  if (list.kind === "failed") throw new Error(list.why)
  return list.value.pictures
}

/** The face nearest the centre of each photograph. */
export async function embedListed(set: ModelSet, pictures: readonly ListedPicture[]): Promise<Vectors> {
  const pool = openPool(selfCommand(), set, inferenceOptions.parse({}), createLog("warn"), createMetrics())
  try {
    await pool.settled()
    using progress = startProgress(processTerminal, `set ${set.name}`, pictures.length)
    const files = pictures.map((picture) => picture.file)
    const vectors = await embedCentreFaces(patient(pool.analyze), photographs, files, progress.step)
    if (vectors.kind === "failed") throw new Error(vectors.why)
    return vectors.value
  } finally {
    await pool.close()
  }
}
