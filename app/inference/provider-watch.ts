import { type BackoffOptions, nextDelayMs } from "../base/backoff.ts"

/** What becomes of an accelerator after something went wrong with it. */
export type Sentence =
  /** It goes on. */
  | { readonly kind: "keep" }
  /** Its engine is killed, and a fresh one is asked the known answers at once. */
  | { readonly kind: "recheck"; readonly why: string }
  /** Its engine is killed, and nobody tries it again for so long. */
  | { readonly kind: "rest"; readonly why: string; readonly delayMs: number }

/** How far an accelerator may be trusted: given what happened and when, it says what to do. It looks at no clock itself. */
export interface ProviderWatch {
  /** A fresh engine has given its known answers and serves from now on. */
  ready(tickMs: number): void
  /** A run failed, or the engine died in it. */
  failed(tickMs: number, why: string): Sentence
  /** An answer that is known came out differently: no session that does so answers anybody. */
  wrong(tickMs: number, why: string): Sentence
  /** A fresh engine did not get ready. */
  unfit(tickMs: number, why: string): Sentence
  /** Errors that count now. */
  recentErrors(tickMs: number): number
}

export interface WatchOptions {
  /** So many errors … */
  readonly errorsMax: number
  /** … within this time are no accident. */
  readonly windowMs: number
  readonly backoff: BackoffOptions
  /** Who has served so long without being given up starts with a clean slate. */
  readonly forgivenMs: number
  /** Who has had nothing to do for so long is asked the known questions: nobody who comes after a quiet night is to find it gone. */
  readonly idleCheckMs: number
}

/** Three errors in a minute, as DESIGN §3 has it; tries follow after half a minute, then ever more slowly, up to an hour. */
export const watchDefaults: WatchOptions = {
  errorsMax: 3,
  windowMs: 60_000,
  backoff: { firstMs: 30_000, maxMs: 3_600_000 },
  forgivenMs: 3_600_000,
  idleCheckMs: 30_000,
}

export function createProviderWatch({ errorsMax, windowMs, backoff, forgivenMs }: WatchOptions = watchDefaults): ProviderWatch {
  let errorTicksMs: number[] = []
  /** Times it was given up in a row. */
  let strikes = 0
  let servesSinceTickMs: number | undefined

  function recent(tickMs: number): number {
    errorTicksMs = errorTicksMs.filter((at) => at > tickMs - windowMs)
    return errorTicksMs.length
  }

  function strike(tickMs: number): number {
    const forgiven = servesSinceTickMs !== undefined && tickMs - servesSinceTickMs > forgivenMs
    strikes = forgiven ? 1 : strikes + 1
    servesSinceTickMs = undefined
    errorTicksMs = []
    return strikes
  }

  /** The first time may have been an accident of the process; a fresh one that fails soon again was none. */
  function giveUp(tickMs: number, why: string): Sentence {
    return strike(tickMs) === 1 ? { kind: "recheck", why } : rest(why)
  }

  function rest(why: string): Sentence {
    return { kind: "rest", why, delayMs: nextDelayMs(strikes, backoff) }
  }

  return {
    ready(tickMs) {
      servesSinceTickMs ??= tickMs
    },
    failed(tickMs, why) {
      errorTicksMs.push(tickMs)
      const errors = recent(tickMs)
      return errors < errorsMax ? { kind: "keep" } : giveUp(tickMs, `${errors} errors in ${windowMs / 1000} s, last: ${why}`)
    },
    wrong: giveUp,
    unfit(tickMs, why) {
      strike(tickMs)
      return rest(why)
    },
    recentErrors: recent,
  }
}
