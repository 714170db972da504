import type { Session } from "./runtime.ts"
import { type Tensor, valuesIn } from "./tensor.ts"

/** What an adapter knows of a network; `sessionOver` makes a session of it. */
export interface LoadedNetwork {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  /** Is given each input once, with as many values as its shape says. */
  run(inputs: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>
  nodesByProvider(): ReadonlyMap<string, number> | undefined
  /** Called once at most. */
  release(): Promise<void>
}

/** Checks what is the same for both adapters before the runtime sees it, so that they refuse in the same words. */
export function sessionOver(network: LoadedNetwork): Session {
  const { inputNames, outputNames } = network
  let open = true
  return {
    inputNames,
    outputNames,
    async run(inputs) {
      if (!open) throw new Error("the network is closed")
      checkInputs(inputNames, inputs)
      return network.run(inputs)
    },
    nodesByProvider: () => network.nodesByProvider(),
    async close() {
      if (!open) return
      open = false
      await network.release()
    },
  }
}

function checkInputs(inputNames: readonly string[], inputs: Readonly<Record<string, Tensor>>): void {
  for (const name of inputNames) {
    const tensor = inputs[name]
    if (tensor === undefined) throw new Error(`input ${name} is missing; the network takes ${inputNames.join(", ")}`)
    const values = valuesIn(tensor.shape)
    if (tensor.data.length !== values) {
      throw new Error(
        `input ${name} holds ${tensor.data.length} values, and its shape [${tensor.shape.join(", ")}] says ${values}`,
      )
    }
  }
  for (const name of Object.keys(inputs)) {
    if (!inputNames.includes(name)) throw new Error(`the network has no input ${name}; it takes ${inputNames.join(", ")}`)
  }
}

/** The start of an ONNX entry that names a file beside the network: field 1, eight letters, "location". */
const externalLocation = Buffer.from("\n\x08location", "latin1")

/** A network may keep its weights in files beside it, which some versions of the runtime would read from wherever the process stands. */
export function refuseExternalData(bytes: Uint8Array): void {
  if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(externalLocation)) {
    throw new Error("the network points to a file outside itself, whose bytes nobody checked")
  }
}
