/**
 * Eigenvectors of a symmetric matrix by Jacobi's rotations, for some hundred rows: seconds, and nothing to install.
 * @param matrix row after row; it is left as it is
 * @returns values falling, and the vector of each as a row of `vectors`
 */
export function eigenOfSymmetric(matrix: Float64Array, size: number): { values: Float64Array; vectors: Float64Array } {
  const a = matrix.slice()
  const v = new Float64Array(size * size)
  for (let i = 0; i < size; i++) v[i * size + i] = 1
  for (let sweep = 0; sweep < 30 && offDiagonal(a, size) > 1e-18; sweep++)
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(a, v, size, p, q)
  const order = Array.from({ length: size }, (_, i) => i).sort((i, j) => a[j * size + j]! - a[i * size + i]!)
  const vectors = new Float64Array(size * size)
  for (const [row, i] of order.entries()) vectors.set(v.subarray(i * size, (i + 1) * size), row * size)
  return { values: Float64Array.from(order, (i) => a[i * size + i]!), vectors }
}

function offDiagonal(a: Float64Array, size: number): number {
  let sum = 0
  for (let i = 0; i < size; i++) for (let j = i + 1; j < size; j++) sum += a[i * size + j]! ** 2
  return sum
}

/** Makes a[p, q] zero. `v` gathers the rotations, one eigenvector in each row. */
function rotate(a: Float64Array, v: Float64Array, size: number, p: number, q: number): void {
  const apq = a[p * size + q]!
  if (Math.abs(apq) < 1e-14) return
  const theta = (a[q * size + q]! - a[p * size + p]!) / (2 * apq)
  const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
  const c = 1 / Math.sqrt(t * t + 1)
  const s = t * c
  for (let k = 0; k < size; k++) {
    const akp = a[k * size + p]!
    const akq = a[k * size + q]!
    a[k * size + p] = c * akp - s * akq
    a[k * size + q] = s * akp + c * akq
  }
  for (let k = 0; k < size; k++) {
    const apk = a[p * size + k]!
    const aqk = a[q * size + k]!
    a[p * size + k] = c * apk - s * aqk
    a[q * size + k] = s * apk + c * aqk
    const vpk = v[p * size + k]!
    const vqk = v[q * size + k]!
    v[p * size + k] = c * vpk - s * vqk
    v[q * size + k] = s * vpk + c * vqk
  }
}
