/** Values of each type in row-major order. `bool` is one byte for each value, 0 or 1. */
interface ElementArrays {
  readonly float32: Float32Array
  readonly float64: Float64Array
  readonly int8: Int8Array
  readonly uint8: Uint8Array
  readonly int16: Int16Array
  readonly uint16: Uint16Array
  readonly int32: Int32Array
  readonly uint32: Uint32Array
  readonly int64: BigInt64Array
  readonly uint64: BigUint64Array
  readonly bool: Uint8Array
}
export type ElementType = keyof ElementArrays

/** What makes the array of each type. */
export const elementArrays = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies { [Type in ElementType]: new (length: number) => ElementArrays[Type] }

/** The product of `shape` is the number of values; a tensor without sides is one value. */
export type Tensor = {
  [Type in ElementType]: {
    readonly type: Type
    readonly data: ElementArrays[Type]
    readonly shape: readonly number[]
  }
}[ElementType]

/** By their numbers in ONNX (TensorProto.DataType), which are those of the C API (ONNXTensorElementDataType) too. */
export const elementNames = [
  ...["undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16"],
  ...["float64", "uint32", "uint64", "complex64", "complex128", "bfloat16"],
] as const

/** Whether we know how to read values of this type. */
export function isElementType(name: string): name is ElementType {
  return Object.hasOwn(elementArrays, name)
}

/** How many values a tensor of this shape has. */
export function valuesIn(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1)
}

/** Of an output whose values we do not know how to read. */
export function refusedOutput(name: string, type: string): Error {
  return new Error(`output ${name} holds ${type}, which no network of ours gives`)
}
