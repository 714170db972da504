import { readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { z } from "zod"
import type { Result } from "../base/result.ts"
import {
  type DetectorManifest,
  type EmbedderManifest,
  fusionManifest,
  type LandmarksManifest,
  type LandmarksUsed,
  type ModelManifest,
  modelManifest,
  modelSets,
  type SetEmbedding,
} from "./manifest.ts"

/** What `models/` says there is: the sets of `sets.json`, and the manifests they name. */

/** A manifest and the folder it lies in. */
export interface CataloguedModel<Manifest extends ModelManifest = ModelManifest> {
  readonly manifest: Manifest
  readonly folder: string
}

export interface CataloguedEmbedder extends CataloguedModel<EmbedderManifest> {
  readonly landmarks: LandmarksUsed
  readonly weight: number
}

/** A set with its manifests, whether or not their files are there. */
export interface CataloguedSet {
  readonly name: string
  readonly detector: CataloguedModel<DetectorManifest>
  readonly landmarks?: CataloguedModel<LandmarksManifest>
  readonly embedders: readonly CataloguedEmbedder[]
  readonly embedding: SetEmbedding
  /** The file that holds `embedding`. */
  readonly embeddingPath: string
}

type SetPlaces = z.output<typeof modelSets>[number]

/** Reads each manifest once: sets share their models. */
export interface Catalogue {
  /** Best first, as `sets.json` has them: the places of their manifests, `name/version`. */
  readonly sets: readonly SetPlaces[]
  read(set: SetPlaces): Promise<Result<CataloguedSet>>
}

/** The sets of `sets.json`, without their manifests. */
export async function openCatalogue(modelsFolder: string): Promise<Result<Catalogue>> {
  const sets = await readJson(join(modelsFolder, "sets.json"), modelSets)
  if (sets.kind === "failed") return sets
  const models = new Map<string, Promise<Result<CataloguedModel>>>()
  return { kind: "ok", value: { sets: sets.value, read: readSet } }

  async function readSet({ name, ...places }: SetPlaces): Promise<Result<CataloguedSet>> {
    const detector = await readModel("detector", places.detector)
    if (detector.kind === "failed") return detector
    const embedding = await readEmbedding(places)
    if (embedding.kind === "failed") return embedding
    const required = { name, detector: detector.value, ...embedding.value }
    if (places.landmarks === undefined) return { kind: "ok", value: required }
    const landmarks = await readModel("landmarks", places.landmarks)
    return landmarks.kind === "failed" ? landmarks : { kind: "ok", value: { ...required, landmarks: landmarks.value } }
  }

  async function readEmbedding({ embedder, fusion }: Omit<SetPlaces, "name">): Promise<Result<CataloguedEmbedding>> {
    if (fusion !== undefined) return readFusion(fusion)
    const name = embedder ?? ""
    const read = await readModel("embedder", name)
    if (read.kind === "failed") return read
    const { space, calibration } = read.value.manifest
    const embedders = [{ ...read.value, landmarks: "refined" as const, weight: 1 }]
    return { kind: "ok", value: { embedders, embedding: { name, space, calibration }, embeddingPath: pathOf(read.value) } }
  }

  async function readFusion(place: string): Promise<Result<CataloguedEmbedding>> {
    const embeddingPath = join(modelsFolder, "fusion", place, "manifest.json")
    const fusion = await readJson(embeddingPath, fusionManifest)
    if (fusion.kind === "failed") return fusion
    const { space, calibration } = fusion.value
    const name = `${fusion.value.name}/${fusion.value.version}`
    if (name !== place) return failed(`${embeddingPath} describes ${name}: a manifest lies where it says`)
    const embedders: CataloguedEmbedder[] = []
    for (const { embedder, landmarks, weight } of fusion.value.embedders) {
      const part = await readModel("embedder", embedder)
      if (part.kind === "failed") return part
      embedders.push({ ...part.value, landmarks, weight })
    }
    return { kind: "ok", value: { embedders, embedding: { name, space, calibration }, embeddingPath } }
  }

  async function readModel<Role extends ModelManifest["role"]>(
    role: Role,
    place: string,
  ): Promise<Result<CataloguedModel<Extract<ModelManifest, { role: Role }>>>> {
    const path = join(modelsFolder, role, place, "manifest.json")
    const reading = models.get(path) ?? readManifest(path)
    models.set(path, reading)
    const read = await reading
    if (read.kind === "failed") return read
    const { manifest, folder } = read.value
    if (!hasRole(manifest, role) || `${manifest.name}/${manifest.version}` !== place) {
      return failed(`${path} describes ${manifest.role}/${manifest.name}/${manifest.version}: a manifest lies where it says`)
    }
    return { kind: "ok", value: { manifest, folder } }
  }
}

/** Every set, best first, with its manifests. */
export async function readCatalogue(modelsFolder: string): Promise<Result<readonly CataloguedSet[]>> {
  const catalogue = await openCatalogue(modelsFolder)
  if (catalogue.kind === "failed") return catalogue
  const sets: CataloguedSet[] = []
  for (const places of catalogue.value.sets) {
    const read = await catalogue.value.read(places)
    if (read.kind === "failed") return read
    sets.push(read.value)
  }
  return { kind: "ok", value: sets }
}

type CataloguedEmbedding = Pick<CataloguedSet, "embedders" | "embedding" | "embeddingPath">

export function modelsOf({ detector, landmarks, embedders }: CataloguedSet): readonly CataloguedModel[] {
  return landmarks === undefined ? [detector, ...embedders] : [detector, landmarks, ...embedders]
}

function pathOf({ folder }: CataloguedModel): string {
  return join(folder, "manifest.json")
}

async function readManifest(path: string): Promise<Result<CataloguedModel>> {
  const read = await readJson(path, modelManifest)
  return read.kind === "failed" ? read : { kind: "ok", value: { manifest: read.value, folder: dirname(path) } }
}

function hasRole<Role extends ModelManifest["role"]>(
  manifest: ModelManifest,
  role: Role,
): manifest is Extract<ModelManifest, { role: Role }> {
  return manifest.role === role
}

/** Each file is read once: to compile its schema into a function first, as zod would, doubles what that takes. */
async function readJson<Schema extends z.ZodType>(path: string, schema: Schema): Promise<Result<z.output<Schema>>> {
  try {
    const parsed = schema.safeParse(JSON.parse(await readFile(path, "utf8")), { jitless: true })
    if (parsed.success) return { kind: "ok", value: parsed.data }
    return failed(`${path} is not as it should be:\n${z.prettifyError(parsed.error)}`)
  } catch (error) {
    return failed(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function failed(why: string): Result<never> {
  return { kind: "failed", why }
}
