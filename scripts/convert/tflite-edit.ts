import type { Model, Operation, Tensor } from "./tflite-reader.ts"

/** What the passes over a network have in common. */

export type Constant = Tensor & { readonly values: Float32Array }
export type Weighted = Extract<Operation, { kind: "conv" | "depthwise" }>

/** The weights among an operation's inputs, in their order. Throws when there are none. */
export function constantsOf(operation: Operation): [Constant, ...Constant[]] {
  const [first, ...others] = operation.inputs.filter((input): input is Constant => input.values !== undefined)
  if (first === undefined) throw new Error(`${operation.kind} without weights`)
  return [first, ...others]
}

export function constantOf(shape: readonly number[], values: Float32Array): Constant {
  return { name: "", shape, values }
}

/** Kernel of a convolution and its bias, which is zero where the file has none. */
export function kernelOf(operation: Operation): { readonly kernel: Constant; readonly bias: Constant } {
  const [kernel, bias] = constantsOf(operation)
  const outputs = operation.output.shape.at(-1) ?? 0
  return { kernel, bias: bias ?? constantOf([outputs], new Float32Array(outputs)) }
}

export function makersOf(model: Model): Map<Tensor, Operation> {
  return new Map(model.operations.map((operation) => [operation.output, operation]))
}

/** Who reads a value. */
export function readersOf(model: Model): Map<Tensor, Operation[]> {
  const readers = new Map<Tensor, Operation[]>()
  for (const operation of model.operations)
    for (const input of operation.inputs) readers.set(input, [...(readers.get(input) ?? []), operation])
  return readers
}

/**
 * A kernel [outputs, height, width, inputs] with other channels.
 * @param weightOf the new weight at (output, place, input), of which `old` gives what the kernel has there
 */
export function rekernel(
  { shape, values }: Constant,
  outputs: number,
  inputs: number,
  weightOf: (output: number, input: number, old: (output: number, input: number) => number) => number,
): Constant {
  const [, height = 1, width = 1, inputsBefore = 1] = shape
  const made = new Float32Array(outputs * height * width * inputs)
  let at = 0
  for (let output = 0; output < outputs; output++) {
    for (let place = 0; place < height * width; place++) {
      const old = (from: number, input: number) => values[(from * height * width + place) * inputsBefore + input] ?? 0
      for (let input = 0; input < inputs; input++) made[at++] = weightOf(output, input, old)
    }
  }
  return constantOf([outputs, height, width, inputs], made)
}

/** The same value with another number of channels. */
export function withChannels(tensor: Tensor, channels: number): Tensor {
  return { name: tensor.name, shape: [...tensor.shape.slice(0, -1), channels] }
}
