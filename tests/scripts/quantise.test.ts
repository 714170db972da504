import { describe, expect, test } from "bun:test"
import { InferenceSession } from "onnxruntime-node"
import { type FloatTensor, openNetwork } from "../../app/inference/engine/ort.ts"
import { createOnnxGraph } from "../../scripts/convert/onnx-writer.ts"
import { createObserver } from "../../scripts/quantise/measure.ts"
import { readNetwork } from "../../scripts/quantise/network.ts"
import { planFor } from "../../scripts/quantise/plan.ts"
import { createHistogram, type Range, stepsFor, widen } from "../../scripts/quantise/ranges.ts"
import { quantise } from "../../scripts/quantise/rewrite.ts"
import { tempFolder } from "../support/shared.ts"

const shape = [1, 3, 12, 12]
/** Largest difference of an answer, as a share of its largest value. */
const differenceMax = 0.03

/** Numbers on both sides of zero, the same each time. */
function waves(count: number, size: number, phase = 0): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => Math.sin(index * 12.9898 + phase) * size)
}

/** A branch with ReLU, one pooled, both joined and added to what they came from; the last convolution is the answer. */
function smallNetwork(): Uint8Array {
  const graph = createOnnxGraph("small")
  const convolve = (x: string, inner: number, outer: number, phase: number, output?: string) => {
    // Channels of very different sizes: one scale for all of them would lose the small ones.
    const weights = waves(inner * outer * 9, 0.5, phase).map((value, at) => value * 4 ** (Math.floor(at / (inner * 9)) % 3))
    const inputs = [x, graph.constant(weights, [outer, inner, 3, 3]), graph.constant(waves(outer, 0.2, phase), [outer])]
    return graph.node("Conv", inputs, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }, output)
  }
  const first = graph.node("Relu", [convolve(graph.input("x", shape), 3, 4, 0)])
  const second = graph.node("Relu", [convolve(first, 4, 4, 1)])
  const sum = graph.node("Add", [first, second])
  const pooled = graph.node("MaxPool", [sum], { kernel_shape: [2, 2], strides: [2, 2] })
  convolve(pooled, 4, 2, 2, "y")
  graph.output("y", [1, 2, 6, 6])
  return graph.toBytes()
}

async function answers(network: Uint8Array, inputs: readonly FloatTensor[]): Promise<Float32Array[]> {
  const opened = await openNetwork(network, { threads: 1, asPublished: true })
  const outputs: Float32Array[] = []
  for (const input of inputs) outputs.push(Float32Array.from((await opened.run(input)).y?.data ?? []))
  await opened.close()
  return outputs
}

async function rangesOf(file: Uint8Array, inputs: readonly FloatTensor[]): Promise<Map<string, Range>> {
  const network = readNetwork(file)
  const { values } = planFor(network)
  const observer = createObserver(values, "x", network.outputs)
  const opened = await openNetwork(network.withOutputs(values.filter((value) => value !== "x")), { threads: 1 })
  const watched = observer.watch(opened)
  for (const input of inputs) await watched.run(input)
  observer.startCounting()
  for (const input of inputs) await watched.run(input)
  await opened.close()
  return observer.ranges(0)
}

/** The largest difference of two lists of answers, as a share of the largest value. */
function difference(wanted: readonly Float32Array[], found: readonly Float32Array[]): number {
  const largest = Math.max(...wanted.flatMap((values) => [...values].map(Math.abs)))
  const differences = wanted.flatMap((values, at) => [...values].map((value, i) => Math.abs(value - (found[at]?.[i] ?? 0))))
  return Math.max(...differences) / largest
}

const seen: FloatTensor[] = [0, 1, 2].map((phase) => ({ data: waves(432, 1, phase), shape }))
const unseen: FloatTensor[] = [0.5, 1.5].map((phase) => ({ data: waves(432, 1, phase), shape }))

describe("a network in whole numbers", () => {
  test.each([13, 11])("keeps its answers within a bound (opset %d)", async (opset) => {
    const file = smallNetwork()
    // The writer puts the version of the operators last.
    file[file.length - 1] = opset
    const network = readNetwork(file)
    expect(network.opset).toBe(opset)
    const whole = quantise(network, planFor(network), await rangesOf(file, seen))
    const wanted = await answers(file, unseen)
    const found = await answers(whole, unseen)
    expect(found.map(({ length }) => length)).toEqual([72, 72])
    expect(difference(wanted, found)).toBeLessThan(differenceMax)
    // Not the same network once more.
    expect(difference(wanted, found)).toBeGreaterThan(1e-5)
  })

  test("is computed in whole numbers by the runtime", async () => {
    const file = smallNetwork()
    const network = readNetwork(file)
    const whole = quantise(network, planFor(network), await rangesOf(file, seen))
    using folder = tempFolder()
    const optimizedModelFilePath = folder.file("optimised.onnx")
    const session = await InferenceSession.create(whole, { optimizedModelFilePath, logSeverityLevel: 4 })
    await session.release()
    // Weights or bias with a scale that does not fit those around them are left as they are, and computed in floats.
    const operators = readNetwork(await Bun.file(optimizedModelFilePath).bytes()).nodes.map(({ operator }) => operator)
    expect(operators.filter((operator) => operator.startsWith("QLinear"))).toEqual(["QLinearConv", "QLinearConv", "QLinearAdd"])
  })

  test("a range that is half of what it should be is not within it", async () => {
    const file = smallNetwork()
    const network = readNetwork(file)
    const ranges = await rangesOf(file, seen)
    const wanted = await answers(file, unseen)
    for (const [name, { low, high }] of ranges) {
      if (planFor(network).rangeFrom.has(name)) continue
      const broken = new Map(ranges).set(name, { low: low / 2, high: high / 2 })
      const found = await answers(quantise(network, planFor(network), broken), unseen)
      expect(difference(wanted, found)).toBeGreaterThan(differenceMax)
    }
  })

  test("the last weights stay floats, and nothing is rounded between a convolution and its ReLU", () => {
    const network = readNetwork(smallNetwork())
    const { nodes, values, rangeFrom } = planFor(network)
    expect([...nodes].map(({ operator }) => operator)).toEqual(["Conv", "Relu", "Conv", "Relu", "Add", "MaxPool"])
    const outputsOf = (operator: string) =>
      network.nodes.filter((node) => node.operator === operator).flatMap(({ outputs }) => outputs)
    expect(values).toEqual(["x", ...outputsOf("Relu"), ...outputsOf("Add"), ...outputsOf("MaxPool")])
    // The largest of four has the range of the four.
    expect([...rangeFrom]).toEqual([[outputsOf("MaxPool")[0]!, outputsOf("Add")[0]!]])
  })
})

describe("ranges", () => {
  test("nought is a step of its own, whatever the range", () => {
    for (const range of [
      { low: -1, high: 3 },
      { low: 2, high: 5 },
      { low: -7, high: -1 },
      { low: 0, high: 0 },
    ]) {
      const { scale, zero } = stepsFor(range)
      expect(Number.isInteger(zero) && zero >= 0 && zero <= 255).toBe(true)
      // Both ends are within half a step.
      expect((255 - zero) * scale).toBeGreaterThanOrEqual(range.high - scale / 2)
      expect(-zero * scale).toBeLessThanOrEqual(range.low + scale / 2)
    }
  })

  test("a share of the values is cut off on either side", () => {
    const values = Float32Array.from({ length: 70_000 }, (_, at) => at / 70_000)
    values[0] = -50
    values[values.length - 7] = 50
    const range = widen({ low: Infinity, high: -Infinity }, values)
    expect(range).toEqual({ low: -50, high: 50 })
    const histogram = createHistogram(range)
    histogram.add(values)
    expect(histogram.within(0)).toEqual(range)
    const { low, high } = histogram.within(1e-3)
    expect(low).toBeGreaterThan(-0.1)
    expect(high).toBeLessThan(1.1)
    expect(high).toBeGreaterThan(0.9)
  })
})
