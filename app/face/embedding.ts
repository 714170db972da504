/** An embedding space, `name@sha8/dimension`. Vectors of two spaces are never compared. */
export type Space = string & { readonly __brand: "Space" }

declare const livesIn: unique symbol

/**
 * The numbers of a vector and, for the compiler alone, the space they live in. Where two spaces are at hand each is a type of its own
 * (`<From extends Space, To extends Space>`), and a vector of the one is not taken where one of the other is wanted.
 */
export type VectorOf<In extends Space> = Float32Array & { readonly [livesIn]?: In }

/** A unit vector and the space it lives in. */
export interface Embedding<In extends Space = Space> {
  readonly space: In
  readonly vector: VectorOf<In>
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
  const unit = new Float32Array(vector.length)
  for (let i = 0; i < vector.length; i++) unit[i] = (vector[i] ?? 0) * factor
  return unit
}

/** Cosine of two unit vectors of one space, -1..1. */
export function similarity<In extends Space>(a: VectorOf<In>, b: VectorOf<NoInfer<In>>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}
