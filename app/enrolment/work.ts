import type { Item, Outcome, Source } from "./item.ts"
import type { Ledger } from "./ledger.ts"

export type Worked =
  | { readonly kind: "done" }
  | { readonly kind: "stopped" }
  /** The source could not be read to its end. */
  | { readonly kind: "broken"; readonly why: string }

/** Works a source off with `atOnce` items in hand, which are all that memory holds of it. Throws what `enrol` throws, after the others have ended. */
export async function workOff(
  source: Source,
  ledger: Pick<Ledger, "isDone" | "settled">,
  enrol: (item: Item) => Promise<Outcome>,
  atOnce: number,
  signal: AbortSignal,
): Promise<Worked> {
  const items = source.items(ledger.isDone)
  let ended: Worked | undefined
  let failure: { readonly error: unknown } | undefined

  async function work() {
    while (ended === undefined && failure === undefined && !signal.aborted) {
      const { done, value } = await items.next()
      if (done === true) return
      if (value.kind === "broken") {
        ended = value
        return
      }
      const outcome = await enrol(value)
      if (outcome.kind === "stopped") {
        ended = outcome
        return
      }
      ledger.settled(value, outcome)
    }
  }

  const guarded = () =>
    work().catch((error: unknown) => {
      failure ??= { error }
    })
  await Promise.all(Array.from({ length: atOnce }, guarded))
  await items.return(undefined)
  if (failure !== undefined) throw failure.error
  return ended ?? (signal.aborted ? { kind: "stopped" } : { kind: "done" })
}
