import { type FlatTable, readFlatRoot } from "./flatbuffer.ts"

/**
 * Reads TensorFlow Lite files (tensorflow/compiler/mlir/lite/schema/schema.fbs), as much of the format as our networks use;
 * anything else throws, so that nothing is converted into something that only looks alike.
 */

/** A value of the network, height before width before channels. `values` are there for constants alone. */
export interface Tensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly values?: Float32Array
}

export interface Window {
  readonly padding: "SAME" | "VALID"
  readonly strides: readonly [vertical: number, horizontal: number]
}

export type Operation = { readonly inputs: readonly Tensor[]; readonly output: Tensor } & (
  | ({ readonly kind: "conv" | "depthwise" } & Window)
  | ({ readonly kind: "maxPool"; readonly size: readonly [height: number, width: number] } & Window)
  | { readonly kind: PlainKind }
)

export interface Model {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  /** In an order in which each one's inputs are there before it. */
  readonly operations: readonly Operation[]
}

/** `BuiltinOperator` of the schema. */
const plainKinds = {
  0: "add",
  9: "dense",
  18: "multiply",
  19: "relu",
  22: "reshape",
  41: "subtract",
  42: "divide",
  47: "exp",
  59: "negate",
  74: "sum",
  82: "maximum",
  101: "absolute",
} as const
/** The last three are in no file: passes over the network make them. */
type PlainKind = (typeof plainKinds)[keyof typeof plainKinds] | "prelu" | "softmax" | "bend"

/** Where the schema puts a fused activation among an operation's options. */
const activationField: Readonly<Record<string, number>> = { add: 0, dense: 0, multiply: 0, subtract: 0, divide: 0 }

const float32 = 0

export function readTflite(file: Uint8Array): Model {
  const root = readFlatRoot(file)
  // Newer writers use the wide field; the byte before it then holds a filler.
  const codes = root.tables(1).map((code) => Math.max(code.int8(0), code.int32(3)))
  const buffers = root.tables(4)
  const [graph, ...others] = root.tables(2)
  if (graph === undefined || others.length > 0) throw new Error(`a network of ${others.length} graphs besides the main one`)
  const tensors = graph.tables(0).map((table) => readTensor(table, buffers))

  return {
    inputs: pick(tensors, graph.int32s(1)),
    outputs: pick(tensors, graph.int32s(2)),
    operations: graph.tables(3).map((table) => {
      const [output, ...more] = pick(tensors, table.int32s(2))
      if (output === undefined || more.length > 0) throw new Error("an operation without exactly one output")
      const code = codes[table.int32(0)] ?? -1
      return { ...readKind(code, table.table(4)), inputs: pick(tensors, table.int32s(1)), output }
    }),
  }
}

function readTensor(table: FlatTable, buffers: readonly FlatTable[]): Tensor {
  const plain = { name: table.text(3), shape: table.int32s(0) }
  const bytes = buffers[table.int32(2)]?.bytes(0)
  // Integers are axes and shapes of operations whose meaning our networks leave no choice about.
  if (bytes === undefined || bytes.length === 0 || table.int8(1) !== float32) return plain
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values = Float32Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(4 * index, true))
  return { ...plain, values }
}

type Kind = Operation extends infer Each ? (Each extends Operation ? Omit<Each, "inputs" | "output"> : never) : never

function readKind(code: number, options: FlatTable | undefined): Kind {
  switch (code) {
    case 3:
      return { kind: "conv", ...readWindow(options, { activation: 3, dilations: [4, 5] }) }
    case 4:
      return { kind: "depthwise", ...readWindow(options, { activation: 4, dilations: [5, 6] }) }
    case 17: {
      const size = [options?.int32(4) ?? 0, options?.int32(3) ?? 0] as const
      return { kind: "maxPool", ...readWindow(options, { activation: 5, dilations: [] }), size }
    }
    default: {
      const kind = (plainKinds as Readonly<Record<number, PlainKind>>)[code]
      if (kind === undefined) throw new Error(`operator ${code} is not one of ours`)
      const field = activationField[kind]
      if (field !== undefined) refuseActivation(options?.int8(field) ?? 0)
      return { kind }
    }
  }
}

/** Padding and strides stand at the same place for all windows; a dilation other than 1 is not ours. */
function readWindow(
  options: FlatTable | undefined,
  fields: { readonly activation: number; readonly dilations: readonly number[] },
): Window {
  if (options === undefined) throw new Error("a window without options")
  refuseActivation(options.int8(fields.activation))
  if (fields.dilations.some((field) => options.int32(field, 1) !== 1)) throw new Error("a dilated window is not one of ours")
  return { padding: options.int8(0) === 0 ? "SAME" : "VALID", strides: [options.int32(2), options.int32(1)] }
}

function refuseActivation(activation: number): void {
  if (activation !== 0) throw new Error(`the fused activation ${activation} is not one of ours`)
}

/** An optional input that is left out has the number -1. */
function pick(tensors: readonly Tensor[], numbers: readonly number[]): Tensor[] {
  return numbers.flatMap((number) => tensors[number] ?? [])
}
