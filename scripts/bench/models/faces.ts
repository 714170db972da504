import { join } from "node:path"
import type { Vectors } from "../../../app/cli/eval/evaluate.ts"
import type { ListedPicture } from "../../../app/cli/eval/pairs.ts"
import { type Embedder, joinWeighted } from "../../../app/inference/engine/embed.ts"
import type { FloatTensor, Network } from "../../../app/inference/engine/ort.ts"
import type { ModelSet } from "../../../app/inference/manifest.ts"
import { cosineOf } from "./outputs.ts"
import type { OpenStages } from "./stages.ts"
import type { VariantName } from "./variants.ts"

/** Of each file, its opened forms. */
export type Networks = ReadonlyMap<string, ReadonlyMap<VariantName, Network>>

/** By file and form of an embedder: the vectors it gives on its own. */
export type VectorsOf = ReadonlyMap<string, ReadonlyMap<VariantName, Vectors>>

/** What `gatehouse eval` looks for, so that accuracies compare. */
const evaluatedWidthPxMin = 40

/** The face nearest the centre of each photograph by every form of every embedder */
export async function embedForms(
  stages: OpenStages,
  networks: Networks,
  folder: string,
  pictures: readonly ListedPicture[],
  wanted: readonly VariantName[],
): Promise<VectorsOf> {
  const asked: { embedder: Embedder; vectors: Map<string, Float32Array> }[] = []
  const answer = new Map<string, Map<VariantName, Map<string, Float32Array>>>()
  for (const [file, create] of stages.embedderOf) {
    const forms = new Map<VariantName, Map<string, Float32Array>>()
    for (const [name, network] of networks.get(file) ?? []) {
      if (!wanted.includes(name)) continue
      const vectors = new Map<string, Float32Array>()
      forms.set(name, vectors)
      asked.push({ embedder: create(network), vectors })
    }
    answer.set(file, forms)
  }
  for (const { file } of pictures) {
    const pixels = await stages.decode(await Bun.file(join(folder, file)).bytes())
    const face = await stages.findCentre(pixels, evaluatedWidthPxMin)
    if (face === undefined) continue
    for (const { embedder, vectors } of asked) {
      embedder.align(pixels, [face])
      const [vector] = await embedder.run()
      if (vector !== undefined) vectors.set(file, vector)
    }
  }
  return answer
}

/** As the set fuses them. @param forms of its embedders, in their order */
export function fusedVectors({ embedders }: ModelSet, of: VectorsOf, forms: readonly VariantName[]): Vectors {
  const parts = embedders.map(({ manifest, weight }, at) => ({
    vectors: of.get(manifest.files[0]?.name ?? "")?.get(forms[at] ?? "prepared") ?? new Map<string, Float32Array>(),
    weight,
  }))
  const [first, ...more] = parts
  if (first === undefined || more.length === 0) return first?.vectors ?? new Map<string, Float32Array>()
  const joined = (picture: string) =>
    joinWeighted(parts.map(({ vectors, weight }) => [vectors.get(picture) ?? new Float32Array(), weight] as const))
  return new Map([...first.vectors.keys()].map((picture) => [picture, joined(picture)]))
}

/** Keeps for each file and form the smallest cosine with the outputs of the published network. */
export function createComparison(networks: Networks): {
  readonly smallest: ReadonlyMap<string, ReadonlyMap<VariantName, number>>
  compare(file: string, input: FloatTensor): Promise<void>
} {
  const smallest = new Map<string, Map<VariantName, number>>()
  return {
    smallest,
    async compare(file, input) {
      const forms = networks.get(file)
      const original = await forms?.get("original")?.run(input)
      if (original === undefined) return
      const known = smallest.get(file) ?? new Map<VariantName, number>()
      smallest.set(file, known)
      for (const [name, network] of forms ?? []) {
        if (name === "original") continue
        known.set(name, Math.min(known.get(name) ?? 1, cosineOf(original, await network.run(input))))
      }
    },
  }
}
