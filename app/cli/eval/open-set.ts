import { createRandom, shuffled } from "../../base/random.ts"
import { similarity } from "../../face/embedding.ts"
import { type Share, similarityAtRate, sortSimilarities, wilsonInterval } from "../../face/statistics.ts"
import { dotAt } from "../../gallery/scan.ts"
import type { Vectors } from "./evaluate.ts"
import type { ListedPicture } from "./pairs.ts"
import { drawPeople, measureSpread, type Spread } from "./synthetic.ts"

/**
 * What becomes of strangers and of known people at the door of a gallery of so many. People are enrolled with one picture each;
 * their other pictures ask, and every picture of those who are not enrolled. Who is enrolled is drawn again and again.
 *
 * FPIR: share of strangers' pictures that are taken for somebody. FNIR: share of known people's pictures that are not named
 * rightly, because another one is nearer, or nobody near enough.
 */
export interface OpenSetNeeds {
  readonly pictures: readonly ListedPicture[]
  readonly vectors: Vectors
  /** People enrolled, each size a test of its own. */
  readonly sizes: readonly number[]
  /** Wanted FPIR. */
  readonly rates: readonly number[]
  /** The threshold a box would use. */
  readonly thresholdOf: (rate: number, size: number) => BoxThreshold
  /** Of the synthetic people; as measured on the pictures themselves when not given. */
  readonly spread?: Spread
  /** Told of the share of the work that is done. */
  readonly progress?: (share: number) => void
}

export interface BoxThreshold {
  readonly threshold: number
  readonly extrapolated: boolean
}

export interface OpenSet {
  readonly people: number
  readonly pictures: number
  readonly rows: readonly OpenSetRow[]
  /** Similarity that one in a hundred, a thousand, ten thousand pairs of two people reaches: of real people, and of a real and a synthetic one. */
  readonly likeness: readonly { readonly rate: number; readonly real: number; readonly synthetic?: number }[]
}

export interface OpenSetRow {
  readonly size: number
  /** Of `size`; the others are synthetic. */
  readonly realPeople: number
  readonly wantedRate: number
  /** At the threshold the box would use. */
  readonly box: BoxThreshold & { readonly fpir: Share; readonly fnir: Share }
  /** At the threshold at which these very strangers have the wanted rate; absent when they are too few to show it. */
  readonly measured?: { readonly threshold: number; readonly fnir: Share }
}

const drawCount = 20
const seed = 11
/** Pairs of a real and a synthetic person from which `likeness` is taken. */
const likenessPeople = 2000
const likenessRates = [1e-2, 1e-3, 1e-4]

/** Of half of the people at most: the others are strangers. */
export function measureOpenSet(needs: OpenSetNeeds): OpenSet {
  const faces = needs.pictures.flatMap(({ person, file }) => {
    const vector = needs.vectors.get(file)
    return vector === undefined ? [] : [{ person, vector }]
  })
  const people = [...Map.groupBy(faces.keys(), (face) => faces[face]!.person).values()]
  const enrolledMax = Math.floor(people.length / 2)
  const real = similaritiesOf(faces.map(({ vector }) => vector))
  const synthetic = compareWithSynthetic(needs, faces, enrolledMax)

  const rows = needs.sizes.flatMap((size) => {
    const enrolled = Math.min(size, enrolledMax)
    const answers = askAll(people, enrolled, real, synthetic.best.get(size - enrolled))
    return needs.rates.map((rate) => judge(answers, size, enrolled, rate, needs.thresholdOf(rate, size)))
  })
  const crossPairs = sortSimilarities(
    faces.flatMap((one, i) =>
      faces.slice(i + 1).flatMap((other, j) => (one.person === other.person ? [] : [real[i]![i + 1 + j]!])),
    ),
  )
  return {
    people: people.length,
    pictures: faces.length,
    rows,
    likeness: likenessRates.flatMap((rate) => {
      const [ofReal, ofSynthetic] = [similarityAtRate(crossPairs, rate), similarityAtRate(synthetic.likeness, rate)]
      return ofReal === undefined ? [] : [{ rate, real: ofReal, ...(ofSynthetic !== undefined && { synthetic: ofSynthetic }) }]
    }),
  }
}

/** How near each picture comes to the nearest of the first so many synthetic people. */
function compareWithSynthetic(needs: OpenSetNeeds, faces: readonly { readonly vector: Float32Array }[], enrolledMax: number) {
  const counts = needs.sizes.map((size) => size - Math.min(size, enrolledMax)).filter((count) => count > 0)
  const most = Math.max(0, ...counts)
  const best = new Map<number, Float32Array>()
  const nearest = new Float32Array(faces.length).fill(-1)
  const likeness: number[] = []
  if (most > 0) {
    const drawn = drawPeople(needs.spread ?? measureSpread(faces.map(({ vector }) => vector)), seed)
    for (let count = 1; count <= most; count++) {
      const { value: somebody } = drawn.next()
      for (const [face, { vector }] of faces.entries()) {
        const near = dotAt(somebody, vector, 0)
        if (near > nearest[face]!) nearest[face] = near
        if (count <= likenessPeople) likeness.push(near)
      }
      if (counts.includes(count)) best.set(count, nearest.slice())
      if (count % 500 === 0) needs.progress?.(count / most)
    }
  }
  return { best, likeness: sortSimilarities(likeness) }
}

/** What the pictures of one person came to, over all draws. */
interface Answers {
  /** Similarity to the nearest enrolled, as a stranger. */
  readonly strange: number[]
  /** As somebody known: similarity to oneself, or minus infinity where another one was nearer. */
  readonly known: number[]
}

function askAll(
  people: readonly (readonly number[])[],
  enrolledCount: number,
  real: readonly Float32Array[],
  synthetic: Float32Array | undefined,
): readonly Answers[] {
  const random = createRandom(seed + enrolledCount)
  const answers = people.map((): Answers => ({ strange: [], known: [] }))
  for (let draw = 0; draw < drawCount; draw++) {
    const order = shuffled([...people.keys()], random)
    // Of the enrolled the picture that speaks for them is drawn as well.
    const enrolled = new Map(order.slice(0, enrolledCount).map((person) => [person, drawnOf(people[person]!, random)]))
    for (const [person, own] of people.entries()) {
      const mine = enrolled.get(person)
      for (const face of own) {
        if (face === mine) continue
        let nearest = synthetic?.[face] ?? -1
        for (const [other, known] of enrolled) if (other !== person) nearest = Math.max(nearest, real[face]![known]!)
        if (mine === undefined) answers[person]!.strange.push(nearest)
        else answers[person]!.known.push(real[face]![mine]! > nearest ? real[face]![mine]! : Number.NEGATIVE_INFINITY)
      }
    }
  }
  return answers
}

function judge(
  answers: readonly Answers[],
  size: number,
  realPeople: number,
  wantedRate: number,
  box: BoxThreshold,
): OpenSetRow {
  const strange = answers.map((of) => of.strange).filter((scores) => scores.length > 0)
  const known = answers.map((of) => of.known).filter((scores) => scores.length > 0)
  const fpir = shareAmong(strange, (score) => score >= box.threshold)
  const missed = (threshold: number) => shareAmong(known, (score) => score < threshold)
  // As many people show this rate as would have to be mistaken once.
  const observable = strange.length * wantedRate >= 1
  const threshold = observable ? similarityAtRate(sortSimilarities(strange.flat()), wantedRate) : undefined
  return {
    size,
    realPeople,
    wantedRate,
    box: { ...box, fpir, fnir: missed(box.threshold) },
    ...(threshold !== undefined && { measured: { threshold, fnir: missed(threshold) } }),
  }
}

/**
 * Pictures of one person and repeated draws are no news of each other: the interval is that of as many questions as there are
 * people. `count` and `of` are people, too: the sum over people of the share of their pictures.
 */
function shareAmong(people: readonly (readonly number[])[], isOne: (score: number) => boolean): Share {
  const count = people.reduce((sum, scores) => sum + scores.filter(isOne).length / scores.length, 0)
  const of = people.length
  return { count, of, share: of === 0 ? 0 : count / of, interval: wilsonInterval(count, of) }
}

function similaritiesOf(vectors: readonly Float32Array[]): readonly Float32Array[] {
  const all = vectors.map(() => new Float32Array(vectors.length))
  for (const [i, vector] of vectors.entries())
    for (let j = 0; j <= i; j++) {
      const near = similarity(vector, vectors[j]!)
      all[i]![j] = near
      all[j]![i] = near
    }
  return all
}

function drawnOf(faces: readonly number[], random: () => number): number {
  return faces[Math.floor(random() * faces.length)]!
}
