import type { OnnxGraph } from "./onnx-writer.ts"

/**
 * PReLU over the channels of [n, c, h, w] as relu(x) − slope · relu(−x). ONNX Runtime has fast code for ReLU and for
 * convolutions on the CPU but not for PReLU, and a 1×1 convolution of each channel by itself is a plain multiplication:
 * MobileFaceNet runs 1.8 times as fast with it, bit for bit the same.
 */
export function addPrelu(graph: OnnxGraph, x: string, slopes: Float32Array, output?: string): string {
  const channels = slopes.length
  const scaled = (value: string, factors: Float32Array) =>
    graph.node("Conv", [value, graph.constant(factors, [channels, 1, 1, 1])], { kernel_shape: [1, 1], group: channels })
  const negative = graph.node("Relu", [scaled(x, new Float32Array(channels).fill(-1))])
  const sloped = scaled(
    negative,
    slopes.map((slope) => -slope),
  )
  return graph.node("Add", [sloped, graph.node("Relu", [x])], {}, output)
}
