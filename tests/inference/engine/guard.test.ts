import { describe, expect, test } from "bun:test"
import { guardNetwork, ProviderFault } from "../../../app/inference/engine/guard.ts"
import type { FloatTensor, Network } from "../../../app/inference/engine/ort.ts"

/** Twice the sum of each row, and its first value: a network small enough to be wrong on purpose. Takes rows in any number. */
function rowNetwork(spoil: (outputs: Record<string, FloatTensor>, run: number) => void = () => undefined) {
  let runs = 0
  const rowsSeen: number[] = []
  const network: Network = {
    outputNames: ["pair"],
    run: async ({ data, shape: [rows = 0, width = 0] }) => {
      const pair = new Float32Array(rows * 2)
      for (let row = 0; row < rows; row++) {
        const values = data.subarray(row * width, (row + 1) * width)
        pair.set([2 * values.reduce((sum, value) => sum + value, 0), values[0]!], 2 * row)
      }
      rowsSeen.push(rows)
      const outputs = { pair: { data: pair, shape: [rows, 2] } }
      spoil(outputs, ++runs)
      return outputs
    },
    nodesByProvider: () => undefined,
    close: async () => undefined,
  }
  return { network, rowsSeen }
}

const asked: FloatTensor = { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] }
const right = [12, 1, 30, 4]

async function guarded(known: Pick<FloatTensor, "shape"> & { values: number[] }, spoil?: Parameters<typeof rowNetwork>[0]) {
  const input = { data: Float32Array.from(known.values), shape: known.shape }
  const outputs = await rowNetwork().network.run(input)
  const { network, rowsSeen } = rowNetwork(spoil)
  return { network: guardNetwork("pairs.onnx", network, { input, outputs, cosineMin: 0.999 }), rowsSeen }
}

const severalRows = { values: [9, 8, 7, 6, 5, 4], shape: [2, 3] }
const oneQuestion = { values: [9, 8, 7, 6], shape: [1, 4] }

describe("a network on an accelerator", () => {
  test("carries a row of its known question along with each run, and the caller does not see it", async () => {
    const { network, rowsSeen } = await guarded(severalRows)
    const { pair } = await network.run(asked)
    expect([[...pair!.data], pair!.shape, rowsSeen]).toEqual([right, [2, 2], [3]])
    await network.verify()
    expect(rowsSeen).toEqual([3])
  })

  test("that takes one picture only is asked the known question after it, once", async () => {
    const { network, rowsSeen } = await guarded(oneQuestion)
    await network.run(asked)
    await network.verify()
    await network.verify()
    expect(rowsSeen).toEqual([2, 1])
  })

  test("that fails says so in words that name no machine", async () => {
    const words = "CUDA failure 719: launch failure ; GPU=0 ; hostname=box7 ; file=/src/cuda_call.cc ; line=121 ; expr=sync();"
    const { network } = await guarded(oneQuestion, () => {
      throw new Error(words)
    })
    const fault = await network.run(asked).catch((error: unknown) => error)
    expect(fault).toBeInstanceOf(ProviderFault)
    expect(fault).toMatchObject({ kind: "error", message: "pairs.onnx: CUDA failure 719: launch failure" })
  })

  const faults: readonly [string, Parameters<typeof rowNetwork>[0]][] = [
    ["other values", ({ pair }) => void pair!.data.reverse()],
    ["values of another size in the same direction", ({ pair }) => pair!.data.set(pair!.data.map((value) => value * 1.1))],
    ["nothing but zeros", ({ pair }) => void pair!.data.fill(0)],
    ["a value that is no number", ({ pair }) => void pair!.data.fill(Number.NaN, 0, 1)],
    ["a value without end", ({ pair }) => void pair!.data.fill(Number.NEGATIVE_INFINITY, 1, 2)],
  ]
  test.each(faults)("that answers with %s is found wrong in the very run", async (_, spoil) => {
    const { network } = await guarded(severalRows, spoil)
    expect(await faultOf(network.run(asked))).toBe("wrong")
  })
  test.each(faults)("that takes one picture and answers with %s is found wrong before the answer leaves", async (_, spoil) => {
    const { network } = await guarded(oneQuestion, spoil)
    const fault = await faultOf(network.run(asked).then(() => network.verify()))
    expect(fault).toBe("wrong")
  })

  test("that fails says so as the provider's fault, with its own words", async () => {
    const { network } = await guarded(severalRows, () => {
      throw new Error("device lost")
    })
    const run = network.run(asked)
    await expect(run).rejects.toThrow("pairs.onnx: device lost")
    expect(await faultOf(run)).toBe("error")
  })
})

async function faultOf(run: Promise<unknown>): Promise<string | undefined> {
  return run.then(
    () => undefined,
    (error: unknown) => (error instanceof ProviderFault ? error.kind : String(error)),
  )
}
