/** An embedding space, `name@sha8/dimension`. Vectors of two spaces are never compared. */
export type Space = string & { readonly __brand: "Space" }

/** A unit vector and the space it lives in. */
export interface Embedding {
  readonly space: Space
  readonly vector: Float32Array
}

const spacePattern = /^[a-z0-9][a-z0-9._-]*@[0-9a-f]{8}\/([1-9][0-9]{0,4})$/

/** `undefined` when the text does not name a space. */
export function parseSpace(text: string): Space | undefined {
  return spacePattern.test(text) ? (text as Space) : undefined
}

export function spaceDimension(space: Space): number {
  return Number(space.slice(space.lastIndexOf("/") + 1))
}

/** The unit vector of the same direction; `undefined` for a vector with no direction (zero, NaN or infinite parts). */
export function toUnit(vector: ArrayLike<number>): Float32Array | undefined {
  let sum = 0
  for (let i = 0; i < vector.length; i++) sum += (vector[i] ?? 0) ** 2
  if (!Number.isFinite(sum) || sum < 1e-12) return undefined
  const factor = 1 / Math.sqrt(sum)
  return Float32Array.from(vector, (part) => part * factor)
}

/** Cosine of two unit vectors of one space, -1..1. */
export function similarity(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}
