import { type FaceApiTensor, readFaceApiWeights } from "./face-api-weights.ts"
import { createOnnxGraph } from "./onnx-writer.ts"
import { permute } from "./permute.ts"

/** What the training subtracted from red, green and blue, before it divided by 255. */
const meanPixel = Float32Array.of(122.782, 117.001, 104.298)
const picturePx = 112
/** After four blocks that halve the picture, 7 × 7 pixels of 256 channels are left. */
const lastPx = 7
const points = 68

/**
 * The 68-point network as ONNX: `input` [n, 3, 112, 112], RGB 0..255, to `output` [n, 136], x and y in turns as fractions of
 * the picture. Its weights file names the tensors but not how they are connected: four dense blocks, in which each convolution
 * sees the sum of all values before it.
 */
export function faceApiLandmarksToOnnx(manifestJson: string, file: Uint8Array): Uint8Array {
  const tensors = readFaceApiWeights(manifestJson, file)
  const graph = createOnnxGraph("network")

  function tensor(name: string): FaceApiTensor {
    const found = tensors.get(name)
    if (found === undefined) throw new Error(`the weights hold no tensor ${name}`)
    return found
  }

  /** A kernel [height, width, in, out] with its axes in `order`; a depthwise one is grouped by its channels. */
  function conv(x: string, kernelName: string, options: { stride: number; depthwise?: boolean; bias?: string }): string {
    const { values, shape } = tensor(kernelName)
    const order = options.depthwise === true ? [2, 3, 0, 1] : [3, 2, 0, 1]
    const kernelShape = order.map((axis) => shape[axis]!)
    const weights = [graph.constant(permute(values, shape, order), kernelShape)]
    if (options.bias !== undefined) weights.push(graph.constant(tensor(options.bias).values, tensor(options.bias).shape))
    return graph.node("Conv", [x, ...weights], {
      kernel_shape: kernelShape.slice(2),
      strides: [options.stride, options.stride],
      auto_pad: "SAME_UPPER",
      group: options.depthwise === true ? kernelShape[0]! : 1,
    })
  }

  function separable(x: string, name: string, stride: number): string {
    const filtered = conv(x, `${name}/depthwise_filter`, { stride, depthwise: true })
    return conv(filtered, `${name}/pointwise_filter`, { stride: 1, bias: `${name}/bias` })
  }

  function block(x: string, name: string, isFirst: boolean): string {
    const entry = isFirst
      ? conv(x, `${name}/conv0/filters`, { stride: 2, bias: `${name}/conv0/bias` })
      : separable(x, `${name}/conv0`, 2)
    let sum = graph.node("Relu", [entry])
    let seen = sum
    for (const layer of ["conv1", "conv2", "conv3"]) {
      sum = graph.node("Add", [sum, separable(seen, `${name}/${layer}`, 1)])
      seen = graph.node("Relu", [sum])
    }
    return seen
  }

  const centred = graph.node("Sub", [
    graph.input("input", ["n", 3, picturePx, picturePx]),
    graph.constant(meanPixel, [1, 3, 1, 1]),
  ])
  let x = graph.node("Div", [centred, graph.constant(Float32Array.of(255), [1])])
  for (const index of [0, 1, 2, 3]) x = block(x, `dense${index}`, index === 0)
  const pooled = graph.node("AveragePool", [x], { kernel_shape: [lastPx, lastPx] })
  const { values, shape } = tensor("fc/weights")
  const bias = tensor("fc/bias")
  const last = [graph.node("Flatten", [pooled], { axis: 1 }), graph.constant(values, shape)]
  graph.node("Gemm", [...last, graph.constant(bias.values, bias.shape)], {}, "output")
  graph.output("output", ["n", 2 * points])
  return graph.toBytes()
}
