import { type Constant, constantOf, constantsOf, kernelOf, makersOf, readersOf, rekernel, withChannels } from "./tflite-edit.ts"
import type { Model, Operation, Tensor } from "./tflite-reader.ts"
import { blocksOf } from "./tflite-widen.ts"

/** A channel, and the place of its negative where its slope falls. */
interface Placed {
  readonly slope: number
  readonly negative?: number
}

/**
 * Convolution, PReLU and maximum of 2 × 2 pixels in the order convolution, maximum, PReLU: the PReLU then has a quarter of the
 * pixels. A rising PReLU may change places with a maximum as it is. A falling one of slope −t is the larger of x and −t · x,
 * and the maximum of that over the pixels is the larger of P = max x and t · N with N = max −x: the convolution gives the negative
 * beside the value, in a channel that it would compute anyway to fill its block of sixteen. Only where that is so. Slopes above
 * 1 come out negated, for the same reason as in `bendPrelus`.
 */
export function poolBeforePrelus(model: Model): Model {
  const [makers, readers] = [makersOf(model), readersOf(model)]
  const replaced = new Map<Operation, readonly Operation[]>()
  for (const prelu of model.operations) {
    const [conv, [pool, ...otherReaders]] = [makers.get(prelu.inputs[0]!), readers.get(prelu.output) ?? []]
    if (prelu.kind !== "prelu" || conv?.kind !== "conv" || pool?.kind !== "maxPool" || otherReaders.length > 0) continue
    const [next, ...others] = readers.get(pool.output) ?? []
    if (next?.kind !== "conv" || others.length > 0 || readers.get(conv.output)?.length !== 1) continue
    const slopes = [...constantsOf(prelu)[0].values]
    const channels = blocksOf(slopes.length)
    const placed = place(slopes)
    if (slopes.length === channels || placed.some(({ negative = 0 }) => negative >= channels)) continue
    const wide = withNegatives(conv, placed, channels)
    const pooled = withChannels(pool.output, channels)
    const bent = withChannels(pool.output, channels)
    const [upper, lower, sum] = [{ ...bent }, { ...bent }, { ...bent }]
    const pixel = { padding: "VALID", strides: [1, 1] } as const
    const none = constantOf([channels], new Float32Array(channels))
    replaced.set(conv, [wide])
    replaced.set(prelu, [])
    replaced.set(pool, [
      { ...pool, inputs: [wide.output], output: pooled },
      { kind: "conv", ...pixel, inputs: [pooled, mixing(placed, channels, "bent"), none], output: upper },
      { kind: "relu", inputs: [upper], output: bent },
      { kind: "conv", ...pixel, inputs: [pooled, mixing(placed, channels, "straight"), none], output: lower },
      { kind: "add", inputs: [lower, bent], output: sum },
    ])
    replaced.set(next, [readBehind(next, sum, placed, channels)])
  }
  return { ...model, operations: model.operations.flatMap((operation) => replaced.get(operation) ?? [operation]) }
}

/** Values first, in their order; behind them the negatives. */
function place(slopes: readonly number[]): Placed[] {
  let free = slopes.length
  return slopes.map((slope) => (slope < 0 ? { slope, negative: free++ } : { slope }))
}

function withNegatives(conv: Operation, placed: readonly Placed[], channels: number): Operation {
  const { kernel, bias } = kernelOf(conv)
  const negated = placed.flatMap(({ negative }, channel) => (negative === undefined ? [] : [channel]))
  const taken = (output: number, of: (channel: number) => number) => {
    if (output < placed.length) return of(output)
    const channel = negated[output - placed.length]
    return channel === undefined ? 0 : -of(channel)
  }
  const wide = rekernel(kernel, channels, kernel.shape[3] ?? 0, (output, input, old) =>
    taken(output, (channel) => old(channel, input)),
  )
  const biases = Float32Array.from({ length: channels }, (_, output) => taken(output, (channel) => bias.values[channel] ?? 0))
  return {
    ...conv,
    inputs: [conv.inputs[0]!, wide, constantOf([channels], biases)],
    output: withChannels(conv.output, channels),
  }
}

/** The 1×1 kernels of out = straight · pooled + relu(bent · pooled). */
function mixing(placed: readonly Placed[], channels: number, part: "bent" | "straight"): Constant {
  const weights = new Float32Array(channels * channels)
  for (const [channel, { slope, negative }] of placed.entries()) {
    const row = channel * channels
    if (negative !== undefined) {
      // The larger of P and t · N is t · N + relu(P − t · N), and t is −slope.
      if (part === "bent") weights[row + channel] = 1
      weights[row + negative] = part === "bent" ? slope : -slope
    } else if (part === "bent") weights[row + channel] = Math.abs(1 - slope)
    else weights[row + channel] = slope > 1 ? -slope : slope
  }
  return constantOf([channels, 1, 1, channels], weights)
}

function readBehind(next: Operation, sum: Tensor, placed: readonly Placed[], channels: number): Operation {
  const { kernel, bias } = kernelOf(next)
  const wide = rekernel(kernel, kernel.shape[0] ?? 0, channels, (output, input, old) => {
    const slope = placed[input]?.slope
    return slope === undefined ? 0 : slope > 1 ? -old(output, input) : old(output, input)
  })
  return { ...next, inputs: [sum, wide, bias] }
}
