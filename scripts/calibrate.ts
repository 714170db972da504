/**
 * Writes the calibration of every set into the manifest of its embedder or fusion, from the photographs of the research folder:
 * `bun scripts/calibrate.ts [set …]`. To be run again whenever a detector, the alignment or an embedder changes.
 */
import { join, resolve } from "node:path"
import { createLog } from "../app/base/log.ts"
import { createMetrics } from "../app/base/metrics.ts"
import { projectRoot } from "../app/base/paths.ts"
import { selfCommand } from "../app/base/self.ts"
import { calibrate } from "../app/cli/eval/calibrate.ts"
import { type ListedPicture, parsePairs } from "../app/cli/eval/pairs.ts"
import { embedCentreFaces } from "../app/cli/eval/pictures.ts"
import { patient } from "../app/cli/patient.ts"
import { processTerminal, startProgress } from "../app/cli/terminal.ts"
import type { Calibration, ModelSet } from "../app/inference/manifest.ts"
import { locateModelSet, readCatalogue } from "../app/inference/models.ts"
import { inferenceOptions } from "../app/inference/options.ts"
import { openPool } from "../app/inference/pool.ts"

const photographs = resolve(projectRoot, "../shared/data/lfw")
const models = { modelsFolder: join(projectRoot, "models"), searchFolders: [resolve(projectRoot, "../shared/models")] }

const list = parsePairs(await Bun.file(join(photographs, "pairs.txt")).text())
if (list.kind === "failed") throw new Error(list.why)
const catalogue = await readCatalogue(models.modelsFolder)
if (catalogue.kind === "failed") throw new Error(catalogue.why)
const asked = process.argv.slice(2)
for (const { name, embeddingPath } of catalogue.value) {
  if (asked.length === 0 || asked.includes(name)) await calibrateSet(name, embeddingPath, list.value.pictures)
}

/** @param path of the manifest that holds the set's calibration */
async function calibrateSet(name: string, path: string, pictures: readonly ListedPicture[]): Promise<void> {
  const located = await locateModelSet({ ...models, set: name })
  if (located.kind === "failed") throw new Error(located.why)
  const vectors = await embed(located.set, pictures)
  const calibration = calibrate(pictures, vectors, `LFW, ${pictures.length} photographs of its first fold, model set ${name}`)
  if (calibration === undefined) throw new Error("too few photographs for a curve")
  await writeCalibration(path, calibration)
  console.log(`${name}: ${path}`)
  for (const { fmr, similarity, extrapolated } of calibration.curve)
    console.log(`  FMR ${fmr}: ${similarity.toFixed(4)}${extrapolated === true ? " (extrapolated)" : ""}`)
}

async function embed(set: ModelSet, pictures: readonly ListedPicture[]) {
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

/** Only the calibration changes: everything else of the file stays as its author wrote it. */
async function writeCalibration(path: string, calibration: Calibration): Promise<void> {
  const manifest: unknown = await Bun.file(path).json()
  if (typeof manifest !== "object" || manifest === null) throw new Error(`${path} is not a manifest`)
  await Bun.write(path, `${JSON.stringify({ ...manifest, calibration }, undefined, 2)}\n`)
}
