import { type Field, fieldsOf, message, tag, textOf, wireType, writeVarint } from "../../app/inference/engine/protobuf.ts"
import { type OnnxTensor, readOnnx } from "../convert/onnx-reader.ts"

/**
 * An ONNX file taken apart so far that nodes can be given other inputs and new nodes stand between them; whatever nobody names
 * here stays byte for byte. The format: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */

/** Numbers of onnx.proto's fields and enumerations. */
const modelField = { graph: 7, opset: 8 }
const opsetField = { domain: 1, version: 2 }
const graphField = { node: 1, initializer: 5, input: 11, output: 12 }
const nodeField = { input: 1, output: 2, operator: 4, attribute: 5, domain: 7 }
const attributeField = { name: 1, integer: 3, type: 20 }
const integerAttribute = 2
const tensorField = { side: 1, type: 2, name: 8, raw: 9 }
const valueField = { name: 1 }
/** TensorProto.DataType. */
const elementTypes = { float32: 1, uint8: 2, int8: 3, int32: 6 } as const

export interface NetworkNode {
  readonly operator: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly integers: Readonly<Record<string, readonly number[]>>
  /** The node with its inputs under these names. */
  withInputs(names: readonly string[]): Uint8Array
}

export interface EditableNetwork {
  /** In an order in which each one's inputs are there before it. */
  readonly nodes: readonly NetworkNode[]
  /** Weights and constants that are floats. */
  readonly tensors: ReadonlyMap<string, OnnxTensor>
  /** What is given from outside: names of pictures, not of weights. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Version of ONNX's own operators that the file asks for. */
  readonly opset: number
  /** The file with these as further outputs. */
  withOutputs(names: readonly string[]): Uint8Array
  /**
   * The file with other nodes and further weights.
   * @param dropped names of weights that no node reads any more
   * @param domains of operators that are not ONNX's own
   */
  rebuilt(
    nodes: readonly Uint8Array[],
    weights: readonly Uint8Array[],
    dropped: ReadonlySet<string>,
    domains: readonly string[],
  ): Uint8Array
}

/** Throws for what is no ONNX file. */
export function readNetwork(file: Uint8Array): EditableNetwork {
  const fields = [...fieldsOf(file)]
  const graph = fields.find(({ number }) => number === modelField.graph)
  if (graph === undefined) throw new Error("the file holds no network")
  const parts = [...fieldsOf(graph.content)]
  const { tensors, nodes } = readOnnx(file)
  const named = (wanted: number) =>
    parts.filter(({ number }) => number === wanted).map(({ content }) => nameOf(content, valueField.name))
  const weights = new Set(
    parts.filter(({ number }) => number === graphField.initializer).map(({ content }) => nameOf(content, tensorField.name)),
  )
  const rawNodes = parts.filter(({ number }) => number === graphField.node).map(({ content }) => content)
  const withGraph = (graphParts: readonly Uint8Array[]) =>
    fields.map((field) => (field === graph ? message(modelField.graph, graphParts) : field.bytes))

  return {
    nodes: nodes.map((node, at) => ({ ...node, withInputs: (names) => withInputs(rawNodes[at]!, names) })),
    tensors,
    inputs: named(graphField.input).filter((name) => !weights.has(name)),
    outputs: named(graphField.output),
    opset: opsetOf(fields),
    withOutputs(names) {
      const outputs = names.map((name) => message(graphField.output, [text(valueField.name, name)]))
      return Buffer.concat(withGraph([...parts.map(({ bytes }) => bytes), ...outputs]))
    },
    rebuilt(newNodes, newWeights, dropped, domains) {
      const kept = parts.filter(
        ({ number, content }) =>
          number !== graphField.node &&
          !(number === graphField.initializer && dropped.has(nameOf(content, tensorField.name))) &&
          !(number === graphField.input && dropped.has(nameOf(content, valueField.name))),
      )
      const added = domains.map((domain) =>
        message(modelField.opset, [text(opsetField.domain, domain), integer(opsetField.version, 1)]),
      )
      return Buffer.concat([
        ...withGraph([
          ...newNodes.map((node) => message(graphField.node, [node])),
          ...kept.map(({ bytes }) => bytes),
          ...newWeights.map((weight) => message(graphField.initializer, [weight])),
        ]),
        ...added,
      ])
    },
  }
}

/** A node with one output. @param integers its attributes @param domain empty for ONNX's own operators */
export function writeNode(
  operator: string,
  inputs: readonly string[],
  output: string,
  integers: Readonly<Record<string, number>> = {},
  domain = "",
): Uint8Array {
  return Buffer.concat([
    ...inputs.map((name) => text(nodeField.input, name)),
    text(nodeField.output, output),
    text(nodeField.operator, operator),
    ...Object.entries(integers).map(([name, value]) =>
      message(nodeField.attribute, [
        text(attributeField.name, name),
        integer(attributeField.integer, value),
        integer(attributeField.type, integerAttribute),
      ]),
    ),
    ...(domain === "" ? [] : [text(nodeField.domain, domain)]),
  ])
}

export function writeTensor(
  name: string,
  values: Float32Array | Int32Array | Int8Array | Uint8Array,
  shape: readonly number[],
): Uint8Array {
  return Buffer.concat([
    ...shape.map((side) => integer(tensorField.side, side)),
    integer(tensorField.type, elementTypeOf(values)),
    text(tensorField.name, name),
    message(tensorField.raw, [new Uint8Array(values.buffer, values.byteOffset, values.byteLength)]),
  ])
}

function elementTypeOf(values: Float32Array | Int32Array | Int8Array | Uint8Array): number {
  if (values instanceof Float32Array) return elementTypes.float32
  if (values instanceof Int32Array) return elementTypes.int32
  return values instanceof Int8Array ? elementTypes.int8 : elementTypes.uint8
}

function withInputs(node: Uint8Array, names: readonly string[]): Uint8Array {
  const others = [...fieldsOf(node)].filter(({ number }) => number !== nodeField.input)
  return Buffer.concat([...names.map((name) => text(nodeField.input, name)), ...others.map(({ bytes }) => bytes)])
}

function opsetOf(fields: readonly Field[]): number {
  for (const { number, content } of fields) {
    if (number !== modelField.opset) continue
    const parts = [...fieldsOf(content)]
    if (textOf(parts.find((part) => part.number === opsetField.domain)) !== "") continue
    return parts.find((part) => part.number === opsetField.version)?.value ?? 1
  }
  throw new Error("the file does not say which version of ONNX's operators it uses")
}

function nameOf(content: Uint8Array, field: number): string {
  return textOf([...fieldsOf(content)].find(({ number }) => number === field))
}

function text(field: number, content: string): Buffer {
  return message(field, [Buffer.from(content)])
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([tag(field, wireType.varint), writeVarint(value)])
}
