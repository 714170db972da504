import { join } from "node:path"
import { nowTickMs } from "../../../app/base/ticks.ts"
import type { FloatTensor, Network } from "../../../app/inference/engine/ort.ts"
import { median } from "../support/statistics.ts"
import type { Measured, VariantName } from "./variants.ts"

/** Milliseconds of one pass over `inputs`, the variants by turns: whatever slows the machine for a moment meets all of them. */
export async function timeVariants(
  networks: ReadonlyMap<VariantName, Network>,
  inputs: readonly FloatTensor[],
  repeats: number,
): Promise<Map<VariantName, { readonly p50Ms: number; readonly p10Ms: number }>> {
  const times = new Map([...networks.keys()].map((name) => [name, [] as number[]]))
  for (let repeat = -3; repeat < repeats; repeat++) {
    for (const [name, network] of networks) {
      const startTickMs = nowTickMs()
      for (const input of inputs) await network.run(input)
      if (repeat >= 0) times.get(name)?.push(nowTickMs() - startTickMs)
    }
  }
  const tenth = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 10)] ?? Number.NaN
  return new Map([...times].map(([name, values]) => [name, { p50Ms: median(values), p10Ms: tenth(values) }]))
}

/** Passes in a second of two processes at once. */
export async function throughputOfTwo(
  folder: string,
  { file, variants }: Measured,
  inputs: readonly FloatTensor[],
  seconds: number,
): Promise<Map<VariantName, number>> {
  const tensors: string[] = []
  for (const [at, { data, shape }] of inputs.entries()) {
    const path = join(folder, `${file}.${at}.f32`)
    await Bun.write(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    tensors.push(`${shape.join("x")}=${path}`)
  }
  const rates = new Map<VariantName, number>()
  for (const { name, bytes, asPublished } of variants) {
    const weights = join(folder, `${name}-${file}`)
    await Bun.write(weights, bytes)
    const command = [
      join(import.meta.dir, "worker.ts"),
      weights,
      asPublished ? "published" : "prepared",
      `${seconds}`,
      ...tensors,
    ]
    const workers = [0, 1].map(() => Bun.spawn([process.execPath, ...command], { stdout: "pipe", stderr: "inherit" }))
    const printed = await Promise.all(workers.map((worker) => new Response(worker.stdout).text()))
    rates.set(
      name,
      printed.reduce((sum, text) => sum + Number(text), 0),
    )
  }
  return rates
}
