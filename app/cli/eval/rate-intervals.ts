import { createRandom } from "../../base/random.ts"
import { similarity } from "../../face/embedding.ts"
import { fitNormalTail, tailGrid, tailRateAt } from "../../face/normal-tail.ts"
import type { Interval } from "../../face/statistics.ts"
import type { Vectors } from "./evaluate.ts"
import type { ListedPicture } from "./pairs.ts"

/**
 * How sure a false match rate is. Pairs are not drawn one by one: a person who looks like many others brings all of those pairs
 * along. So people are drawn anew, with their pictures and with repetition, and the rate is taken from the pairs of each draw.
 */

/** The cross pairs of two people that matter, most similar first. */
export interface CrossPairs {
  readonly similarities: Float32Array
  /** Person of either side, as a place in `pictureCounts`. */
  readonly a: Uint32Array
  readonly b: Uint32Array
  readonly pictureCounts: readonly number[]
}

const drawCount = 1000
const seed = 20

/** Below it a draw counts too few pairs: its rates come from the tail that is fitted to it. */
const countedRateMin = 1e-3

/** Above which share of all pairs a rate is counted; less similar pairs decide nothing. */
const countedShare = 0.2

export function crossPairs(pictures: readonly ListedPicture[], vectors: Vectors): CrossPairs {
  const people = new Map<string, number>()
  const pictureCounts: number[] = []
  const found = pictures.flatMap(({ person, file }) => {
    const vector = vectors.get(file)
    if (vector === undefined) return []
    const place = people.get(person) ?? people.size
    people.set(person, place)
    pictureCounts[place] = (pictureCounts[place] ?? 0) + 1
    return [{ place, vector }]
  })
  const pairs: { readonly similarity: number; readonly a: number; readonly b: number }[] = []
  for (const [i, one] of found.entries())
    for (const other of found.slice(i + 1))
      if (one.place !== other.place)
        pairs.push({ similarity: similarity(one.vector, other.vector), a: one.place, b: other.place })
  const top = pairs.sort((a, b) => b.similarity - a.similarity).slice(0, Math.ceil(pairs.length * countedShare))
  return {
    similarities: Float32Array.from(top, (pair) => pair.similarity),
    a: Uint32Array.from(top, (pair) => pair.a),
    b: Uint32Array.from(top, (pair) => pair.b),
    pictureCounts,
  }
}

/**
 * The 95 % interval of the false match rate at each of some similarities (percentiles over 1,000 draws of people). Where the
 * rate is below a thousandth each draw has a fit of its own; that the shape of the tail may be another one is not in the interval.
 */
export function rateIntervals(pairs: CrossPairs, points: readonly { readonly fmr: number; readonly similarity: number }[]) {
  const random = createRandom(seed)
  const people = pairs.pictureCounts.length
  const rates = points.map(() => new Float64Array(drawCount))
  const times = new Uint32Array(people)
  for (let draw = 0; draw < drawCount; draw++) {
    times.fill(0)
    for (let i = 0; i < people; i++) times[Math.floor(random() * people)]! += 1
    const rateOf = ratesOfDraw(pairs, times)
    for (const [i, { fmr, similarity }] of points.entries()) rates[i]![draw] = rateOf(similarity, fmr < countedRateMin)
  }
  return rates.map((drawn): Interval => {
    drawn.sort()
    return { low: drawn[Math.floor(drawCount * 0.025)]!, high: drawn[Math.ceil(drawCount * 0.975) - 1]! }
  })
}

/** @param times how often each person was drawn; copies of one person are no cross pair */
function ratesOfDraw({ similarities, a, b, pictureCounts }: CrossPairs, times: Uint32Array) {
  let [pictures, squares] = [0, 0]
  for (const [person, count] of pictureCounts.entries()) {
    pictures += times[person]! * count
    squares += (times[person]! * count) ** 2
  }
  const all = (pictures ** 2 - squares) / 2
  const weightOf = (pair: number) => times[a[pair]!]! * times[b[pair]!]!

  const grid = tailGrid(all)
  const read: number[] = []
  let weight = 0
  for (let pair = 0; pair < similarities.length && read.length < grid.length; pair++) {
    weight += weightOf(pair)
    while (read.length < grid.length && weight > all * grid[read.length]!) read.push(similarities[pair]!)
  }
  const tail = read.length === grid.length ? fitNormalTail(grid, read) : undefined

  return (similarity: number, fitted: boolean): number => {
    if (fitted && tail !== undefined) return tailRateAt(tail, similarity)
    let above = 0
    for (let pair = 0; pair < similarities.length && similarities[pair]! >= similarity; pair++) above += weightOf(pair)
    return above / all
  }
}
