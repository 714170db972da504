import { join } from "node:path"
import { nowTickMs } from "../../../app/base/ticks.ts"
import type { FloatTensor, Network } from "../../../app/inference/engine/ort.ts"
import { median } from "../support/statistics.ts"
import type { Variant } from "./variants.ts"
import type { Work } from "./worker.ts"

/** One network in one form, and what it is given for a frame. */
export interface Part {
  readonly file: string
  readonly variant: Variant
  readonly network: Network
  readonly inputs: readonly FloatTensor[]
}

export interface Times {
  readonly p50Ms: number
  readonly p10Ms: number
}

/** Milliseconds of one pass over all parts of each form. */
export function timeForms(forms: ReadonlyMap<string, readonly Part[]>, repeats: number): Promise<Map<string, Times>> {
  const passes = [...forms].map(([name, parts]) => {
    const pass = async () => {
      for (const { network, inputs } of parts) for (const input of inputs) await network.run(input)
    }
    return [name, pass] as const
  })
  return timeByTurns(new Map(passes), repeats)
}

/** Milliseconds of each, by turns: whatever slows the machine for a moment meets all of them. */
export async function timeByTurns(
  passes: ReadonlyMap<string, () => Promise<unknown>>,
  repeats: number,
): Promise<Map<string, Times>> {
  const times = new Map([...passes.keys()].map((name) => [name, [] as number[]]))
  for (let repeat = -3; repeat < repeats; repeat++) {
    for (const [name, pass] of passes) {
      const startTickMs = nowTickMs()
      await pass()
      if (repeat >= 0) times.get(name)?.push(nowTickMs() - startTickMs)
    }
  }
  const tenth = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 10)] ?? Number.NaN
  return new Map([...times].map(([name, values]) => [name, { p50Ms: median(values), p10Ms: tenth(values) }]))
}

/** Passes over all parts in a second, of two processes at once. @param folder for what the processes read */
export async function rateOfTwo(folder: string, parts: readonly Part[], seconds: number): Promise<number> {
  const networks: Work["networks"] = []
  for (const { file, variant, inputs } of parts) {
    const tensors: { path: string; shape: number[] }[] = []
    for (const [at, { data, shape }] of inputs.entries()) {
      const path = join(folder, `${file}.${at}.f32`)
      await Bun.write(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
      tensors.push({ path, shape: [...shape] })
    }
    const weights = join(folder, `${variant.name}-${file}`)
    await Bun.write(weights, variant.bytes)
    networks.push({ weights, asPublished: variant.asPublished, tensors })
  }
  const command = [process.execPath, join(import.meta.dir, "worker.ts"), JSON.stringify({ seconds, networks } satisfies Work)]
  const workers = [0, 1].map(() => Bun.spawn(command, { stdout: "pipe", stderr: "inherit" }))
  const printed = await Promise.all(workers.map((worker) => new Response(worker.stdout).text()))
  return printed.reduce((sum, text) => sum + Number(text), 0)
}
