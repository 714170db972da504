import { assert } from "../../base/assert.ts"
import type { Result } from "../../base/result.ts"
import { elapsedMs, nowTickMs } from "../../base/ticks.ts"
import type { LocatedModel, ModelManifest } from "../manifest.ts"
import { goldenError, syntheticTensor } from "./golden.ts"
import { type Network, type NetworkOptions, openNetwork } from "./ort.ts"
import { readWeights } from "./weights.ts"

/** A model whose files were checked and whose networks answer as they should. */
export interface OpenModel<Manifest extends ModelManifest = ModelManifest> {
  readonly manifest: Manifest
  /** In the order of the manifest's files. */
  readonly networks: readonly Network[]
  readonly loadMs: number
  /** The first run of each network, which the known answer asks for. */
  readonly warmMs: number
  /** The largest error of all known answers, as a share of the largest value. */
  readonly goldenError: number
  close(): Promise<void>
}

/** Checks, loads and asks the known answers. A model that fails one of these does not serve; the reason is in words. */
export async function openModel<Manifest extends ModelManifest>(
  model: LocatedModel<Manifest>,
  options: NetworkOptions,
): Promise<Result<OpenModel<Manifest>>> {
  const { manifest } = model
  const networks = new Map<string, Network>()
  const close = async () => {
    for (const network of networks.values()) await network.close()
  }
  const failed = async (why: string): Promise<Result<never>> => {
    await close()
    return { kind: "failed", why: `${manifest.role} ${manifest.name} ${manifest.version}: ${why}` }
  }

  const loadTickMs = nowTickMs()
  for (const { name } of manifest.files) {
    const weights = await readWeights(model, name)
    if (weights.kind === "failed") return failed(weights.why)
    try {
      networks.set(name, await openNetwork(weights.value, options))
    } catch (error) {
      return failed(`${name} does not load: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const loadMs = elapsedMs(loadTickMs)

  const warmTickMs = nowTickMs()
  let worstError = 0
  for (const golden of manifest.golden) {
    const network = networks.get(golden.file)
    if (network === undefined) return failed(`a known answer names ${golden.file}, which is not among its files`)
    const input = { data: syntheticTensor(golden.shape, golden.seed, golden.low, golden.high), shape: golden.shape }
    const error = goldenError(golden, await network.run(input))
    if (!(error <= golden.tolerance)) {
      return failed(`${golden.file} answers differently from its known answer (${error}, allowed ${golden.tolerance})`)
    }
    worstError = Math.max(worstError, error)
  }
  const opened = {
    manifest,
    networks: [...networks.values()],
    loadMs,
    warmMs: elapsedMs(warmTickMs),
    goldenError: worstError,
    close,
  }
  return { kind: "ok", value: opened }
}

/** For the models that are one network. */
export function onlyNetwork({ manifest, networks }: OpenModel): Network {
  const [network, ...more] = networks
  assert(network !== undefined && more.length === 0, `${manifest.name} is one network`)
  return network
}
