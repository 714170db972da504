import { CString, type Pointer } from "bun:ffi"
import type { LoadedNetwork } from "../session.ts"
import { type ElementType, elementArrays, type Tensor, valuesIn } from "../tensor.ts"
import type { Library } from "./library.ts"
import { cStrings, pointerIn, pointerSlots } from "./memory.ts"
import { assignedNodes, knowsAssignment, profiledNodes } from "./nodes.ts"
import type { Values } from "./values.ts"

/** So many combinations of input sizes are remembered with the sizes of what came out; then they are forgotten together. */
const plansMax = 256

/** How ONNX Runtime says that an array has not the size of what comes out: 1.17 to 1.23 the one, later versions the other. */
const otherSize = /OrtValue shape verification failed|has shape \{[^}]*\} but the computed output shape/

/** What a tensor is before its values are known. */
interface TensorPlan {
  readonly type: ElementType
  readonly shape: readonly number[]
}

/**
 * The network of an OrtSession, which it takes over.
 * @param profiled whether the session was opened with a profile, which has to be ended
 */
export function networkOver(library: Library, values: Values, session: Pointer, profiled: boolean): LoadedNetwork {
  const { call, must, take } = library
  // It belongs to the library.
  const allocator = take((out) => call.GetAllocatorWithDefaultOptions(out))
  const inputs = namedSlots(readNames("Input"))
  const outputs = namedSlots(readNames("Output"))
  const plans = new Map<string, readonly TensorPlan[]>()
  /** Whether the sizes of the outputs follow from those of the inputs. */
  let predictable = true
  let profiling = profiled
  let hasRun = false
  let nodes = knowsAssignment(library) ? assignedNodes(library, session) : undefined
  /** What the library reads and writes at this moment: not to be collected as garbage. */
  const inUse: { tensors?: readonly unknown[] } = {}

  function readNames(side: "Input" | "Output"): string[] {
    const count = pointerSlots(1)
    must(call[`SessionGet${side}Count`](session, count))
    return Array.from({ length: Number(count[0]) }, (_, index) => {
      const text = take((out) => call[`SessionGet${side}Name`](session, index, allocator, out))
      const name = String(new CString(text))
      must(call.AllocatorFree(allocator, text))
      return name
    })
  }

  /** @param into where the outputs go; undefined: into memory of the library's, of which they are copied */
  function compute(given: Readonly<Record<string, Tensor>>, into?: readonly Tensor[]): readonly Tensor[] {
    inUse.tensors = [given, into]
    try {
      for (const [index, name] of inputs.names.entries()) values.wrap(given[name]!, inputs.each[index]!)
      for (const [index, tensor] of (into ?? []).entries()) values.wrap(tensor, outputs.each[index]!)
      must(
        call.Run(
          ...[session, null, inputs.cNames, inputs.all, inputs.names.length],
          ...[outputs.cNames, outputs.names.length, outputs.all],
        ),
      )
      return into ?? outputs.names.map((name, index) => values.copy(name, pointerIn(outputs.all, index)!))
    } finally {
      for (const { all } of [inputs, outputs]) release(all)
      delete inUse.tensors
    }
  }

  function release(slots: BigUint64Array): void {
    for (let index = 0; index < slots.length; index++) {
      const value = pointerIn(slots, index)
      if (value !== null) call.ReleaseValue(value)
    }
    slots.fill(0n)
  }

  /**
   * Where these sizes were seen before, the library writes into arrays of ours and nothing is copied. It refuses to write what has
   * another size this time: then the sizes depend on the values, and outputs are copied from now on. Every other failure stands: a
   * second try would hide that an accelerator begins to break.
   */
  function run(given: Readonly<Record<string, Tensor>>): readonly Tensor[] {
    const sizes = inputs.names.map((name) => given[name]!.shape.join()).join(" ")
    const plan = predictable ? plans.get(sizes) : undefined
    if (plan !== undefined) {
      try {
        return compute(given, plan.map(emptyTensor))
      } catch (error) {
        if (!(error instanceof Error && otherSize.test(error.message))) throw error
        predictable = false
      }
    }
    const copied = compute(given)
    // A tensor without values has no address to write to.
    if (predictable && copied.every(({ data }) => data.length > 0)) {
      if (plans.size === plansMax) plans.clear()
      plans.set(
        sizes,
        copied.map(({ type, shape }) => ({ type, shape })),
      )
    }
    return copied
  }

  function endProfile(): void {
    profiling = false
    nodes = profiledNodes(library, session, allocator)
  }

  return {
    inputNames: inputs.names,
    outputNames: outputs.names,
    async run(given) {
      const tensors = run(given)
      hasRun = true
      return Object.fromEntries(outputs.names.map((name, index) => [name, tensors[index]!]))
    },
    nodesByProvider() {
      if (profiling && hasRun) endProfile()
      return nodes
    },
    async release() {
      if (profiling) endProfile()
      call.ReleaseSession(session)
    },
  }
}

/** Names as C wants them, and a place for the OrtValue of each. */
function namedSlots(names: readonly string[]) {
  const all = pointerSlots(names.length)
  return { names, cNames: cStrings(names), all, each: names.map((_, index) => all.subarray(index, index + 1)) }
}

function emptyTensor({ type, shape }: TensorPlan): Tensor {
  return { type, data: new elementArrays[type](valuesIn(shape)), shape } as Tensor
}
