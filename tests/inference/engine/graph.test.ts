import { describe, expect, test } from "bun:test"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { InferenceSession, Tensor } from "onnxruntime-node"
import { withLeakyRelus } from "../../../app/inference/engine/graph.ts"
import { createOnnxGraph } from "../../../scripts/convert/onnx-writer.ts"
import { sharedModels } from "../../support/shared.ts"

const shape = [1, 2, 3, 3]
const slopeOfAll = -2.3125
const slopesOfEach = [0.25, 3.5]

/** A PReLU with one slope, and behind it one with a slope for each of the two channels. */
function twoPrelus(): Uint8Array {
  const graph = createOnnxGraph("two")
  const x = graph.input("x", shape)
  const first = graph.node("PRelu", [x, graph.constant(Float32Array.of(slopeOfAll), [1, 1, 1])])
  graph.node("PRelu", [first, graph.constant(Float32Array.from(slopesOfEach), [2, 1, 1])], {}, "y")
  graph.output("y", shape)
  return graph.toBytes()
}

/** Values on both sides of zero, the same each time. */
function values(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => Math.sin(index * 12.9898) * 3)
}

async function answer(network: Uint8Array, input: Float32Array, inputShape: readonly number[]): Promise<Float32Array> {
  const session = await InferenceSession.create(network, { logSeverityLevel: 3, intraOpNumThreads: 1 })
  const results = await session.run({ [session.inputNames[0]!]: new Tensor("float32", input, inputShape) })
  const [output] = Object.values(results)
  const answered = Float32Array.from(output?.data as Float32Array)
  await session.release()
  return answered
}

function countOf(network: Uint8Array, operator: string): number {
  return Buffer.from(network).toString("latin1").split(operator).length - 1
}

describe("a network is rewritten into an equal one", () => {
  test("a PReLU with one slope becomes a LeakyReLU, one with several stays", async () => {
    const published = twoPrelus()
    const rewritten = withLeakyRelus(published)
    expect([countOf(rewritten, "LeakyRelu"), countOf(rewritten, "PRelu")]).toEqual([1, 1])
    const input = values(18)
    const wanted = input.map((value, index) => {
      const first = value < 0 ? Math.fround(value * slopeOfAll) : value
      return first < 0 ? first * slopesOfEach[index < 9 ? 0 : 1]! : first
    })
    expect(await answer(rewritten, input, shape)).toEqual(wanted)
    expect(await answer(published, input, shape)).toEqual(wanted)
  })

  test("a network without such a PReLU is given back as it came", () => {
    const graph = createOnnxGraph("relu")
    graph.node("Relu", [graph.input("x", shape)], {}, "y")
    graph.output("y", shape)
    const network = graph.toBytes()
    expect(withLeakyRelus(network)).toBe(network)
  })

  test("bytes that are no network, or half of one, are left to the runtime's own reader", () => {
    const half = twoPrelus().subarray(0, 100)
    const noise = crypto.getRandomValues(new Uint8Array(1000))
    const endless = new Uint8Array(100).fill(0xff)
    for (const bytes of [half, noise, endless, new Uint8Array(0)]) expect(withLeakyRelus(bytes)).toBe(bytes)
  })

  test.skipIf(sharedModels() === undefined)("face-reidentification-retail-0095 answers with the same bits", async () => {
    const published = await readFile(join(sharedModels()!, "face-reidentification-retail-0095.onnx"))
    const rewritten = withLeakyRelus(published)
    expect([countOf(rewritten, "LeakyRelu"), countOf(rewritten, "PRelu")]).toEqual([48, 0])
    const input = values(3 * 128 * 128).map((value) => 127.5 + value * 42)
    expect(await answer(rewritten, input, [1, 3, 128, 128])).toEqual(await answer(published, input, [1, 3, 128, 128]))
  })
})
