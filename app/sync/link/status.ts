import type { Round } from "../session.ts"
import type { Traffic } from "./counted-hub.ts"
import type { LinkHub } from "./hub.ts"

/** How the talk with the hub is going, since this service began. Times of the record are milliseconds since 1970. */
export interface LinkStatus {
  /** `stopped`: the gallery is not in order, and a person has to look at it. */
  readonly state: "connecting" | "connected" | "stopped"
  /** Why it is not connected, or not talking over its line. */
  readonly why?: string
  readonly server?: { readonly address: string; readonly version: string }
  /** When a round came to its end last. */
  readonly talkedAtMs?: number
  readonly lag: {
    /** Known to lie at the hub, and not read yet. */
    readonly records: number
    /** Since when this box may have missed something; 0 while all that the hub told of is read. */
    readonly seconds: number
  }
  readonly counts: LinkCounts
}

export interface LinkCounts {
  readonly rounds: number
  /** Records that this box did not know. */
  readonly applied: number
  /** … that the hub took from it. */
  readonly stored: number
  /** … that the hub had lost. */
  readonly offeredAgain: number
  /** … that lay at the hub and were not believed. */
  readonly refused: number
  /** In the last round: what the hub does not take, or what lies where it cannot be read. */
  readonly withheld: number
}

/** Keeps the books of a link. */
export function createLinkBook(nowTickMs: () => number) {
  let hub: LinkHub | undefined
  let traffic: Traffic | undefined
  let state: LinkStatus["state"] = "connecting"
  let why: string | undefined
  let talkedAtMs: number | undefined
  const openedTickMs = nowTickMs()
  let talkedTickMs: number | undefined
  let isBehind = true
  let counts: LinkCounts = { rounds: 0, applied: 0, stored: 0, offeredAgain: 0, refused: 0, withheld: 0 }

  return {
    connected(opened: LinkHub, over: Traffic): void {
      hub = opened
      traffic = over
    },
    disconnected(): void {
      hub = undefined
      traffic = undefined
      state = "connecting"
      isBehind = true
    },
    talked(round: Round): void {
      if (round.kind !== "done") {
        isBehind = true
        if (round.kind === "stopped") state = "stopped"
        else if (state === "stopped") state = "connecting"
        return
      }
      state = "connected"
      why = undefined
      isBehind = false
      talkedAtMs = Date.now()
      talkedTickMs = nowTickMs()
      const { applied, stored, offeredAgain, refused, withheld } = round
      counts = {
        rounds: counts.rounds + 1,
        applied: counts.applied + applied,
        stored: counts.stored + stored,
        offeredAgain: counts.offeredAgain + offeredAgain,
        refused: counts.refused + refused,
        withheld,
      }
    },
    failed(reason: string): void {
      why = reason
    },
    status(): LinkStatus {
      const server = hub?.server()
      const isConnected = server !== undefined
      const records = (traffic?.left("erasures") ?? 0) + (traffic?.left("records") ?? 0)
      const seconds = isBehind || !isConnected || records > 0 ? (nowTickMs() - (talkedTickMs ?? openedTickMs)) / 1000 : 0
      return {
        state: state === "connected" && !isConnected ? "connecting" : state,
        ...whyNot(state, isConnected, why),
        ...(server !== undefined && { server }),
        ...(talkedAtMs !== undefined && { talkedAtMs }),
        lag: { records, seconds },
        counts,
      }
    },
  }
}

function whyNot(state: LinkStatus["state"], isConnected: boolean, why: string | undefined): { readonly why?: string } {
  if (why !== undefined) return { why }
  if (isConnected) return {}
  return state === "connected" ? { why: "the line to the hub broke; trying again" } : { why: "not connected yet" }
}
