import { type Embedding, parseSpace, type Space, spaceDimension, toUnit } from "../face/embedding.ts"

/** A vector from outside, made by whoever sends it. */
export interface GivenVector {
  readonly values: ArrayLike<number>
  readonly space: string
}

export type VectorRefusal =
  /** Not the space this box works in: nothing here could ever be compared with it. */
  { readonly kind: "wrong_space"; readonly why: string } | { readonly kind: "bad_vector"; readonly why: string }

export type ReadVector = { readonly kind: "ok"; readonly embedding: Embedding } | VectorRefusal

/** The unit vector of the active space, or why the given one is none. */
export function readVector(given: GivenVector, active: Space): ReadVector {
  const { values, space } = given
  if (space !== active) {
    const what = parseSpace(space) === undefined ? "names no space (name@sha8/dimension)" : "is not the active space"
    return { kind: "wrong_space", why: `"${space}" ${what}: this box compares in ${active}` }
  }
  const dimension = spaceDimension(active)
  if (values.length !== dimension)
    return { kind: "wrong_space", why: `the embedding has ${values.length} numbers; a vector of ${active} has ${dimension}` }
  const vector = toUnit(values)
  if (vector === undefined)
    return { kind: "bad_vector", why: "the embedding has no direction: it is zero everywhere, or holds NaN or infinity" }
  return { kind: "ok", embedding: { space: active, vector } }
}
