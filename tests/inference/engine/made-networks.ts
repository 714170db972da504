import { syntheticTensor } from "../../../app/inference/engine/golden.ts"
import { message, tag, wireType, writeVarint } from "../../../app/inference/engine/protobuf.ts"
import { type ElementType, elementArrays, type Tensor, valuesIn } from "../../../app/inference/engine/tensor.ts"
import { createOnnxGraph } from "../../../scripts/convert/onnx-writer.ts"

/** Networks small enough to know what they answer, made for tests of the adapters. */

/** Two convolutions and a product of matrices over pictures of any number and size: `x` [n, 3, h, w] → `map` [n, 8, h, w], `sum` [n, 4]. */
export function smallNetwork(): Uint8Array {
  const graph = createOnnxGraph("small")
  const weights = (seed: number, shape: readonly number[]) => graph.constant(syntheticTensor(shape, seed, -0.5, 0.5), shape)
  const x = graph.input("x", ["n", 3, "h", "w"])
  const pads = { pads: [1, 1, 1, 1] }
  const first = graph.node("Relu", [graph.node("Conv", [x, weights(1, [16, 3, 3, 3]), weights(2, [16])], pads)])
  const map = graph.node("Conv", [first, weights(3, [8, 16, 3, 3])], pads, "map")
  const pooled = graph.node("Flatten", [graph.node("GlobalAveragePool", [map])])
  graph.node("MatMul", [pooled, weights(4, [8, 4])], {}, "sum")
  graph.output("map", ["n", 8, "h", "w"])
  graph.output("sum", ["n", 4])
  return graph.toBytes()
}

/** `a`, `b` [n, 4] → `difference`, `product`, `sum`: not in the order in which they are computed. */
export function severalNetwork(): Uint8Array {
  const graph = createOnnxGraph("several")
  for (const name of ["a", "b"]) graph.input(name, ["n", 4])
  graph.node("Add", ["a", "b"], {}, "sum")
  graph.node("Mul", ["a", "b"], {}, "product")
  graph.node("Sub", ["a", "b"], {}, "difference")
  for (const name of ["difference", "product", "sum"]) graph.output(name, ["n", 4])
  return graph.toBytes()
}

/** What goes in as `x` [n] comes out as `y`. */
export function sameNetwork(type: ElementType): Uint8Array {
  const graph = createOnnxGraph("same")
  graph.input("x", ["n"], type)
  graph.node("Identity", ["x"], {}, "y")
  graph.output("y", ["n"], type)
  return graph.toBytes()
}

/** Where `x` [n] is not zero: `y` int64 [1, as many as there are]. */
export function placesNetwork(): Uint8Array {
  const graph = createOnnxGraph("places")
  graph.input("x", ["n"])
  graph.node("NonZero", ["x"], {}, "y")
  graph.output("y", [1, "k"], "int64")
  return graph.toBytes()
}

/** The sum of all `x` [n, m] as one value without sides. */
export function totalNetwork(): Uint8Array {
  const graph = createOnnxGraph("total")
  graph.input("x", ["n", "m"])
  graph.node("ReduceSum", ["x"], { keepdims: 0 }, "y")
  graph.output("y", [])
  return graph.toBytes()
}

/** Adds weights that lie in a file named `location` beside the network. */
export function outsideNetwork(location: string): Uint8Array {
  const graph = createOnnxGraph("outside")
  graph.input("x", ["n", 4])
  graph.node("Add", ["x", "w"], {}, "y")
  graph.output("y", ["n", 4])
  const number = (field: number, value: number) => Buffer.concat([tag(field, wireType.varint), writeVarint(value)])
  const text = (field: number, value: string) => message(field, [Buffer.from(value)])
  // TensorProto: dims 1, data_type 2, name 8, external_data 13 (key 1, value 2), data_location 14.
  const entry = message(13, [text(1, "location"), text(2, location)])
  const initializer = message(5, [number(1, 4), number(2, 1), text(8, "w"), entry, number(14, 1)])
  // A message that comes twice is joined by its reader.
  return Buffer.concat([graph.toBytes(), message(7, [initializer])])
}

/** Floats between −1 and 1, the same for the same seed. */
export function floats(shape: readonly number[], seed = 7): Tensor & { readonly type: "float32" } {
  return { type: "float32", data: syntheticTensor(shape, seed, -1, 1), shape }
}

/** A tensor of these values in one row. */
export function row(type: ElementType, values: readonly (number | bigint)[]): Tensor {
  const data = new elementArrays[type](valuesIn([values.length]))
  for (const [index, value] of values.entries()) data[index] = value
  return { type, data, shape: [values.length] } as Tensor
}
