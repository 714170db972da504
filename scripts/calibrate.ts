/**
 * Writes the calibration of every set into the manifest of its embedder or fusion, from the photographs of the research folder:
 * `bun scripts/calibrate.ts [set …]`. To be run again whenever a detector, the alignment or an embedder changes.
 */
import { calibrate } from "../app/cli/eval/calibrate.ts"
import { readCatalogue } from "../app/inference/catalogue.ts"
import type { Calibration } from "../app/inference/manifest.ts"
import { embedListed, locateSet, modelsFolder, readListed } from "./photographs.ts"

const pictures = await readListed()
const catalogue = await readCatalogue(modelsFolder)
if (catalogue.kind === "failed") throw new Error(catalogue.why)
const asked = process.argv.slice(2)
/** Of two sets with the same embedder or fusion the first one speaks for it. */
const written = new Set<string>()
for (const { name, embeddingPath } of catalogue.value) {
  if (written.has(embeddingPath) || (asked.length > 0 && !asked.includes(name))) continue
  await calibrateSet(name, embeddingPath)
  written.add(embeddingPath)
}

/** @param path of the manifest that holds the set's calibration */
async function calibrateSet(name: string, path: string): Promise<void> {
  const vectors = await embedListed(await locateSet(name), pictures)
  const calibration = calibrate(pictures, vectors, `LFW, ${pictures.length} photographs of its first fold, model set ${name}`)
  if (calibration === undefined) throw new Error("too few photographs for a curve")
  await writeCalibration(path, calibration)
  console.log(`${name}: ${path}`)
  for (const { fmr, similarity, extrapolated } of calibration.curve)
    console.log(`  FMR ${fmr}: ${similarity.toFixed(4)}${extrapolated === true ? " (extrapolated)" : ""}`)
}

/** Only the calibration changes: everything else of the file stays as its author wrote it. */
async function writeCalibration(path: string, calibration: Calibration): Promise<void> {
  const manifest: unknown = await Bun.file(path).json()
  if (typeof manifest !== "object" || manifest === null) throw new Error(`${path} is not a manifest`)
  await Bun.write(path, `${JSON.stringify({ ...manifest, calibration }, undefined, 2)}\n`)
}
