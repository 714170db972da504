import type { Log } from "../base/log.ts"
import type { NoAnalysis } from "./analyze.ts"
import type { RefineOptions } from "./options.ts"
import { type Recognition, type RecognizeNeeds, type RecognizeOptions, recognize } from "./recognize.ts"

/** The full looks that follow quick answers: so many at one time, in the background, and over when the box stops. */
export interface Refinements {
  /** A place for one, to be used or given back; `undefined` when as many are under way as may be. */
  reserve(): Place | undefined
  /** Drops those that wait for an engine, and settles when the others have ended. */
  close(): Promise<void>
}

/** Disposing gives an unused place back. */
export interface Place extends Disposable {
  /** @param work aborted with the box; must not reject, for nobody waits for it */
  use(work: (signal: AbortSignal) => Promise<void>): void
}

export function createRefinements({ atOnceMax }: Pick<RefineOptions, "atOnceMax">, log: Pick<Log, "error">): Refinements {
  const stopping = new AbortController()
  const underWay = new Set<Promise<void>>()
  let taken = 0

  async function run(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await work(stopping.signal)
    } catch (error) {
      log.error({ err: error }, "a bug: a quick answer was not refined")
    } finally {
      taken -= 1
    }
  }

  return {
    reserve: () => {
      if (stopping.signal.aborted || taken >= atOnceMax) return undefined
      taken += 1
      let used = false
      return {
        use: (work) => {
          used = true
          const running: Promise<void> = run(work).finally(() => underWay.delete(running))
          underWay.add(running)
        },
        [Symbol.dispose]: () => {
          if (!used) taken -= 1
        },
      }
    },
    close: async () => {
      stopping.abort()
      await Promise.all(underWay)
    },
  }
}

export type Recognized = Extract<Recognition, { kind: "recognized" }>

export type QuickRecognition =
  | (Recognized & {
      /** The full look follows. When it does not, because too many are under way, this is all there will be. */
      readonly refines: boolean
    })
  | NoAnalysis

export interface QuickOptions extends RecognizeOptions {
  /** Milliseconds in which the full look must have begun. */
  readonly refineBudgetMs: number
  /** Told how the full look ended; `undefined` when there was none, because no engine was free in time or the box stops. */
  readonly refined: (quick: Recognized, full: Recognized | undefined) => void
}

/**
 * Who is in the picture, as far as half the size of it tells; and, after that answer and when nobody else waits, the same
 * picture in full. `refined` is called if and only if the answer says `refines`.
 */
export async function recognizeQuickly(
  picture: Uint8Array,
  needs: RecognizeNeeds & { readonly refinements: Pick<Refinements, "reserve"> },
  { refineBudgetMs, refined, ...options }: QuickOptions,
): Promise<QuickRecognition> {
  using place = needs.refinements.reserve()
  // The picture of the frame is made by the look that is kept, mostly the full one.
  const snapshot = place === undefined ? options.snapshot : undefined
  const looked = await recognize(picture, needs, { ...options, detectorInput: "small", snapshot })
  if (looked.kind !== "recognized") return looked

  const quick: Recognized = { ...looked, degraded: ["detectorInput"] }
  place?.use(async (signal) => {
    const full = await recognize(picture, needs, {
      ...options,
      budgetMs: refineBudgetMs,
      priority: "background",
      policy: "reject",
      signal,
    })
    refined(quick, full.kind === "recognized" ? full : undefined)
  })
  return { ...quick, refines: place !== undefined }
}
