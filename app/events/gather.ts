import { nowTickMs } from "../base/ticks.ts"
import type { NewSighting, Recorded, Sightings } from "./sighting.ts"

/** In one transaction, during which nobody is answered: as many take 3 ms with pictures of 45 KB. */
const togetherMax = 32

/**
 * Records at most once in `everyMs` what may wait for it, all that came meanwhile in one transaction: a commit writes a dozen pages of
 * indexes to the disk whether it holds one sighting or ten. Who comes when there was no commit lately does not wait. Each is
 * answered when it is on disk, as ever.
 */
export function gatherRecords(recordAll: Sightings["recordAll"], everyMs: number): Sightings["recordSoon"] {
  let waiting: { readonly given: NewSighting; readonly settle: PromiseWithResolvers<Recorded> }[] = []
  let lastTickMs = Number.NEGATIVE_INFINITY
  let timer: Timer | undefined

  function commit() {
    clearTimeout(timer)
    timer = undefined
    const taken = waiting
    waiting = []
    try {
      const recorded = recordAll(taken.map(({ given }) => given))
      for (const [index, { settle }] of taken.entries()) settle.resolve(recorded[index]!)
    } catch (error) {
      // A bug, and everybody's who waited for it.
      for (const { settle } of taken) settle.reject(error)
    }
    lastTickMs = nowTickMs()
  }

  return (given) => {
    const settle = Promise.withResolvers<Recorded>()
    waiting.push({ given, settle })
    const leftMs = lastTickMs + everyMs - nowTickMs()
    if (leftMs <= 0 || waiting.length >= togetherMax) commit()
    else timer ??= setTimeout(commit, leftMs)
    return settle.promise
  }
}
