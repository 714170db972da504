import { createGauss, createRandom } from "../../base/random.ts"

/**
 * People who do not exist, as alike as real ones: where a test needs more identities than there are photographs. Vectors are
 * drawn from the normal distribution with the mean and the covariance of real ones, and made unit length.
 */
export interface Spread {
  readonly mean: Float64Array
  /** Lower triangle L of the covariance L Lᵀ, row by row. */
  readonly factor: Float64Array
}

/**
 * How the vectors of real people spread. With about as many vectors as dimensions the measured covariance is too uneven, and its
 * draws would resemble each other too much: it is mixed with an even one until the mean squared similarity is that of the people,
 * which is estimated without that bias.
 */
export function measureSpread(vectors: readonly Float32Array[]): Spread {
  const size = vectors[0]?.length ?? 0
  const mean = new Float64Array(size)
  for (const vector of vectors) for (let i = 0; i < size; i++) mean[i]! += vector[i]! / vectors.length
  const covariance = covarianceOf(vectors, mean)
  let [trace, squares] = [0, 0]
  for (let i = 0; i < size; i++) {
    trace += covariance[i * size + i]!
    for (let j = 0; j < size; j++) squares += covariance[i * size + j]! ** 2
  }
  const even = trace ** 2 / size
  const unbiased = Math.max(even, squares - trace ** 2 / vectors.length)
  const kept = squares > even ? Math.sqrt((unbiased - even) / (squares - even)) : 1
  for (let i = 0; i < covariance.length; i++) covariance[i]! *= kept
  for (let i = 0; i < size; i++) covariance[i * size + i]! += ((1 - kept) * trace) / size
  return { mean, factor: choleskyOf(covariance, size) }
}

/** The same people for the same seed, one after another, without end. Each vector is a new one. */
export function* drawPeople({ mean, factor }: Spread, seed: number): Generator<Float32Array, never> {
  const gauss = createGauss(createRandom(seed))
  const size = mean.length
  const drawn = new Float64Array(size)
  for (;;) {
    for (let i = 0; i < size; i++) drawn[i] = gauss()
    const vector = new Float32Array(size)
    let square = 0
    for (let i = 0; i < size; i++) {
      let part = mean[i]!
      for (let j = 0, at = i * size; j <= i; j++, at++) part += factor[at]! * drawn[j]!
      vector[i] = part
      square += part * part
    }
    const length = Math.sqrt(square)
    for (let i = 0; i < size; i++) vector[i]! /= length
    yield vector
  }
}

function covarianceOf(vectors: readonly Float32Array[], mean: Float64Array): Float64Array {
  const size = mean.length
  const covariance = new Float64Array(size * size)
  for (const vector of vectors)
    for (let i = 0; i < size; i++) {
      const part = (vector[i]! - mean[i]!) / (vectors.length - 1)
      for (let j = 0; j < size; j++) covariance[i * size + j]! += part * (vector[j]! - mean[j]!)
    }
  return covariance
}

/** Of a symmetric positive matrix; what rounding takes below nothing counts as next to nothing. */
function choleskyOf(matrix: Float64Array, size: number): Float64Array {
  const factor = new Float64Array(size * size)
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      let left = matrix[i * size + j]!
      for (let k = 0; k < j; k++) left -= factor[i * size + k]! * factor[j * size + k]!
      factor[i * size + j] = i === j ? Math.sqrt(Math.max(1e-12, left)) : left / factor[j * size + j]!
    }
  return factor
}
