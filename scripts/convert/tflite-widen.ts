import { type Constant, constantOf, kernelOf, rekernel, withChannels } from "./tflite-edit.ts"
import type { Model, Operation, Tensor } from "./tflite-reader.ts"

/**
 * Inner convolutions with as many channels as the runtime computes at once: the new ones are zero and nobody reads them. With
 * ten channels it leaves its layout of blocks of sixteen (eight on older processors) behind every layer and comes back to it.
 */
export function widen(model: Model): Model {
  const widened = new Map<Tensor, Tensor>()
  const operations = model.operations.map((operation): Operation => {
    const [x, ...others] = operation.inputs
    const input = (x && widened.get(x)) ?? x
    if (x === undefined || input === undefined) return operation
    const channels = operation.output.shape.at(-1) ?? 0
    switch (operation.kind) {
      case "conv": {
        const wanted = model.outputs.includes(operation.output) ? channels : blocksOf(channels)
        if (wanted === channels && input === x) return operation
        const { kernel, bias } = kernelOf(operation)
        const weights = [
          rekernel(kernel, wanted, input.shape.at(-1) ?? 0, (output, from, old) =>
            output < channels && from < (kernel.shape[3] ?? 0) ? old(output, from) : 0,
          ),
          longer(bias, wanted),
        ]
        return { ...operation, inputs: [input, ...weights], output: wider(operation.output, wanted) }
      }
      case "prelu":
      case "maxPool": {
        if (input === x) return operation
        const wanted = input.shape.at(-1) ?? 0
        const slopes = others.map((each) =>
          each.values === undefined ? each : longer({ ...each, values: each.values }, wanted),
        )
        return { ...operation, inputs: [input, ...slopes], output: wider(operation.output, wanted) }
      }
      default:
        if (input !== x) throw new Error(`${operation.kind} would have to read channels that are only there for speed`)
        return operation
    }
  })
  return { ...model, operations }

  function wider(tensor: Tensor, channels: number): Tensor {
    if (tensor.shape.at(-1) === channels) return tensor
    const made = withChannels(tensor, channels)
    widened.set(tensor, made)
    return made
  }
}

/** Up to the next multiple of what AVX-512 computes at once. */
export function blocksOf(channels: number): number {
  return Math.ceil(channels / 16) * 16
}

/** Zeros behind the values of each channel. */
function longer({ values }: Constant, channels: number): Constant {
  const made = new Float32Array(channels)
  made.set(values)
  return constantOf([channels], made)
}
