/**
 * Writes ONNX files (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), as much of the format as our networks need. The
 * same calls give the same bytes, so that a SHA-256 in a manifest holds on every machine.
 */

import { type ElementType, elementNames } from "../../app/inference/engine/tensor.ts"

/** A side is a number, or a name where any size is taken. */
export type OnnxShape = readonly (number | string)[]
export type OnnxAttribute = number | string | readonly number[]

export interface OnnxGraph {
  /** Each of these returns the name of the value it made. */
  input(name: string, shape: OnnxShape, type?: ElementType): string
  constant(values: Float32Array, shape: readonly number[]): string
  /** @param output the name the value shall have; one is made up when it does not matter */
  node(operator: string, inputs: readonly string[], attributes?: Record<string, OnnxAttribute>, output?: string): string
  output(name: string, shape: OnnxShape, type?: ElementType): void
  toBytes(): Uint8Array
}

/** Opset 13 and format 7 are old enough for every runtime a box may bring along. */
const opset = 13
const formatVersion = 7

/** Numbers of onnx.proto's fields and enumerations. */
const model = { formatVersion: 1, producer: 2, graph: 7, opset: 8 }
const graphField = { node: 1, name: 2, initializer: 5, input: 11, output: 12 }
const nodeField = { input: 1, output: 2, operator: 4, attribute: 5 }
const attributeField = { name: 1, integer: 3, text: 4, integers: 8, type: 20 }
const attributeType = { integer: 2, text: 3, integers: 7 }
const tensorField = { side: 1, type: 2, name: 8, raw: 9 }
const float32 = 1

export function createOnnxGraph(name: string): OnnxGraph {
  const nodes: Buffer[] = []
  const initializers: Buffer[] = []
  const inputs: Buffer[] = []
  const outputs: Buffer[] = []
  let values = 0

  return {
    input(name, shape, type = "float32") {
      inputs.push(message(graphField.input, valueInfo(name, shape, type)))
      return name
    },
    constant(data, shape) {
      const name = `w${++values}`
      const sides = shape.map((side) => integer(tensorField.side, side))
      const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      const tensor = [...sides, integer(tensorField.type, float32), text(tensorField.name, name), bytes(tensorField.raw, raw)]
      initializers.push(message(graphField.initializer, tensor))
      return name
    },
    node(operator, inputNames, attributes = {}, output = `v${++values}`) {
      const node = [
        ...inputNames.map((name) => text(nodeField.input, name)),
        text(nodeField.output, output),
        text(nodeField.operator, operator),
        ...Object.entries(attributes).map(([name, value]) => message(nodeField.attribute, attribute(name, value))),
      ]
      nodes.push(message(graphField.node, node))
      return output
    },
    output(name, shape, type = "float32") {
      outputs.push(message(graphField.output, valueInfo(name, shape, type)))
    },
    toBytes() {
      const graph = [...nodes, text(graphField.name, name), ...initializers, ...inputs, ...outputs]
      return Buffer.concat([
        integer(model.formatVersion, formatVersion),
        text(model.producer, "gatehouse"),
        message(model.graph, graph),
        message(model.opset, [text(1, ""), integer(2, opset)]),
      ])
    },
  }
}

function attribute(name: string, value: OnnxAttribute): Buffer[] {
  const named = text(attributeField.name, name)
  if (typeof value === "string") {
    return [named, text(attributeField.text, value), integer(attributeField.type, attributeType.text)]
  }
  if (typeof value === "number") {
    return [named, integer(attributeField.integer, value), integer(attributeField.type, attributeType.integer)]
  }
  const integers = value.map((each) => integer(attributeField.integers, each))
  return [named, ...integers, integer(attributeField.type, attributeType.integers)]
}

/** Name and type of an input or output: ValueInfoProto → TypeProto → Tensor → TensorShapeProto → Dimension. */
function valueInfo(name: string, shape: OnnxShape, type: ElementType): Buffer[] {
  const sides = shape.map((side) => message(1, [typeof side === "number" ? integer(1, side) : text(2, side)]))
  const tensorType = message(1, [integer(1, elementNames.indexOf(type)), message(2, sides)])
  return [text(1, name), message(2, [tensorType])]
}

// Protocol buffers: a field is its number and wire type, then a varint (type 0) or length and bytes (type 2).

function integer(field: number, value: number): Buffer {
  return Buffer.from([...varint(field << 3), ...varint(value)])
}

function bytes(field: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([...varint((field << 3) | 2), ...varint(content.length)]), content])
}

function text(field: number, content: string): Buffer {
  return bytes(field, Buffer.from(content))
}

function message(field: number, fields: readonly Buffer[]): Buffer {
  return bytes(field, Buffer.concat(fields))
}

/** Seven bits a byte, lowest first; the top bit says that more follow. `value` is not negative. */
function varint(value: number): number[] {
  const groups: number[] = []
  let rest = value
  while (rest > 127) {
    groups.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  return [...groups, rest]
}
