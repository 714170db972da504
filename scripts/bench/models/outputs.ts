import type { FloatTensor } from "../../../app/inference/engine/ort.ts"

export type Outputs = Readonly<Record<string, FloatTensor>>

/** What a proposal network's map of five channels says, as the two outputs of the network it was made from. */
export function spreadMap(outputs: Outputs): Outputs {
  const map = outputs.map
  if (map === undefined) return outputs
  const [n = 0, , rows = 0, columns = 0] = map.shape
  const cells = rows * columns
  const prob = new Float32Array(n * 2 * cells)
  const box = new Float32Array(n * 4 * cells)
  for (let picture = 0; picture < n; picture++) {
    const start = picture * 5 * cells
    for (let cell = 0; cell < cells; cell++) {
      const share = 1 / (1 + Math.exp(-map.data[start + cell]!))
      prob[picture * 2 * cells + cell] = 1 - share
      prob[(picture * 2 + 1) * cells + cell] = share
    }
    box.set(map.data.subarray(start + cells, start + 5 * cells), picture * 4 * cells)
  }
  return { prob: { data: prob, shape: [n, 2, rows, columns] }, box: { data: box, shape: [n, 4, rows, columns] } }
}

/** The smallest cosine between the outputs of one name; NaN when the two have none in common. */
export function cosineOf(ours: Outputs, theirs: Outputs): number {
  const [a, b] = [spreadMap(ours), spreadMap(theirs)]
  const cosines = Object.entries(a).flatMap(([name, output]) => {
    const other = b[name]
    return other === undefined ? [] : [cosine(output.data, other.data)]
  })
  return cosines.length === 0 ? Number.NaN : Math.min(...cosines)
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, squaresA, squaresB] = [0, 0, 0]
  for (const [at, value] of a.entries()) {
    const other = b[at] ?? Number.NaN
    dot += value * other
    squaresA += value * value
    squaresB += other * other
  }
  return dot / Math.sqrt(squaresA * squaresB)
}
