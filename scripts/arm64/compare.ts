import { similarity, toUnit } from "../../app/face/embedding.ts"
import type { RecognizedFace, Transcript } from "./journey.ts"

/** Vectors of two processor families differ by rounding alone: at least so alike. */
export const cosineMin = 0.9999

/** One face as the two boxes saw it. */
export interface ComparedFace {
  readonly picture: "JPEG" | "WebP"
  readonly decision: string
  readonly similarity: number | undefined
  readonly otherSimilarity: number | undefined
  readonly cosine: number
}

export interface Comparison {
  readonly faces: readonly ComparedFace[]
  /** In words; empty where both say the same. */
  readonly differences: readonly string[]
}

/** Lays what the ARM64 box said beside what the x86-64 box said to the same pictures. */
export function compare(arm: Transcript, other: Transcript): Comparison {
  const differences: string[] = []
  if (arm.models !== other.models) differences.push(`models ${arm.models} and ${other.models}`)
  const faces = (["JPEG", "WebP"] as const).flatMap((picture) => {
    const [ours, theirs] = picture === "JPEG" ? [arm.jpeg, other.jpeg] : [arm.webp, other.webp]
    if (ours.length !== theirs.length) {
      differences.push(`${picture}: ${ours.length} faces and ${theirs.length}`)
      return []
    }
    return ours.map((face, i) => {
      const compared = compareFaces(picture, face, theirs[i]!)
      const where = `${picture}, face ${i + 1}`
      const [decided, otherDecided] = [saidOf(face), saidOf(theirs[i]!)]
      if (decided !== otherDecided) differences.push(`${where}: ${decided} and ${otherDecided}`)
      // Written this way round, so that a NaN is a difference too.
      if (!(compared.cosine >= cosineMin)) differences.push(`${where}: cosine ${compared.cosine} is below ${cosineMin}`)
      return compared
    })
  })
  return { faces, differences }
}

function compareFaces(picture: ComparedFace["picture"], face: RecognizedFace, other: RecognizedFace): ComparedFace {
  return {
    picture,
    decision: saidOf(face),
    similarity: face.candidates[0]?.similarity,
    otherSimilarity: other.candidates[0]?.similarity,
    cosine: face.space === other.space ? cosineOf(face.embedding, other.embedding) : Number.NaN,
  }
}

function cosineOf(a: readonly number[] = [], b: readonly number[] = []): number {
  const [left, right] = [toUnit(a), toUnit(b)]
  return left === undefined || right === undefined ? Number.NaN : similarity(left, right)
}

function saidOf({ decision, match }: RecognizedFace): string {
  return match === undefined ? decision : `${decision} ${match.name}`
}
