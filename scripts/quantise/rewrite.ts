import { assert } from "../../app/base/assert.ts"
import { type EditableNetwork, type NetworkNode, writeNode, writeTensor } from "./network.ts"
import type { Plan } from "./plan.ts"
import { type Range, type Steps, stepsFor } from "./ranges.ts"

/** Operators with a scale for each channel are ONNX's own from this version on; the runtime has the same ones of its own. */
const opsetWithChannels = 13
const runtimeDomain = "com.microsoft"

/** Weights lie evenly around nought, so that no sum needs correcting for their zero. */
const weightStepsMax = 127

/**
 * The network with the planned values rounded to eight bits and read back (QDQ), and its weights in eight bits with one scale for
 * each output channel: the runtime joins each rounding, node and reading back into one node of whole numbers.
 * @param ranges of all values of the plan
 */
export function quantise(network: EditableNetwork, plan: Plan, ranges: ReadonlyMap<string, Range>): Uint8Array {
  const domain = network.opset >= opsetWithChannels ? "" : runtimeDomain
  const nodes: Uint8Array[] = []
  const weights: Uint8Array[] = []
  const rounded = new Map<string, { readonly name: string; readonly steps: Steps }>()

  function round(value: string): void {
    const range = ranges.get(rangeSource(value, plan))
    assert(range !== undefined, `the range of ${value} was measured`)
    const steps = stepsFor(range)
    const [scale, zero] = [`${value}_scale`, `${value}_zero`]
    weights.push(writeTensor(scale, Float32Array.of(steps.scale), []), writeTensor(zero, Uint8Array.of(steps.zero), []))
    nodes.push(writeNode("QuantizeLinear", [value, scale, zero], `${value}_rounded`, {}, domain))
    nodes.push(writeNode("DequantizeLinear", [`${value}_rounded`, scale, zero], `${value}_read`, {}, domain))
    rounded.set(value, { name: `${value}_read`, steps })
  }

  /** Names under which the node reads its weights and bias back. */
  function roundWeights({ operator, inputs, outputs, integers }: NetworkNode): string[] {
    const [x = "", weightName = "", biasName] = inputs
    const weight = network.tensors.get(weightName)
    const input = rounded.get(x)
    assert(weight !== undefined && input !== undefined, "planned nodes have weights, and inputs in eight bits")
    const axis = operator === "Gemm" && integers.transB?.[0] !== 1 ? 1 : 0
    const { bytes, scales } = roundChannels(weight.values, weight.shape, axis)
    const prefix = outputs[0] ?? ""
    const read = (part: string, values: Int8Array | Int32Array, shape: readonly number[], by: Float32Array, along: number) => {
      const names = [`${prefix}_${part}`, `${prefix}_${part}_scale`, `${prefix}_${part}_zero`] as const
      // All nought, and said all the same: the runtime's product of matrices asks for one for each scale.
      const zeros = values instanceof Int8Array ? new Int8Array(by.length) : new Int32Array(by.length)
      const [bytes, scale, zero] = names
      weights.push(
        writeTensor(bytes, values, shape),
        writeTensor(scale, by, [by.length]),
        writeTensor(zero, zeros, [by.length]),
      )
      nodes.push(writeNode("DequantizeLinear", names, `${prefix}_${part}_read`, { axis: along }, domain))
      return `${prefix}_${part}_read`
    }
    const readWeight = read("weight", bytes, weight.shape, scales, axis)
    const bias = biasName === undefined ? undefined : network.tensors.get(biasName)?.values
    if (bias === undefined) return [readWeight]
    const sumScales = scales.map((scale) => scale * input.steps.scale)
    const sums = Int32Array.from(bias, (value, channel) => Math.round(value / sumScales[channel]!))
    return [readWeight, read("bias", sums, [sums.length], sumScales, 0)]
  }

  for (const input of network.inputs) if (plan.values.includes(input)) round(input)
  const wanted = new Set(plan.values)
  for (const node of network.nodes) {
    const [x = "", ...others] = node.inputs.map((input) => rounded.get(input)?.name ?? input)
    const isWeighed = plan.nodes.has(node) && (node.operator === "Conv" || node.operator === "Gemm")
    nodes.push(node.withInputs([x, ...(isWeighed ? roundWeights(node) : others)]))
    for (const output of node.outputs) if (wanted.has(output)) round(output)
  }
  return network.rebuilt(nodes, weights, unread(network, plan), domain === "" ? [] : [domain])
}

/** Weights that only rounded nodes read: their floats are left out. */
function unread(network: EditableNetwork, plan: Plan): Set<string> {
  const weighed = network.nodes.filter((node) => plan.nodes.has(node) && (node.operator === "Conv" || node.operator === "Gemm"))
  const elsewhere = new Set(network.nodes.filter((node) => !weighed.includes(node)).flatMap(({ inputs }) => inputs))
  return new Set(weighed.flatMap(({ inputs }) => inputs.slice(1)).filter((name) => !elsewhere.has(name)))
}

function rangeSource(value: string, { rangeFrom }: Plan): string {
  const from = rangeFrom.get(value)
  return from === undefined ? value : rangeSource(from, { rangeFrom } as Plan)
}

/** @param axis of the output channels */
function roundChannels(values: Float32Array, shape: readonly number[], axis: number) {
  const channels = shape[axis] ?? 1
  const inner = shape.slice(axis + 1).reduce((product, side) => product * side, 1)
  const channelOf = (at: number) => Math.floor(at / inner) % channels
  const scales = new Float32Array(channels)
  for (const [at, value] of values.entries()) {
    const channel = channelOf(at)
    scales[channel] = Math.max(scales[channel]!, Math.abs(value) / weightStepsMax)
  }
  // A channel of noughts has no size to go by.
  for (const [channel, scale] of scales.entries()) if (scale === 0) scales[channel] = 1
  const bytes = Int8Array.from(values, (value, at) => Math.round(value / scales[channelOf(at)]!))
  return { bytes, scales }
}
