import type { Space } from "../face/embedding.ts"
import { type Faces, toVector } from "./faces.ts"
import { compareAll, type SearchNeeds } from "./search.ts"
import type { NumberedSpace } from "./vectors.ts"

/** Two people of the gallery of whom one may be taken for the other. */
export interface AlikePair {
  /** In no particular order. */
  readonly subjectIds: readonly [string, string]
  /** The nearest faces of the two. */
  readonly faceIds: readonly [string, string]
  /** Their cosine. */
  readonly similarity: number
}

export interface AlikePeople {
  readonly faces: number
  /** The nearest first. */
  readonly pairs: readonly AlikePair[]
  /** More were found than are kept: these are the nearest of them. */
  readonly cut: boolean
}

export interface AlikeOptions {
  readonly similarityMin: number
  /** So many pairs are kept at most. */
  readonly pairsMax: number
  /** Told how many faces have been looked at since it was told before. */
  readonly progress?: (faces: number) => void
}

const pageFaces = 1000
/** In work at one time: every thread of the index has some. */
const askedAtOnce = 32
/** Somebody's own faces are among them, and are nobody's look-alikes. */
const neighboursFirst = 16
const neighboursMax = 1024

interface Near {
  readonly numbers: readonly [number, number]
  similarity: number
}

/**
 * Every face is searched for in the index of its space, so a hundred thousand take half a minute and not the hours of all pairs. What
 * the index passes over from one side it mostly finds from the other. Those who have expired are among them.
 */
export async function findAlike(
  needs: SearchNeeds & { readonly faces: Faces },
  numbered: NumberedSpace,
  options: AlikeOptions,
): Promise<AlikePeople> {
  const index = needs.indexOf(numbered.space, numbered.spaceNumber)
  const found = new Map<string, Near>()
  let { similarityMin } = options
  let [faces, number, cut] = [0, 0, false]

  async function look(face: number, unit: Float32Array): Promise<void> {
    const own = needs.faces.subjectIdOf(face)
    if (own === undefined) return
    for (let asked = neighboursFirst; ; asked *= 4) {
      const near = (await index.search(unit, asked)) ?? (await compareAll(needs, numbered, unit, asked))
      const isWide = near.labels.length < asked || (near.similarities.at(-1) ?? -1) < similarityMin || asked >= neighboursMax
      if (!isWide) continue
      for (const [place, label] of near.labels.entries()) {
        const alike = near.similarities[place] ?? -1
        const other = alike < similarityMin ? undefined : needs.faces.subjectIdOf(label)
        if (other !== undefined && other !== own) note(own, other, face, label, alike)
      }
      return
    }
  }

  function note(own: string, other: string, face: number, label: number, similarity: number): void {
    const key = own < other ? `${own} ${other}` : `${other} ${own}`
    if (similarity > (found.get(key)?.similarity ?? -1))
      found.set(key, { numbers: own < other ? [face, label] : [label, face], similarity })
    if (found.size > 2 * options.pairsMax) keepNearest()
  }

  /** From now on only what is nearer than the last one kept is worth noting. */
  function keepNearest(): void {
    const falling = [...found].sort(([, a], [, b]) => b.similarity - a.similarity)
    for (const [key] of falling.slice(options.pairsMax)) found.delete(key)
    similarityMin = Math.max(similarityMin, falling[options.pairsMax - 1]?.[1].similarity ?? similarityMin)
    cut = true
  }

  for (;;) {
    const page = needs.vectorsAfter(numbered, number, pageFaces)
    number = page.at(-1)?.number ?? number
    if (page.length === 0) break
    for (let from = 0; from < page.length; from += askedAtOnce) {
      const some = page.slice(from, from + askedAtOnce)
      await Promise.all(some.map((face) => look(face.number, toVector(face.vector))))
      options.progress?.(some.length)
    }
    faces += page.length
  }
  if (found.size > options.pairsMax) keepNearest()
  const pairs = [...found].flatMap(([key, near]) => toPair(needs.faces, key, near))
  return { faces, pairs: pairs.sort((a, b) => b.similarity - a.similarity), cut }
}

/** None when one of the two was deleted meanwhile. */
function toPair(faces: Faces, key: string, { numbers, similarity }: Near): AlikePair[] {
  const [a = "", b = ""] = key.split(" ")
  const [faceA, faceB] = numbers.map((number) => faces.named(number)?.faceId)
  return faceA === undefined || faceB === undefined ? [] : [{ subjectIds: [a, b], faceIds: [faceA, faceB], similarity }]
}

/** Of a space nobody has a face in. */
export function nobodyAlike(): AlikePeople {
  return { faces: 0, pairs: [], cut: false }
}

export type FindAlike = (space: Space, options: AlikeOptions) => Promise<AlikePeople>
