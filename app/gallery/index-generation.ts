import { assert } from "../base/assert.ts"
import { type Space, spaceDimension } from "../face/embedding.ts"
import type { FaceChange } from "./changes.ts"
import { buildWidth, type IndexCounts, linksPerNode, type SharedIndexes } from "./shared-index.ts"
import type { NumberedVector } from "./vectors.ts"

/** One filling of an index. Usually there is one; while its successor is being built there are two, and both follow. */
export interface Generation {
  readonly index: number
  /** Whether it gives exact similarities; else those of the codes, which are off by a hundredth at most. */
  readonly exact: boolean
  /** Whether everything committed before `fill` is in it. Before that, searches would miss faces. */
  readonly filled: boolean
  /** Takes all faces over from the table. Throws what the library throws. */
  fill(): Promise<void>
  /** Takes the changes since over; whether there were any. */
  takeOver(): boolean
  /** Changes up to this one are in it. */
  cursor(): number
  counts(): IndexCounts
  close(): void
}

export interface GenerationNeeds {
  readonly vectorsAfter: (number: number, limit: number) => readonly NumberedVector[]
  readonly changesSince: (seq: number, limit: number) => readonly FaceChange[]
  readonly lastSeq: () => number
  readonly facesCount: () => number
  readonly floatsKeptMax: number
}

/** 1,000 × 320 floats are read and taken over in some 5 ms, and then everybody else gets a turn. */
const pageFaces = 1000

export function createGeneration(space: Space, shared: SharedIndexes, needs: GenerationNeeds): Generation {
  const dimension = spaceDimension(space)
  const exact = needs.facesCount() <= needs.floatsKeptMax
  const index = shared.create(dimension, exact, linksPerNode, buildWidth)
  let seq = 0
  /** Numbers rise with the changes, so whatever is not above it is in already. */
  let lastNumber = 0
  let filled = false
  let closed = false

  function append(faces: readonly NumberedVector[]): void {
    const fresh = faces.filter(({ number }) => number > lastNumber)
    if (fresh.length === 0) return
    const vectors = new Float32Array(fresh.length * dimension)
    const bytes = new Uint8Array(vectors.buffer)
    for (const [place, { vector }] of fresh.entries()) {
      assert(vector.length === dimension * 4, "a stored vector has the length of its space")
      bytes.set(vector, place * dimension * 4)
    }
    shared.append(
      index,
      Float64Array.from(fresh, ({ number }) => number),
      vectors,
    )
    lastNumber = fresh.at(-1)?.number ?? lastNumber
  }

  return {
    index,
    exact,
    get filled() {
      return filled
    },

    async fill() {
      // Faces read below may be newer than this; what comes twice is passed over.
      seq = needs.lastSeq()
      for (;;) {
        if (closed) return
        const page = needs.vectorsAfter(lastNumber, pageFaces)
        if (page.length === 0) break
        append(page)
        await new Promise<void>((resume) => setImmediate(resume))
      }
      filled = true
    },

    takeOver() {
      const before = seq
      for (;;) {
        const page = needs.changesSince(seq, pageFaces)
        const last = page.at(-1)
        if (last === undefined) return seq > before
        // A face is in the table now or it is not, whatever the steps between: numbers are never used again.
        append(page.flatMap(({ faceNumber, vector }) => (vector === null ? [] : [{ number: faceNumber, vector }])))
        for (const { faceNumber, vector } of page) if (vector === null) shared.remove(index, faceNumber)
        seq = last.seq
      }
    },

    cursor: () => seq,
    counts: () => shared.counts(index),
    close() {
      closed = true
      shared.close(index)
    },
  }
}
