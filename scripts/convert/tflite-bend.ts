import { type Constant, constantOf, constantsOf, kernelOf, readersOf, rekernel } from "./tflite-edit.ts"
import type { Model, Operation, Tensor } from "./tflite-reader.ts"

/**
 * PReLUs as `bend`: a · x + relu(b · x) with b ≥ 0, which the runtime computes in two passes over the value where relu(x) −
 * slope · relu(−x) takes three. A slope up to 1 is bent upwards: a = slope, b = 1 − slope. A larger one bends downwards; the
 * negated PReLU then bends upwards, and whoever reads the channel has the sign of its weights turned. Where somebody reads it
 * who has no weights, the PReLU stays as it is.
 */
export function bendPrelus(model: Model): Model {
  const readers = readersOf(model)
  /** Values of which some channels came out negated: −1 for those. */
  const signs = new Map<Tensor, Float32Array>()
  const operations = model.operations.map((operation): Operation => {
    if (operation.kind === "prelu" && operation.output.shape.length === 4) {
      const slopes = constantsOf(operation)[0].values
      const steep = slopes.some((slope) => slope > 1)
      if (steep && !(readers.get(operation.output) ?? []).every(canTurn)) return operation
      if (steep)
        signs.set(
          operation.output,
          slopes.map((slope) => (slope > 1 ? -1 : 1)),
        )
      const across = constantOf(
        [slopes.length],
        slopes.map((slope) => (slope > 1 ? -slope : slope)),
      )
      const above = constantOf(
        [slopes.length],
        slopes.map((slope) => Math.abs(1 - slope)),
      )
      return { kind: "bend", inputs: [operation.inputs[0]!, across, above], output: operation.output }
    }
    const turned = signs.get(operation.inputs[0]!)
    return turned === undefined ? operation : turn(operation, turned)
  })
  return { ...model, operations }
}

function canTurn(reader: Operation): boolean {
  return reader.kind === "conv" || reader.kind === "depthwise"
}

function turn(operation: Operation, signs: Float32Array): Operation {
  const { kernel, bias } = kernelOf(operation)
  // A depthwise kernel is [1, height, width, channels]: its last axis is the channel it reads as well.
  const turned: Constant = rekernel(
    kernel,
    kernel.shape[0] ?? 0,
    signs.length,
    (output, input, old) => old(output, input) * signs[input]!,
  )
  return { ...operation, inputs: [operation.inputs[0]!, turned, bias] }
}
