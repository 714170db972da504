import { readFileSync } from "node:fs"
import type { SyncBox } from "./box.ts"
import { difference, dueOf, type Holdings, holdingsOf } from "./compare.ts"

const tellEverySeconds = 10

export type Settled =
  | { readonly kind: "settled"; readonly seconds: number; readonly holdings: Holdings }
  | { readonly kind: "apart"; readonly why: string }

/**
 * Waits until all boxes hold the same and have nothing left to say, read from their databases while they run.
 * @param isEnough of the first box's holdings; what is written still is waited for by it
 */
export async function settle(
  boxes: readonly SyncBox[],
  secondsMax = 120,
  isEnough: (holdings: Holdings) => boolean = () => true,
): Promise<Settled> {
  const startTickMs = performance.now()
  let toldSeconds = 0
  for (;;) {
    const all = boxes.map((box) => ({ name: box.name, holdings: holdingsOf(box), due: dueOf(box) }))
    const first = all[0]!
    const apart = all.find(({ holdings }) => holdings.digest !== first.holdings.digest)
    const late = all.find(({ due }) => due > 0)
    const seconds = (performance.now() - startTickMs) / 1000
    if (apart === undefined && late === undefined && isEnough(first.holdings))
      return { kind: "settled", seconds, holdings: first.holdings }
    if (seconds > secondsMax) return { kind: "apart", why: whyApart() }
    if (seconds > toldSeconds + tellEverySeconds) {
      toldSeconds = seconds
      console.log(`not settled after ${Math.round(seconds)} s: ${whyApart()}`)
    }
    await Bun.sleep(500)

    function whyApart(): string {
      const differs = apart && `${first.name} and ${apart.name}: ${difference(first.holdings, apart.holdings)}`
      const due = late && `${late.name} has ${late.due} records to offer`
      const { subjects, faces, records } = first.holdings
      return (
        [differs, due].filter(Boolean).join("; ") ||
        `all have ${subjects.size} people, ${faces.size} faces, ${records.size} records`
      )
    }
  }
}

/** … or the run cannot go on. */
export async function settledOrThrow(...of: Parameters<typeof settle>): Promise<Extract<Settled, { kind: "settled" }>> {
  const settled = await settle(...of)
  if (settled.kind === "apart") throw new Error(`the boxes do not agree: ${settled.why}`)
  return settled
}

/** Waits until the boxes use hardly any processor time: what they build in the background is built. */
export async function untilAtRest(boxes: readonly SyncBox[], secondsMax = 600): Promise<void> {
  const giveUpTickMs = performance.now() + secondsMax * 1000
  for (let before = ticksOf(boxes); performance.now() < giveUpTickMs; ) {
    await Bun.sleep(restLookMs)
    const after = ticksOf(boxes)
    if (after - before < restTicksMax) return
    before = after
  }
  throw new Error(`the boxes were still busy after ${secondsMax} s`)
}

const restLookMs = 3000
/** Of a hundredth of a second: a twentieth of a processor. */
const restTicksMax = (restLookMs / 10) * 0.05

function ticksOf(boxes: readonly SyncBox[]): number {
  return boxes.reduce((sum, { pid }) => {
    // The name stands in brackets and may hold spaces; user and system time are the 12th and 13th field after it.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return sum + Number(fields[11]) + Number(fields[12])
  }, 0)
}
