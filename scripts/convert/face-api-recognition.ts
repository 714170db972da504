import { type FaceApiTensor, readFaceApiWeights } from "./face-api-weights.ts"
import { createOnnxGraph } from "./onnx-writer.ts"
import { permute } from "./permute.ts"

const picturePx = 150
const dimension = 128

/**
 * The stages of dlib's face recognition network (`dlib/examples/dnn_face_recognition_ex.cpp`) after its first convolution, with
 * the names the weights file has for them. A `halving` block looks at every second pixel; where it has more channels than the
 * block before, those of the shortcut are zero.
 */
const blocks = [
  { name: "conv32_1", halving: false },
  { name: "conv32_2", halving: false },
  { name: "conv32_3", halving: false },
  { name: "conv64_down", halving: true },
  { name: "conv64_1", halving: false },
  { name: "conv64_2", halving: false },
  { name: "conv64_3", halving: false },
  { name: "conv128_down", halving: true },
  { name: "conv128_1", halving: false },
  { name: "conv128_2", halving: false },
  { name: "conv256_down", halving: true },
  { name: "conv256_1", halving: false },
  { name: "conv256_2", halving: false },
  { name: "conv256_down_out", halving: true },
] as const

/** A value of the graph, [n, channels, sidePx, sidePx]. */
interface Planes {
  readonly value: string
  readonly channels: number
  readonly sidePx: number
}

/**
 * dlib's 29 convolutions with residual connections as ONNX: `input` [n, 3, 150, 150], RGB less its mean, divided by 256, to
 * `descriptor` [n, 128], not of unit length. The file holds each convolution and the factors and shifts of the affine layer
 * behind it; both become one convolution here.
 */
export function faceApiRecognitionToOnnx(manifestJson: string, file: Uint8Array): Uint8Array {
  const tensors = readFaceApiWeights(manifestJson, file)
  const graph = createOnnxGraph("network")

  function tensor(name: string): FaceApiTensor {
    const found = tensors.get(name)
    if (found === undefined) throw new Error(`the weights hold no tensor ${name}`)
    return found
  }

  /** A kernel [height, width, in, out], then factor · x + shift for each channel. `stride` 2 goes without padding. */
  function conv({ value, channels, sidePx }: Planes, name: string, stride: 1 | 2): Planes {
    const { values, shape } = tensor(`${name}/conv/filters`)
    const [kernelPx = 0, , inputs = 0, outputs = 0] = shape
    if (inputs !== channels) throw new Error(`${name} takes ${inputs} channels, the layer before it gives ${channels}`)
    const factors = tensor(`${name}/scale/weights`).values
    const shifts = tensor(`${name}/scale/biases`).values
    const biases = tensor(`${name}/conv/bias`).values.map((bias, out) => bias * factors[out]! + shifts[out]!)
    const scaled = values.map((weight, index) => weight * factors[index % outputs]!)
    const kernel = graph.constant(permute(scaled, shape, [3, 2, 0, 1]), [outputs, inputs, kernelPx, kernelPx])
    const margin = stride === 1 ? (kernelPx - 1) / 2 : 0
    const result = graph.node("Conv", [value, kernel, graph.constant(biases, [outputs])], {
      kernel_shape: [kernelPx, kernelPx],
      strides: [stride, stride],
      pads: [margin, margin, margin, margin],
    })
    return { value: result, channels: outputs, sidePx: Math.floor((sidePx + 2 * margin - kernelPx) / stride) + 1 }
  }

  function relu(x: Planes): Planes {
    return { ...x, value: graph.node("Relu", [x.value]) }
  }

  /** Every 2 × 2 pixels one, and zeros for the channels that are missing up to `channels`: as many again, or none. */
  function shortcut(x: Planes, channels: number): Planes {
    const pooled = graph.node("AveragePool", [x.value], { kernel_shape: [2, 2], strides: [2, 2] })
    const sidePx = Math.floor(x.sidePx / 2)
    if (channels === x.channels) return { value: pooled, channels, sidePx }
    if (channels !== 2 * x.channels) throw new Error(`${x.channels} channels cannot become ${channels}`)
    const zeros = graph.node("Mul", [pooled, graph.constant(Float32Array.of(0), [1])])
    return { value: graph.node("Concat", [pooled, zeros], { axis: 1 }), channels, sidePx }
  }

  /** Zeros at the right and below, as a 1×1 convolution that changes nothing else: of all operators it takes the padding as attribute. */
  function grown({ value, channels, sidePx }: Planes, toPx: number): Planes {
    const more = toPx - sidePx
    if (more === 0) return { value, channels, sidePx }
    const padded = graph.node("Conv", [value, graph.constant(new Float32Array(channels).fill(1), [channels, 1, 1, 1])], {
      kernel_shape: [1, 1],
      pads: [0, 0, more, more],
      group: channels,
    })
    return { value: padded, channels, sidePx: toPx }
  }

  function block(x: Planes, name: string, halving: boolean): Planes {
    const inner = conv(relu(conv(x, `${name}/conv1`, halving ? 2 : 1)), `${name}/conv2`, 1)
    const around = halving ? shortcut(x, inner.channels) : x
    const fitted = grown(inner, around.sidePx)
    return relu({ ...fitted, value: graph.node("Add", [fitted.value, around.value]) })
  }

  const picture = { value: graph.input("input", ["n", 3, picturePx, picturePx]), channels: 3, sidePx: picturePx }
  const entry = relu(conv(picture, "conv32_down", 2))
  const pooled = graph.node("MaxPool", [entry.value], { kernel_shape: [3, 3], strides: [2, 2] })
  let x: Planes = { ...entry, value: pooled, sidePx: Math.floor((entry.sidePx - 3) / 2) + 1 }
  for (const { name, halving } of blocks) x = block(x, name, halving)
  const mean = graph.node("AveragePool", [x.value], { kernel_shape: [x.sidePx, x.sidePx] })
  const { values, shape } = tensor("fc")
  const flat = graph.node("Flatten", [mean], { axis: 1 })
  graph.node("Gemm", [flat, graph.constant(values, shape)], {}, "descriptor")
  graph.output("descriptor", ["n", dimension])
  return graph.toBytes()
}
