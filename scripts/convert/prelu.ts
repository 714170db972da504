import type { OnnxGraph } from "./onnx-writer.ts"

/**
 * PReLU over the channels of [n, c, h, w] as relu(x) − slope · relu(−x). ONNX Runtime has fast code for ReLU and for
 * convolutions on the CPU but not for PReLU, and a 1×1 convolution of each channel by itself is a plain multiplication:
 * MobileFaceNet runs 1.8 times as fast with it, bit for bit the same.
 */
export function addPrelu(graph: OnnxGraph, x: string, slopes: Float32Array, output?: string): string {
  const negative = graph.node("Relu", [addScaled(graph, x, new Float32Array(slopes.length).fill(-1))])
  const sloped = addScaled(
    graph,
    negative,
    slopes.map((slope) => -slope),
  )
  return graph.node("Add", [sloped, graph.node("Relu", [x])], {}, output)
}

/** across · x + relu(above · x) for each channel: the runtime fuses ReLU and sum into the two multiplications. */
export function addBend(graph: OnnxGraph, x: string, across: Float32Array, above: Float32Array, output?: string): string {
  const bent = graph.node("Relu", [addScaled(graph, x, above)])
  return graph.node("Add", [addScaled(graph, x, across), bent], {}, output)
}

function addScaled(graph: OnnxGraph, x: string, factors: Float32Array): string {
  const weights = graph.constant(factors, [factors.length, 1, 1, 1])
  return graph.node("Conv", [x, weights], { kernel_shape: [1, 1], group: factors.length })
}
