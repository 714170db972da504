/**
 * The same values with their axes in another order, row-major both times: `permute(v, [2, 3], [1, 0])` turns two rows of three
 * into three rows of two.
 */
export function permute(values: Float32Array, shape: readonly number[], order: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, side) => product * side, 1))
  const result = new Float32Array(values.length)
  const position = order.map(() => 0)
  let from = 0
  for (let to = 0; to < result.length; to++) {
    result[to] = values[from]!
    for (let digit = order.length - 1; digit >= 0; digit--) {
      const axis = order[digit]!
      position[digit]! += 1
      from += strides[axis]!
      if (position[digit]! < shape[axis]!) break
      from -= strides[axis]! * shape[axis]!
      position[digit] = 0
    }
  }
  return result
}
