import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { syntheticTensor } from "../../app/inference/engine/golden.ts"
import { openNetwork } from "../../app/inference/engine/ort.ts"
import type { Golden, ModelManifest } from "../../app/inference/manifest.ts"
import type { Files } from "./default-set.ts"

/** Values kept of each output of a known answer. */
const sampleCount = 16

/** The manifest with size, hash and known answers of the weights as they are now; what people wrote stays. */
export async function describeWeights(manifest: ModelManifest, weights: Files): Promise<ModelManifest> {
  const fileOf = (name: string) => {
    const bytes = weights.get(name)
    if (bytes === undefined) throw new Error(`the manifest of ${manifest.name} names ${name}, which is not there`)
    return bytes
  }
  const files = manifest.files.map(({ name }) => {
    const bytes = fileOf(name)
    return { name, bytes: bytes.length, sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("hex") }
  })
  const golden: Golden[] = []
  for (const known of manifest.golden) golden.push({ ...known, outputs: await answersTo(known, fileOf(known.file)) })
  return { ...manifest, files, golden }
}

async function answersTo({ shape, seed, low, high }: Golden, weights: Uint8Array): Promise<Golden["outputs"]> {
  const network = await openNetwork(weights, { threads: 1 })
  const outputs = await network.run({ data: syntheticTensor(shape, seed, low, high), shape })
  await network.close()
  return Object.fromEntries(
    Object.entries(outputs).map(([name, output]) => {
      const stride = Math.max(1, Math.floor(output.data.length / sampleCount))
      const places = Array.from({ length: Math.min(sampleCount, output.data.length) }, (_, index) => index * stride)
      // A float has no more than seven digits that mean something across processors.
      const values = places.map((place) => Number((output.data[place] ?? Number.NaN).toPrecision(7)))
      return [name, { shape: [...output.shape], stride, values }]
    }),
  )
}

/** Writes manifests the way the repository formats JSON. */
export async function writeManifests(manifests: ReadonlyMap<string, ModelManifest>): Promise<void> {
  for (const [path, manifest] of manifests) await Bun.write(path, `${JSON.stringify(manifest, null, 2)}\n`)
  const biome = join(projectRoot, "node_modules/.bin/biome")
  const child = Bun.spawn([process.execPath, biome, "format", "--write", ...manifests.keys()], {
    cwd: projectRoot,
    stdout: "ignore",
    stderr: "inherit",
  })
  if ((await child.exited) !== 0) throw new Error("biome did not format the manifests")
}
