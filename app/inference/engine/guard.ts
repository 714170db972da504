import { plainWords } from "../providers/words.ts"
import type { FloatTensor, Network } from "./ort.ts"

/**
 * A network on an accelerator, doubted at every run: it may break at any time, and it may do so without a word. Networks on the
 * processor are not wrapped and pay nothing.
 */
export interface GuardedNetwork extends Network {
  /**
   * Asks the known question once more, if there was a run since the last time that could not carry it along. What the network said
   * in between may leave the engine only after this. Rejects with a `ProviderFault`.
   * @param always also when there was none
   */
  verify(always?: boolean): Promise<void>
}

export interface KnownAnswer {
  /** Of more than one row: the network takes rows in any number, and each row has an answer of its own. */
  readonly input: FloatTensor
  /** What this very network answered when it was compared with the processor and found to be right. */
  readonly outputs: Readonly<Record<string, FloatTensor>>
  /** Least cosine between an output and the known one: 0.999, or 0.99 in half precision. Its length may be off by as much. */
  readonly cosineMin: number
}

/** `error`: the run failed. `wrong`: it did not, and its answer is none; nothing this session says can be believed. */
export type FaultKind = "error" | "wrong"

/** The provider is at fault, and not the picture. */
export class ProviderFault extends Error {
  readonly kind: FaultKind

  constructor(kind: FaultKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/**
 * Where the network takes rows in any number, one row of the known question travels along with each run, and its answer is compared:
 * what spoils a run or all that follow is noticed in that very run. Else `verify` asks it separately. Either way no output with
 * a value that is no number gets out.
 * @param name of the network, for messages
 */
export function guardNetwork(name: string, network: Network, known: KnownAnswer): GuardedNetwork {
  const carried = known.input.shape[0]! > 1 ? firstRow(known) : undefined
  // Two vectors of one length whose cosine is c are √(2 − 2c) apart.
  const distanceMax = Math.sqrt(2 - 2 * known.cosineMin)
  let joined = new Float32Array(0)
  let unverified = false

  async function ask(input: FloatTensor): Promise<Readonly<Record<string, FloatTensor>>> {
    const outputs = await network.run(input).catch((error: unknown) => {
      throw new ProviderFault("error", `${name}: ${plainWords(error)}`, { cause: error })
    })
    for (const [output, { data }] of Object.entries(outputs)) {
      if (!allFinite(data)) throw new ProviderFault("wrong", `${name}: output ${output} holds values that are no numbers`)
    }
    return outputs
  }

  async function askCarrying({ data, shape }: FloatTensor, { input, outputs: expected }: KnownAnswer) {
    const [rows = 0, ...rowShape] = shape
    const values = data.length + input.data.length
    if (joined.length < values) joined = new Float32Array(values)
    joined.set(data)
    joined.set(input.data, data.length)
    const outputs = await ask({ data: joined.subarray(0, values), shape: [rows + 1, ...rowShape] })
    const wanted: Record<string, FloatTensor> = {}
    const answered: Record<string, FloatTensor> = {}
    for (const [output, { data: all, shape: allShape }] of Object.entries(outputs)) {
      const rowValues = all.length / (rows + 1)
      wanted[output] = { data: all.subarray(0, rows * rowValues), shape: [rows, ...allShape.slice(1)] }
      answered[output] = { data: all.subarray(rows * rowValues), shape: [1, ...allShape.slice(1)] }
    }
    compare(answered, expected)
    return wanted
  }

  function compare(outputs: Readonly<Record<string, FloatTensor>>, expected: KnownAnswer["outputs"]) {
    for (const [output, { data }] of Object.entries(expected)) {
      const distance = relativeDistance(outputs[output]?.data, data)
      // Not `>`: what cannot be compared is wrong, too.
      if (distance <= distanceMax) continue
      const figure = Number.isNaN(distance)
        ? "it has another shape"
        : `off by ${percent(distance)}, at most ${percent(distanceMax)} is right`
      throw new ProviderFault("wrong", `${name}: output ${output} of the known question came out differently: ${figure}`)
    }
  }

  return {
    ...network,
    run(input) {
      if (carried !== undefined && sameRows(input.shape, known.input.shape)) return askCarrying(input, carried)
      unverified = true
      return ask(input)
    },
    async verify(always = false) {
      if (!unverified && !always) return
      compare(await ask(known.input), known.outputs)
      unverified = false
    },
  }
}

/** The first row of a known answer as one of its own. */
function firstRow({ input, outputs, cosineMin }: KnownAnswer): KnownAnswer {
  const rows = input.shape[0]!
  const cut = ({ data, shape }: FloatTensor): FloatTensor => ({
    data: data.slice(0, data.length / rows),
    shape: [1, ...shape.slice(1)],
  })
  return {
    input: cut(input),
    outputs: Object.fromEntries(Object.entries(outputs).map(([key, all]) => [key, cut(all)])),
    cosineMin,
  }
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

function sameRows(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.slice(1).every((side, index) => side === b[index + 1])
}

/** Infinity and NaN times nothing are NaN, and a sum does not lose it: one pass without branches. */
function allFinite(values: Float32Array): boolean {
  let sum = 0
  for (let index = 0; index < values.length; index++) sum += values[index]! * 0
  return sum === 0
}

/** Length of the difference as a share of the length of `expected`; NaN when they cannot be compared. */
function relativeDistance(found: Float32Array | undefined, expected: Float32Array): number {
  if (found === undefined || found.length !== expected.length) return Number.NaN
  let [off, whole] = [0, 0]
  for (let index = 0; index < expected.length; index++) {
    off += (found[index]! - expected[index]!) ** 2
    whole += expected[index]! ** 2
  }
  return off === 0 ? 0 : Math.sqrt(off / whole)
}
