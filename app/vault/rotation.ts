import { assert } from "../base/assert.ts"
import { type Keys, openWrapped, placeOfKey, type WrappedKey, wrap } from "./keys.ts"
import type { MasterKey } from "./master-key.ts"
import { wordsForRefused } from "./seal.ts"
import { rotatedState, type VaultState } from "./state.ts"

const noDamage = { keys: 0, why: "" }

/** Where the state and the wrapped keys lie. Each call is a transaction of its own: on disk when it returns, or not there at all. */
export interface RotationTable {
  state(): VaultState | undefined
  /** Writes the whole state if the present master key is the one of `fromId` and no rotation is under way. False if not. */
  begin(fromId: string, state: VaultState): boolean
  /** In the order of owners, from the first after `afterOwner`. */
  wrappedBy(masterId: string, afterOwner: string, limit: number): readonly WrappedKey[]
  /** Each key that is still there and still wrapped by `fromId`; the others were shredded meanwhile. */
  rewrap(fromId: string, keys: readonly WrappedKey[]): void
  /** Forgets the retired key if nothing is wrapped by it. False if something is. */
  end(retiredId: string): boolean
}

export type BegunRotation = { readonly kind: "begun" } | { readonly kind: "refused"; readonly why: string }

export type RotationStep =
  | { readonly kind: "idle" }
  | { readonly kind: "rewrapped"; readonly keys: number }
  /** Nothing is wrapped by it any more, and it is forgotten. */
  | { readonly kind: "finished"; readonly retiredId: string }
  /** All is rewrapped but some keys that were changed on the disk. The retired key stays until they are gone. */
  | { readonly kind: "stuck"; readonly why: string }

/**
 * Gives a box another master key while it runs. Data keys are wrapped anew; what they seal is not touched. Everything it has to
 * know lies in the table, so after a kill at any moment it goes on where it was:
 *
 *     new key made durable → begin (one transaction: the new key is the present one, the old one is sealed under it)
 *     → steps (a page of keys each) → end (one transaction: the old one is forgotten)
 *
 * Before `begin` is committed the old key alone opens the folder, after it the new one alone. The source of the master key must
 * offer both until then (master-file.ts does), and only the new one afterwards.
 */
export function createRotation(table: RotationTable, keys: Keys) {
  let afterOwner = ""
  let damaged = noDamage

  return {
    /** @param next durable already, wherever master keys come from */
    begin(next: MasterKey): BegunRotation {
      const { current, retired } = keys.masters()
      if (retired.length > 0) return { kind: "refused", why: "the last rotation is not done yet: wait until it has ended" }
      if (next.id === current.id) return { kind: "refused", why: `${next.id} is the present master key: make another one` }
      const state = table.state()
      assert(state !== undefined, "a folder whose keys are open has a state")
      const rotated = rotatedState(state, current, next)
      if (rotated.kind === "failed") return { kind: "refused", why: rotated.why }
      if (!table.begin(current.id, rotated.value))
        return { kind: "refused", why: "another process has rotated the master key: start this one again" }
      keys.replaceMasters({ current: next, retired: [current] })
      return { kind: "begun" }
    },

    /** One bounded piece of work. A thousand keys take about 20 ms (`aes`) or 70 ms (`gm`), and nobody else is answered then. */
    step(keysMax: number): RotationStep {
      const { current, retired } = keys.masters()
      const from = retired[0]
      if (from === undefined) return { kind: "idle" }
      const page = table.wrappedBy(from.id, afterOwner, keysMax)
      afterOwner = page.at(-1)?.owner ?? ""
      if (page.length > 0) return { kind: "rewrapped", keys: rewrap(page, from, current) }
      const left = damaged
      damaged = noDamage
      if (left.keys > 0) return { kind: "stuck", why: `${left.keys} keys cannot be rewrapped; ${left.why}` }
      // Somebody added one since the page was read: round again.
      if (!table.end(from.id)) return { kind: "rewrapped", keys: 0 }
      keys.replaceMasters({ current, retired: [] })
      return { kind: "finished", retiredId: from.id }
    },
  }

  function rewrap(page: readonly WrappedKey[], from: MasterKey, current: MasterKey): number {
    const again: WrappedKey[] = []
    for (const row of page) {
      const opened = openWrapped([from], row)
      if (opened.kind === "opened") again.push(wrap(current, row, opened.plain))
      else damaged = { keys: damaged.keys + 1, why: wordsForRefused(opened, placeOfKey(row)) }
    }
    table.rewrap(from.id, again)
    return again.length
  }
}
