import { constantOf, kernelOf, makersOf, rekernel, withChannels } from "./tflite-edit.ts"
import type { Model } from "./tflite-reader.ts"

/**
 * A sliding network whose heads are `softmax(two channels)` and four corrections, both made from one value, as one head of five
 * channels: what stands in front of the softmax as "second less first", then the four. The share of the second is
 * 1 / (1 + e^−difference), which the reader works out for the few cells that matter; the softmax of all cells took a tenth of the
 * network's time, and each head's convolution computes sixteen channels at least.
 */
export function joinHeads(model: Model): Model {
  const makers = makersOf(model)
  const [shares, corrections] = model.outputs.map((output) => makers.get(output))
  const logits = shares?.kind === "softmax" ? makers.get(shares.inputs[0]!) : undefined
  const x = logits?.inputs[0]
  if (shares === undefined || logits?.kind !== "conv" || corrections?.kind !== "conv" || corrections.inputs[0] !== x)
    return model
  const [asked, corrected] = [kernelOf(logits), kernelOf(corrections)]
  const inputs = asked.kernel.shape[3] ?? 0
  const outputs = 1 + (corrected.kernel.shape[0] ?? 0)
  const difference = rekernel(asked.kernel, 1, inputs, (_, input, old) => old(1, input) - old(0, input))
  const kernel = new Float32Array([...difference.values, ...corrected.kernel.values])
  const bias = new Float32Array([asked.bias.values[1]! - asked.bias.values[0]!, ...corrected.bias.values])
  const joined = withChannels(corrections.output, outputs)
  const weights = [constantOf([outputs, ...asked.kernel.shape.slice(1)], kernel), constantOf([outputs], bias)]
  const others = model.operations.filter((operation) => ![shares, logits, corrections].includes(operation))
  return { ...model, outputs: [joined], operations: [...others, { ...corrections, inputs: [x!, ...weights], output: joined }] }
}
