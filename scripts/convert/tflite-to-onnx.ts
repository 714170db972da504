import { unreachable } from "../../app/base/assert.ts"
import { createOnnxGraph, type OnnxAttribute, type OnnxGraph } from "./onnx-writer.ts"
import { permute } from "./permute.ts"
import { addBend, addPrelu } from "./prelu.ts"
import { bendPrelus } from "./tflite-bend.ts"
import { type Constant, constantsOf } from "./tflite-edit.ts"
import { foldSpelledOut } from "./tflite-folds.ts"
import { joinHeads } from "./tflite-heads.ts"
import { poolBeforePrelus } from "./tflite-pool.ts"
import { type Operation, readTflite, type Tensor, type Window } from "./tflite-reader.ts"
import { widen } from "./tflite-widen.ts"

export interface ConversionOptions {
  /** Names of the outputs, in the order of the file. */
  readonly outputs: readonly string[]
  /** `any`: the network slides over pictures of every size; `fixed`: the size is that of the file. */
  readonly pictureSize: "fixed" | "any"
  /**
   * The network was trained on pictures mirrored along the diagonal (x and y exchanged). Mirroring its kernels instead gives
   * the same answers for ordinary pictures.
   */
  readonly mirrored: boolean
  /**
   * `published`: operation by operation as the file has it; `fast`: the same function in the form that the runtime computes
   * fastest, equal but for the rounding of single floats.
   */
  readonly form: "published" | "fast"
}

/**
 * A TensorFlow Lite network as ONNX: one `input` [n, 3, h, w] instead of [1, h, w, 3], any number of pictures at a time. The
 * weights are reordered, never changed.
 */
export function tfliteToOnnx(file: Uint8Array, options: ConversionOptions): Uint8Array {
  const published = foldSpelledOut(readTflite(file))
  const model = options.form === "fast" ? bendPrelus(widen(poolBeforePrelus(joinHeads(published)))) : published
  const graph = createOnnxGraph("network")
  const outputNames = new Map(model.outputs.map((tensor, index) => [tensor, options.outputs[index]]))
  const values = new Map<Tensor, string>()

  for (const tensor of model.inputs) values.set(tensor, graph.input("input", planarShape(tensor, options, ["h", "w"])))
  for (const operation of model.operations) {
    const inputs = operation.inputs.map((tensor) => values.get(tensor) ?? "")
    values.set(operation.output, addOperation(graph, operation, inputs, options, outputNames.get(operation.output)))
  }
  for (const [tensor, name] of outputNames) {
    if (name === undefined) throw new Error(`no name is given for the output ${tensor.name}`)
    graph.output(name, planarShape(tensor, options, ["rows", "columns"]))
  }
  return graph.toBytes()
}

/** Adds one operation; values of four axes are [n, c, h, w] from here on. Returns the name of its output. */
function addOperation(
  graph: OnnxGraph,
  operation: Operation,
  inputs: readonly string[],
  options: ConversionOptions,
  output: string | undefined,
): string {
  const [x = ""] = inputs
  const node = (operator: string, nodeInputs: readonly string[], attributes: Record<string, OnnxAttribute> = {}) =>
    graph.node(operator, nodeInputs, attributes, output)
  switch (operation.kind) {
    case "conv":
    case "depthwise": {
      const depthwise = operation.kind === "depthwise"
      const [kernel, ...bias] = constantsOf(operation)
      const { values, shape } = toPlanarKernel(kernel, depthwise ? [3, 0] : [0, 3], options)
      const weights = [graph.constant(values, shape), ...bias.map((each) => graph.constant(each.values, each.shape))]
      const group = depthwise ? shape[0]! : 1
      return node("Conv", [x, ...weights], { kernel_shape: shape.slice(2), ...windowAttributes(operation), group })
    }
    case "maxPool":
      return node("MaxPool", [x], { kernel_shape: operation.size, ...windowAttributes(operation) })
    case "dense": {
      const [weights, ...bias] = constantsOf(operation)
      const shape = operation.inputs[0]!.shape
      const flat = shape.length === 4 ? graph.node("Flatten", [x], { axis: 1 }) : x
      // A row of weights follows the flattened value: height, width, channels there, channels first here.
      const rows = { ...weights, shape: shape.length === 4 ? [weights.shape[0]!, ...shape.slice(1)] : weights.shape }
      const { values } = shape.length === 4 ? toPlanarKernel(rows, [0, 3], options) : rows
      const others = bias.map((each) => graph.constant(each.values, each.shape))
      return node("Gemm", [flat, graph.constant(values, weights.shape), ...others], { transB: 1 })
    }
    case "prelu": {
      const slopes = constantsOf(operation)[0].values
      if (operation.output.shape.length !== 4) return node("PRelu", [x, graph.constant(slopes, [slopes.length])])
      if (options.form === "fast") return addPrelu(graph, x, slopes, output)
      return node("PRelu", [x, graph.constant(slopes, [slopes.length, 1, 1])])
    }
    case "bend": {
      const [across, above] = constantsOf(operation)
      return addBend(graph, x, across.values, above?.values ?? across.values, output)
    }
    case "reshape": {
      const [, height, width] = operation.inputs[0]!.shape
      if (height !== 1 || width !== 1) throw new Error("flattening more than one pixel would mix the order of the values")
      return node("Flatten", [x], { axis: 1 })
    }
    case "softmax":
      return node("Softmax", [x], { axis: 1 })
    case "add":
      return node("Add", inputs)
    case "relu":
      return node("Relu", [x])
    case "absolute":
    case "divide":
    case "exp":
    case "maximum":
    case "multiply":
    case "negate":
    case "subtract":
    case "sum":
      throw new Error(`${operation.kind} stands outside of a PReLU or softmax, where we know no use of it`)
    default:
      return unreachable(operation)
  }
}

/** Both formats mean the same by SAME: an odd pixel of padding goes to the right and to the bottom. */
function windowAttributes({ padding, strides }: Window): Record<string, OnnxAttribute> {
  return { strides, auto_pad: padding === "SAME" ? "SAME_UPPER" : "VALID" }
}

/** Axes 1 and 2 of a kernel are height and width; they go last, in the other order for a mirrored network. */
function toPlanarKernel({ values, shape }: Constant, front: readonly [number, number], { mirrored }: ConversionOptions) {
  const order = [...front, ...(mirrored ? [2, 1] : [1, 2])]
  return { values: permute(values, shape, order), shape: order.map((axis) => shape[axis]!) }
}

/** [n, h, w, c] → [n, c, h, w]; the number of pictures is always free. */
function planarShape({ shape }: Tensor, { pictureSize }: ConversionOptions, free: readonly [string, string]) {
  if (shape.length !== 4) return ["n", ...shape.slice(1)]
  const [, height, width, channels] = shape as [number, number, number, number]
  return pictureSize === "any" ? ["n", channels, ...free] : ["n", channels, height, width]
}
