import type { FloatTensor, Network } from "../../app/inference/engine/ort.ts"
import type { Outputs } from "../bench/models/outputs.ts"
import { createHistogram, type Histogram, type Range, widen } from "./ranges.ts"

/** What a network was given, and what it said to it. */
export interface Example {
  readonly input: FloatTensor
  readonly outputs: Outputs
}

/** Watches the values of one network over two rounds of the same pictures. */
export interface Observer {
  /** Answers as the network does, and remembers. @param network gives the watched values among its outputs */
  watch(network: Network): Network
  /** Between the rounds: from here on, values are counted by size. */
  startCounting(): void
  /** By value; outside a range lies at most this share of what was seen, on either side. */
  ranges(outsideShare: number): Map<string, Range>
  /** Some of what was seen, spread over the pictures. */
  readonly examples: readonly Example[]
}

const examplesMax = 32
/** A network that is asked several times a picture is remembered only now and then. */
const exampleEvery = 3

/**
 * @param values names of what is watched; the picture that is given counts under the name `input`
 * @param answers names of the outputs that are the network's own
 */
export function createObserver(values: readonly string[], input: string, answers: readonly string[]): Observer {
  const seen = new Map<string, Range>()
  const counted = new Map<string, Histogram>()
  const examples: Example[] = []
  let counting = false
  let runs = 0

  function look(name: string, { data }: FloatTensor): void {
    if (counting) counted.get(name)?.add(data)
    else seen.set(name, widen(seen.get(name) ?? { low: Infinity, high: -Infinity }, data))
  }

  return {
    examples,
    watch: (network) => ({
      ...network,
      async run(picture) {
        if (values.includes(input)) look(input, picture)
        const outputs = await network.run(picture)
        for (const name of values) {
          const output = outputs[name]
          if (output !== undefined) look(name, output)
        }
        if (counting && runs++ % exampleEvery === 0 && examples.length < examplesMax) {
          const own = answers.flatMap((name) => (outputs[name] === undefined ? [] : [[name, outputs[name]] as const]))
          examples.push({ input: { ...picture, data: picture.data.slice() }, outputs: Object.fromEntries(own) })
        }
        return outputs
      },
    }),
    startCounting() {
      counting = true
      for (const [name, range] of seen) counted.set(name, createHistogram(range))
    },
    ranges(outsideShare) {
      return new Map([...counted].map(([name, histogram]) => [name, histogram.within(outsideShare)]))
    },
  }
}
