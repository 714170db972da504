import { similarity } from "../../face/embedding.ts"
import {
  type AcceptanceAtRate,
  acceptanceAtRate,
  accuracyAt,
  bestThreshold,
  type Comparison,
  type CrossValidation,
  crossValidate,
  type Share,
  type SortedSimilarities,
  sortSimilarities,
} from "../../face/statistics.ts"
import type { ListedPicture, PairList } from "./pairs.ts"

/** A picture's file → the unit vector of its face; a picture in which no face was found is absent. */
export type Vectors = ReadonlyMap<string, Float32Array>

export interface ComparedPair {
  readonly a: string
  readonly b: string
  readonly same: boolean
  /** Absent when a face of the pair was not found. */
  readonly similarity?: number
}

export interface Evaluation {
  readonly pairs: readonly ComparedPair[]
  readonly picturesWithoutFace: readonly string[]
  /** `tenths`: the list has one fold, cut into ten runs of neighbouring pairs. */
  readonly foldsAre: "listed" | "tenths"
  readonly crossValidation: CrossValidation
  readonly best: { readonly threshold: number; readonly accuracy: Share }
  readonly atThresholds: readonly { readonly name: string; readonly threshold: number; readonly accuracy: Share }[]
  readonly genuinePairs: number
  /** All cross pairs of different people among the pictures. */
  readonly impostorPairs: number
  readonly acceptance: readonly AcceptanceAtRate[]
}

/** What the accept rates are stated at. Below the last one LFW has too few pairs. */
const falseAcceptRates = [1e-1, 1e-2, 1e-3, 1e-4]

/**
 * Judges vectors by a list of pairs. A pair of one person with a face that was not found counts as missed; a pair of two people
 * is left out then, for nothing was compared.
 */
export function evaluate(list: PairList, vectors: Vectors, thresholds: Readonly<Record<string, number>>): Evaluation {
  const folds = list.folds.map((fold) => fold.map((pair) => comparePair(pair, vectors)))
  const pairs = folds.flat()
  const comparisons = pairs.flatMap(toComparison)
  const judgedFolds = folds.length > 1 ? folds : tenths(pairs)
  const genuine = sortSimilarities(comparisons.filter((pair) => pair.same).map((pair) => pair.similarity))
  const impostors = crossSimilarities(list.pictures, vectors)
  return {
    pairs,
    picturesWithoutFace: list.pictures.filter((picture) => !vectors.has(picture.file)).map((picture) => picture.file),
    foldsAre: folds.length > 1 ? "listed" : "tenths",
    crossValidation: crossValidate(judgedFolds.map((fold) => fold.flatMap(toComparison))),
    best: bestThreshold(comparisons),
    atThresholds: Object.entries(thresholds).map(([name, threshold]) => ({
      name,
      threshold,
      accuracy: accuracyAt(comparisons, threshold),
    })),
    genuinePairs: genuine.length,
    impostorPairs: impostors.length,
    acceptance: falseAcceptRates.map((far) => acceptanceAtRate(genuine, impostors, far)),
  }
}

/** Similarities of all cross pairs of different people. */
export function crossSimilarities(pictures: readonly ListedPicture[], vectors: Vectors): SortedSimilarities {
  return sortSimilarities(allSimilarities(pictures, vectors, (a, b) => a.person !== b.person))
}

/** Similarities of all pairs of pictures of one person. */
export function ownSimilarities(pictures: readonly ListedPicture[], vectors: Vectors): SortedSimilarities {
  return sortSimilarities(allSimilarities(pictures, vectors, (a, b) => a.person === b.person))
}

function allSimilarities(
  pictures: readonly ListedPicture[],
  vectors: Vectors,
  wanted: (a: ListedPicture, b: ListedPicture) => boolean,
): number[] {
  const found = pictures.flatMap((picture) => {
    const vector = vectors.get(picture.file)
    return vector === undefined ? [] : [{ picture, vector }]
  })
  return found.flatMap((a, i) =>
    found
      .slice(i + 1)
      .filter((b) => wanted(a.picture, b.picture))
      .map((b) => similarity(a.vector, b.vector)),
  )
}

function comparePair(pair: PairList["folds"][number][number], vectors: Vectors): ComparedPair {
  const a = vectors.get(pair.a.file)
  const b = vectors.get(pair.b.file)
  const compared = { a: pair.a.file, b: pair.b.file, same: pair.same }
  return a === undefined || b === undefined ? compared : { ...compared, similarity: similarity(a, b) }
}

/** A pair as the statistics see it: −1, below every threshold, where a face of one person was not found. */
function toComparison(pair: ComparedPair): readonly Comparison[] {
  if (pair.similarity !== undefined) return [{ similarity: pair.similarity, same: pair.same }]
  return pair.same ? [{ similarity: -1, same: true }] : []
}

/** Neighbouring pairs stay together: a list sorted by name keeps most people within one part. */
function tenths(pairs: readonly ComparedPair[]): readonly (readonly ComparedPair[])[] {
  const genuine = pairs.filter((pair) => pair.same)
  const impostors = pairs.filter((pair) => !pair.same)
  const part = (of: readonly ComparedPair[], i: number) =>
    of.slice(Math.round((i * of.length) / 10), Math.round(((i + 1) * of.length) / 10))
  return Array.from({ length: 10 }, (_, i) => [...part(genuine, i), ...part(impostors, i)]).filter((fold) => fold.length > 0)
}
