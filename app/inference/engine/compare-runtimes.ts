import { assert } from "../../base/assert.ts"
import type { Result } from "../../base/result.ts"
import { elapsedMs, nowTickMs } from "../../base/ticks.ts"
import type { Golden, LocatedModel, ModelSet } from "../manifest.ts"
import { syntheticTensor } from "./golden.ts"
import { withLeakyRelus } from "./graph.ts"
import { openRuntime, type Runtime, type RuntimeChoice } from "./runtime.ts"
import type { Tensor } from "./tensor.ts"
import { readWeights } from "./weights.ts"

/** What a library of ONNX Runtime says on the processor, beside what the packaged one says. */
export interface RuntimeComparison {
  readonly library: string
  readonly version: string
  readonly packagedVersion: string
  readonly networks: readonly NetworkComparison[]
  /** Each mistake of a caller, and whether both refuse it in the same words. */
  readonly refusals: readonly { readonly mistake: string; readonly same: boolean; readonly words: string }[]
  /** So often a network was opened, run and closed. */
  readonly cycles: number
}

export interface NetworkComparison {
  /** `model/file`. */
  readonly network: string
  readonly sameBits: boolean
  /** Largest difference of two outputs, as a share of the largest value. */
  readonly differenceMax: number
  /** Whether that is within what the known answer of the network allows. */
  readonly agrees: boolean
  /** Absent where the library does not tell. */
  readonly nodes?: number
  /** One run of the known question, through each. */
  readonly packagedMs: number
  readonly libraryMs: number
}

/** How often a network is opened, run and closed: enough for a function of the table that is not what it should be to show. */
const cyclesUsual = 20
const cyclesShort = 3

type Both = readonly [packaged: Runtime, library: Runtime]

/**
 * Runs the known questions of a model set through both ways to ONNX Runtime on the processor, and asks both what they do not take.
 * Loads both libraries into this process: not for one that serves.
 * @param libraryPath a libonnxruntime.so; that of the package itself has to agree bit for bit
 * @param options.short without the embedders, which take most of the time where the processor is emulated
 */
export async function compareRuntimes(
  set: ModelSet,
  libraryPath: string,
  { short = false }: { readonly short?: boolean } = {},
): Promise<Result<RuntimeComparison>> {
  const packaged = await open({ adapter: "onnxruntime-node" })
  if (packaged.kind === "failed") return packaged
  const library = await open({ adapter: "ort-ffi", library: libraryPath })
  if (library.kind === "failed") return library
  const both: Both = [packaged.value, library.value]

  const networks: NetworkComparison[] = []
  const known: Question[] = []
  const detecting: readonly LocatedModel[] = [set.detector, ...(set.landmarks ? [set.landmarks] : [])]
  const models = short ? detecting : [...detecting, ...set.embedders]
  for (const model of models) {
    for (const golden of model.manifest.golden) {
      const weights = await readWeights(model, golden.file)
      if (weights.kind === "failed") return weights
      const question = questionOf(withLeakyRelus(weights.value), golden)
      networks.push({ network: `${model.manifest.name}/${golden.file}`, ...(await compareNetwork(both, question)) })
      known.push(question)
    }
  }
  const [smallest] = known.toSorted((a, b) => a.bytes.length - b.bytes.length)
  assert(smallest !== undefined, "every set has a detector")
  const cycles = short ? cyclesShort : cyclesUsual
  for (let index = 0; index < cycles; index++) await (await openAndAsk(library.value, smallest)).session.close()
  const refusals = await compareRefusals(both, smallest)
  const { version } = library.value
  return {
    kind: "ok",
    value: { library: libraryPath, version, packagedVersion: packaged.value.version, networks, refusals, cycles },
  }
}

async function open(choice: RuntimeChoice): Promise<Result<Runtime>> {
  const opened = await openRuntime(choice)
  return opened.kind === "ok"
    ? { kind: "ok", value: opened.runtime }
    : { kind: "failed", why: `${opened.why}; ${opened.remedy}` }
}

/** A network and its known question. */
interface Question {
  readonly bytes: Uint8Array
  readonly input: Tensor
  /** How far two answers may be apart, as a share of the largest value. */
  readonly tolerance: number
}

function questionOf(bytes: Uint8Array, golden: Golden): Question {
  const { shape, seed, low, high, tolerance } = golden
  return { bytes, tolerance, input: { type: "float32", data: syntheticTensor(shape, seed, low, high), shape } }
}

/** Asks twice: what a run has shown of the sizes, the next one relies on. */
async function openAndAsk(runtime: Runtime, { bytes, input }: Question) {
  const session = await runtime.openSession(bytes, { threads: 1 })
  const inputs = { [session.inputNames[0] ?? ""]: input }
  const first = await session.run(inputs)
  const startTickMs = nowTickMs()
  const second = await session.run(inputs)
  return { session, outputs: [...Object.values(first), ...Object.values(second)], tookMs: elapsedMs(startTickMs) }
}

async function compareNetwork(both: Both, question: Question): Promise<Omit<NetworkComparison, "network">> {
  const [packaged, library] = [await openAndAsk(both[0], question), await openAndAsk(both[1], question)]
  const counts = library.session.nodesByProvider()
  await packaged.session.close()
  await library.session.close()
  const pairs = packaged.outputs.map((output, index) => [output, library.outputs[index]] as const)
  const differenceMax = Math.max(...pairs.map(([a, b]) => (b === undefined ? Number.POSITIVE_INFINITY : difference(a, b))))
  return {
    sameBits: pairs.every(([a, b]) => b !== undefined && Buffer.compare(bytesOf(a), bytesOf(b)) === 0),
    differenceMax,
    agrees: differenceMax <= question.tolerance,
    ...(counts !== undefined && { nodes: [...counts.values()].reduce((sum, count) => sum + count, 0) }),
    packagedMs: packaged.tookMs,
    libraryMs: library.tookMs,
  }
}

function bytesOf({ data }: Tensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/** Infinity where the sizes differ or a value is no number. */
function difference(a: Tensor, b: Tensor): number {
  if (a.shape.join() !== b.shape.join()) return Number.POSITIVE_INFINITY
  let [most, largest] = [0, 0]
  for (let index = 0; index < a.data.length; index++) {
    const [left, right] = [Number(a.data[index]), Number(b.data[index])]
    const apart = Math.abs(left - right)
    if (Number.isNaN(apart)) return Number.POSITIVE_INFINITY
    most = Math.max(most, apart)
    largest = Math.max(largest, Math.abs(left))
  }
  return largest === 0 ? most : most / largest
}

/** What callers do wrong, and the words in which both refuse it. */
async function compareRefusals(both: Both, { bytes, input }: Question): Promise<RuntimeComparison["refusals"]> {
  const ask = async (runtime: Runtime, wrong: (name: string) => Readonly<Record<string, Tensor>>) => {
    const session = await runtime.openSession(bytes, { threads: 1 })
    return session.run(wrong(session.inputNames[0] ?? "")).finally(() => session.close())
  }
  const flat = [input.data.length]
  const mistakes: Readonly<Record<string, (runtime: Runtime) => Promise<unknown>>> = {
    "bytes that are no network": (runtime) => runtime.openSession(Buffer.from("no network"), { threads: 1 }),
    "an input that is missing": (runtime) => ask(runtime, () => ({})),
    "an input without its sides": (runtime) => ask(runtime, (name) => ({ [name]: { ...input, shape: flat } })),
    "an input of another type": (runtime) =>
      ask(runtime, (name) => ({
        [name]: { type: "int32", data: new Int32Array(input.data.length), shape: input.shape },
      })),
  }
  const refusals: { mistake: string; same: boolean; words: string }[] = []
  for (const [mistake, make] of Object.entries(mistakes)) {
    const [packaged, library] = [await wordsOf(make(both[0])), await wordsOf(make(both[1]))]
    refusals.push({ mistake, same: library !== undefined && packaged === library, words: library ?? "taken" })
  }
  return refusals
}

/** In which words it is refused; `undefined` when it is not. */
function wordsOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
}
