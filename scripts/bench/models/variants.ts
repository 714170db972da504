import { resolve } from "node:path"
import { projectRoot } from "../../../app/base/paths.ts"
import { openNetwork } from "../../../app/inference/engine/ort.ts"
import type { LocatedModel, ModelSet } from "../../../app/inference/manifest.ts"
import { conversions, readSources } from "../../convert/default-set.ts"

/** As it was published, as it is served, and in whole numbers where somebody made such a file. */
export const variantNames = ["original", "prepared", "int8"] as const
export type VariantName = (typeof variantNames)[number]

export interface Variant {
  readonly name: VariantName
  readonly bytes: Uint8Array
  /** Whether the runtime gets the bytes as they stand. */
  readonly asPublished: boolean
}

/** One weights file of a set and its forms. */
export interface Measured {
  readonly model: string
  readonly file: string
  readonly variants: readonly Variant[]
}

/** Each file of the sets once. @param int8Folder holds variants under the names of the files */
export async function readVariants(sets: readonly ModelSet[], int8Folder: string | undefined): Promise<Measured[]> {
  const measured = new Map<string, Measured>()
  for (const located of sets.flatMap(modelsIn)) {
    for (const { name: file, sha256 } of located.manifest.files) {
      if (!measured.has(sha256)) measured.set(sha256, await readFile(located, file, int8Folder))
    }
  }
  return [...measured.values()]
}

/** Names of the weights files of a set. */
export function filesOf(set: ModelSet): string[] {
  return modelsIn(set).flatMap(({ manifest }) => manifest.files.map(({ name }) => name))
}

function modelsIn({ detector, landmarks, embedders }: ModelSet): LocatedModel[] {
  return [detector, ...(landmarks === undefined ? [] : [landmarks]), ...embedders]
}

async function readFile(located: LocatedModel, file: string, int8Folder: string | undefined): Promise<Measured> {
  const prepared = await Bun.file(located.paths[file] ?? "").bytes()
  const variants: Variant[] = [
    { name: "original", bytes: (await published(located, file)) ?? prepared, asPublished: true },
    { name: "prepared", bytes: prepared, asPublished: false },
  ]
  const int8 = int8Folder === undefined ? undefined : Bun.file(resolve(projectRoot, int8Folder, file))
  if (int8 !== undefined && (await int8.exists())) variants.push({ name: "int8", bytes: await int8.bytes(), asPublished: true })
  return { model: located.manifest.name, file, variants }
}

/** `undefined` for a file that is served as it was published. */
async function published({ manifest }: LocatedModel, file: string): Promise<Uint8Array | undefined> {
  if (manifest.source.kind !== "npm") return undefined
  const sources = await readSources(manifest.source)
  if (sources.kind === "failed") throw new Error(sources.why)
  return conversions[`${manifest.role}/${manifest.name}`]?.(sources.value, "published").get(file)
}

export function openVariant({ bytes, asPublished }: Variant) {
  return openNetwork(bytes, { threads: 1, asPublished })
}
