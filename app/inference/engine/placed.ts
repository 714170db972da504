import { tmpdir } from "node:os"
import { assert } from "../../base/assert.ts"
import type { Result } from "../../base/result.ts"
import { elapsedMs, nowTickMs } from "../../base/ticks.ts"
import type { DetectorManifest, LocatedModel, ModelManifest } from "../manifest.ts"
import { type CompiledPlace, compiledKey, openCompiled } from "../providers/compiled.ts"
import type {
  AcceleratedPlan,
  InputShapes,
  PlacementReport,
  ProviderName,
  ProviderRefusal,
  RuntimePlan,
  ShapeProfile,
} from "../providers/plan.ts"
import { providerRequest } from "../providers/requests.ts"
import { plainWords } from "../providers/words.ts"
import type { PreparationStage } from "../wire.ts"
import { createDetector } from "./detectors/create.ts"
import { syntheticTensor } from "./golden.ts"
import { guardNetwork } from "./guard.ts"
import { cosineMinOf, leastCosine, leastOverlap, overlapMin } from "./known-answer.ts"
import { type OpenModel, openModel } from "./model.ts"
import { type FloatTensor, type Network, openNetwork } from "./ort.ts"
import { paintFaces } from "./painted-picture.ts"
import type { Runtime } from "./runtime.ts"
import { readWeights } from "./weights.ts"

/** A model where its plan says, or on the processor where that did not work out. */
export interface PlacedModel<Manifest extends ModelManifest = ModelManifest> {
  readonly model: OpenModel<Manifest>
  readonly placement: PlacementReport
  /** Why it does not run where the plan says. */
  readonly refusal?: ProviderRefusal
  /**
   * Before an answer leaves: rejects when what the model said since the last time cannot be believed (`guard.ts`).
   * @param always also when it said nothing
   */
  verify(always?: boolean): Promise<void>
}

export interface PlaceOptions {
  readonly threads: number
  readonly spinning?: boolean
  /** That of the plan. */
  readonly runtime: Runtime
  readonly plan: RuntimePlan
  /** On an accelerator: what comes next. */
  onProgress?(stage: PreparationStage, model: string): void
}

/**
 * Opens a model on the processor, where it has to give the known answers of its manifest, and with an accelerator in the plan opens
 * it there, too: it serves only when it says the same. Failed: a file is missing or wrong, or the processor itself errs.
 */
export async function openPlaced<Manifest extends ModelManifest>(
  located: LocatedModel<Manifest>,
  options: PlaceOptions,
): Promise<Result<PlacedModel<Manifest>>> {
  const { threads, spinning = false, runtime, plan } = options
  const opened = await openModel(located, { threads, spinning, runtime })
  if (opened.kind === "failed") return opened
  const reference = opened.value
  const onProcessor: PlacementReport = {
    requested: plan.adapter === "ort-ffi" ? plan.provider : "cpu",
    active: "cpu",
    ...nodesOf(reference.networks),
    library: runtime.library ?? runtime.name,
    libraryVersion: runtime.version,
    cache: "none",
    warmMs: reference.warmMs,
    score: 1,
  }
  const verify = () => Promise.resolve()
  if (plan.adapter === "onnxruntime-node" || plan.provider === "cpu")
    return { kind: "ok", value: { model: reference, placement: onProcessor, verify } }

  const tried = await openBeside(located, reference, { ...options, plan })
  if (tried.kind === "refused") {
    const { why, remedy } = tried
    const refusal = { provider: plan.provider, why: `${labelOf(located.manifest)}: ${why}`, remedy }
    return { kind: "ok", value: { model: reference, placement: onProcessor, refusal, verify } }
  }
  return { kind: "ok", value: { ...tried.placed, placement: { ...onProcessor, ...tried.placed.placement } } }
}

type Tried<Manifest extends ModelManifest> =
  | {
      readonly kind: "ok"
      readonly placed: Pick<PlacedModel<Manifest>, "model" | "verify"> & { readonly placement: Partial<PlacementReport> }
    }
  | { readonly kind: "refused"; readonly why: string; readonly remedy: string }

/** Beside `reference`, which it is compared with; it closes what is not needed any more. */
async function openBeside<Manifest extends ModelManifest>(
  located: LocatedModel<Manifest>,
  reference: OpenModel<Manifest>,
  { threads, spinning = false, runtime, plan, onProgress }: PlaceOptions & { readonly plan: AcceleratedPlan },
): Promise<Tried<Manifest>> {
  const { manifest } = located
  const label = labelOf(manifest)
  const shapes = shapesOf(manifest, plan)
  const loadTickMs = nowTickMs()
  let place: CompiledPlace | undefined
  const networks: Network[] = []
  const refused = async (why: string, remedy: string): Promise<Tried<Manifest>> => {
    for (const network of networks) await network.close()
    await place?.drop()
    return { kind: "refused", why, remedy }
  }
  try {
    const narrow = whyTooNarrow(manifest, shapes)
    if (narrow !== undefined) return refused(narrow, "widen inference.tensorrt.shapes, or leave this file out of it")
    if (plan.provider === "tensorrt") {
      const compiled = await openCompiled(plan.cacheFolder, compiledKey(manifest, plan, shapes))
      if (compiled.kind === "refused") return compiled
      place = compiled.place
    }
    onProgress?.(place === undefined || place.found ? "load" : "compile", label)
    for (const { name } of manifest.files) {
      const weights = await readWeights(located, name)
      if (weights.kind === "failed") return refused(weights.why, "prepare the models again")
      const provider = providerRequest(plan, shapes[name] ?? {}, place?.places)
      networks.push(await openNetwork(weights.value, { threads, spinning, runtime, provider, profileFolder: tmpdir() }))
    }
    const loadMs = elapsedMs(loadTickMs)
    const warmTickMs = nowTickMs()
    const answers = await askGolden(manifest, networks)
    const warmMs = elapsedMs(warmTickMs)

    onProgress?.("check", label)
    const cosineMin = cosineMinOf(plan)
    const expected = await askGolden(manifest, reference.networks)
    const score = Math.min(...answers.map(({ outputs }, index) => leastCosine(expected[index]!.outputs, outputs)))
    if (!(score >= cosineMin)) {
      const figures = `cosine ${score.toFixed(4)}, at least ${cosineMin} is right`
      return refused(`${plan.provider} answers differently from the processor: ${figures}`, wrongRemedy(plan))
    }
    const model = { ...reference, networks, loadMs, warmMs }
    const overlap = isDetector(model) && isDetector(reference) ? await compareBoxes(reference, model) : undefined
    if (overlap !== undefined && !(overlap >= overlapMin)) {
      const figures = `overlap ${overlap.toFixed(3)}, at least ${overlapMin} is right`
      return refused(`${plan.provider} draws other boxes than the processor: ${figures}`, wrongRemedy(plan))
    }
    const nodes = nodesOf(networks)
    if (nodes.nodes !== undefined && nodes.nodes[plan.provider] === undefined)
      return refused(`${plan.provider} took none of its nodes`, "nothing to mend: it runs on the processor")

    await place?.keep()
    // Not asked again, and on a Jetson the memory of both is the same.
    const unneeded = reference.networks.filter((_, index) => profileOf(shapes[manifest.files[index]!.name]) === undefined)
    for (const network of unneeded) await network.close()
    const bounded = networks.map((network, index) =>
      boundNetwork(network, reference.networks[index]!, profileOf(shapes[manifest.files[index]!.name])),
    )
    const guarded = bounded.map((network, index) =>
      guardNetwork(`${label} ${manifest.files[index]!.name}`, network, { ...answers[index]!, cosineMin }),
    )
    const cache = place === undefined ? "none" : place.found ? "hit" : "built"
    const close = async () => {
      for (const network of networks) await network.close()
      await reference.close()
    }
    return {
      kind: "ok",
      placed: {
        model: { ...model, networks: guarded, close },
        placement: { active: plan.provider, ...nodes, cache, warmMs, score, ...(overlap !== undefined && { overlap }) },
        verify: async (always) => {
          for (const network of guarded) await network.verify(always)
        },
      },
    }
  } catch (error) {
    return refused(`${plan.provider}: ${plainWords(error)}`, failedRemedy)
  }
}

/** Where nobody can say what is wrong. */
export const failedRemedy = "gatehouse doctor --full says what this machine has; the processor serves until it works"

function wrongRemedy({ provider, tensorrt }: AcceleratedPlan): string {
  if (provider === "tensorrt" && tensorrt.fp16)
    return "set inference.tensorrt.fp16 to false, or update TensorRT; until then the processor serves"
  return "update driver and libraries of the accelerator; until then the processor serves"
}

interface GoldenAnswer {
  readonly input: FloatTensor
  readonly outputs: Readonly<Record<string, FloatTensor>>
}

/** Each file's known question and what the network says to it, in the order of the files. */
async function askGolden(manifest: ModelManifest, networks: readonly Network[]): Promise<GoldenAnswer[]> {
  const answers: GoldenAnswer[] = []
  for (const [index, { name }] of manifest.files.entries()) {
    const golden = manifest.golden.find(({ file }) => file === name)
    if (golden === undefined) throw new Error(`${name} has no known answer in its manifest`)
    const { shape, seed, low, high } = golden
    const input = { data: syntheticTensor(shape, seed, low, high), shape }
    answers.push({ input, outputs: await networks[index]!.run(input) })
  }
  return answers
}

function compareBoxes(reference: OpenModel<DetectorManifest>, tried: OpenModel<DetectorManifest>): Promise<number | undefined> {
  return leastOverlap(createDetector(reference), createDetector(tried), paintFaces())
}

function isDetector(model: OpenModel): model is OpenModel<DetectorManifest> {
  return model.manifest.role === "detector"
}

/** What is larger or smaller than the accelerator was compiled for goes to the processor. */
function boundNetwork(accelerated: Network, processor: Network, profile: ShapeProfile | undefined): Network {
  if (profile === undefined) return accelerated
  return { ...accelerated, run: (input) => (isWithin(profile, input.shape) ? accelerated : processor).run(input) }
}

function isWithin({ min, max }: ShapeProfile, shape: readonly number[]): boolean {
  return shape.length === min.length && shape.every((side, at) => side >= min[at]! && side <= max[at]!)
}

/** The processor would answer the known questions then, and the accelerator would be believed all else. */
function whyTooNarrow({ golden }: ModelManifest, shapes: Readonly<Record<string, InputShapes>>): string | undefined {
  for (const { file, shape } of golden) {
    const profile = profileOf(shapes[file])
    if (profile === undefined || isWithin(profile, shape)) continue
    const sizes = `${profile.min.join("x")} … ${profile.max.join("x")}`
    return `the known question of ${file} is ${shape.join("x")}, outside of ${sizes}, which it would be compiled for`
  }
  return undefined
}

/** Sizes of each file's input: those that the box was told before those of the manifest. Only TensorRT compiles for sizes. */
function shapesOf({ files, shapes = {} }: ModelManifest, { provider, tensorrt }: AcceleratedPlan): Record<string, InputShapes> {
  if (provider !== "tensorrt") return {}
  const of = (name: string) => tensorrt.shapes[name] ?? shapes[name]
  return Object.fromEntries(files.flatMap(({ name }) => (of(name) === undefined ? [] : [[name, of(name)!]])))
}

/** All of ours take one input. */
function profileOf(shapes: InputShapes | undefined): ShapeProfile | undefined {
  const [profile, ...more] = Object.values(shapes ?? {})
  assert(more.length === 0, "a network of ours takes one input")
  return profile
}

/** ONNX Runtime's names for providers, and ours. */
const shortNames: Readonly<Record<string, ProviderName>> = {
  TensorrtExecutionProvider: "tensorrt",
  CUDAExecutionProvider: "cuda",
  CANNExecutionProvider: "cann",
  CPUExecutionProvider: "cpu",
}

/** Of all networks together; nothing where one does not know. */
function nodesOf(networks: readonly Network[]): { readonly nodes?: Record<string, number> } {
  const nodes: Record<string, number> = {}
  for (const network of networks) {
    const counts = network.nodesByProvider()
    if (counts === undefined) return {}
    for (const [name, count] of counts) {
      const short = shortNames[name] ?? name
      nodes[short] = (nodes[short] ?? 0) + count
    }
  }
  return { nodes }
}

function labelOf({ role, name, version }: ModelManifest): string {
  return `${role} ${name} ${version}`
}
