import { type Field, fieldsOf, textOf } from "../../app/inference/engine/protobuf.ts"

/** A node of an ONNX file. Attributes that are no whole numbers are left out: our networks do not ask for them. */
export interface OnnxNode {
  readonly operator: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly integers: Readonly<Record<string, readonly number[]>>
}

export interface OnnxTensor {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

export interface OnnxFile {
  /** In an order in which each one's inputs are there before it. */
  readonly nodes: readonly OnnxNode[]
  /** Weights and constants that are floats. */
  readonly tensors: ReadonlyMap<string, OnnxTensor>
}

/** Numbers of onnx.proto's fields (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). */
const graphOfModel = 7
const graphField = { node: 1, initializer: 5 }
const nodeField = { input: 1, output: 2, operator: 4, attribute: 5 }
const attributeField = { name: 1, integer: 3, tensor: 5, integers: 8 }
const tensorField = { side: 1, type: 2, floats: 4, name: 8, raw: 9 }
const float32 = 1

/** Throws for what is no ONNX file, and for weights in a form that is not ours. */
export function readOnnx(file: Uint8Array): OnnxFile {
  const graph = [...fieldsOf(file)].find(({ number }) => number === graphOfModel)
  if (graph === undefined) throw new Error("the file holds no network")
  const parts = [...fieldsOf(graph.content)]
  const tensors = new Map<string, OnnxTensor>()
  for (const { number, content } of parts) if (number === graphField.initializer) addTensor(tensors, content)
  const nodes = parts.filter(({ number }) => number === graphField.node).map(({ content }) => readNode(content, tensors))
  return { nodes, tensors }
}

/** A constant is a node without inputs whose attribute is the value: it becomes a tensor under the name of its output. */
function readNode(node: Uint8Array, tensors: Map<string, OnnxTensor>): OnnxNode {
  const fields = [...fieldsOf(node)]
  const texts = (wanted: number) => fields.filter(({ number }) => number === wanted).map(textOf)
  const outputs = texts(nodeField.output)
  const integers: Record<string, number[]> = {}
  for (const { number, content } of fields) {
    if (number !== nodeField.attribute) continue
    const parts = [...fieldsOf(content)]
    const values = parts.filter((part) => part.number === attributeField.integer || part.number === attributeField.integers)
    integers[textOf(parts.find((part) => part.number === attributeField.name))] = values.map(({ value }) => value)
    const tensor = parts.find((part) => part.number === attributeField.tensor)
    if (tensor !== undefined) addTensor(tensors, tensor.content, outputs[0])
  }
  return { operator: texts(nodeField.operator)[0] ?? "", inputs: texts(nodeField.input), outputs, integers }
}

function addTensor(tensors: Map<string, OnnxTensor>, tensor: Uint8Array, name?: string): void {
  const fields = [...fieldsOf(tensor)]
  const find = (wanted: number): Field | undefined => fields.find(({ number }) => number === wanted)
  if (find(tensorField.type)?.value !== float32) return
  const bytes = Buffer.from(find(tensorField.raw)?.content ?? find(tensorField.floats)?.content ?? [])
  const values = Float32Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(4 * at))
  const shape = fields.filter(({ number }) => number === tensorField.side).map(({ value }) => value)
  const size = shape.reduce((product, side) => product * side, 1)
  if (values.length !== size)
    throw new Error(`${name ?? textOf(find(tensorField.name))} has ${values.length} values, not ${size}`)
  tensors.set(name ?? textOf(find(tensorField.name)), { shape, values })
}
