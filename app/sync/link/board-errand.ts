import type { Log } from "../../base/log.ts"
import { answerAsking } from "../site/authority.ts"
import type { RefusedAnnouncement } from "../site/believed.ts"
import type { Board } from "../site/board.ts"
import type { Site } from "../site/site.ts"
import type { Errand, Ran } from "./errand.ts"
import type { LinkHub } from "./hub.ts"

/**
 * Reads what boxes say of themselves and of the site, and says what this one has to say. Before a round: it brings keys and members,
 * without which the round's records are not believed.
 */
export interface BoardErrandNeeds {
  readonly site: Site
  readonly board: Board
  /** Members or keys are others than before. Whether something was not believed for want of them, and is to be read again. */
  readonly rosterChanged: () => boolean
  readonly everyMs: number
  readonly verifyMs: number
  readonly nowTickMs: () => number
  readonly log: Pick<Log, "info" | "warn">
}

export function createBoardErrand(needs: BoardErrandNeeds): Errand {
  const { site, board, everyMs, verifyMs, nowTickMs, log } = needs
  let verified: { readonly generation: number; readonly atTickMs: number } | undefined
  const told = new Set<string>()
  /** Until an answer of this errand has told so. */
  let readsAgain = false

  function isVerifyDue(hub: LinkHub): boolean {
    return verified?.generation !== hub.generation() || nowTickMs() - verified.atTickMs >= verifyMs
  }

  function rosterChanged(): void {
    readsAgain = needs.rosterChanged() || readsAgain
  }

  function said(ran: Exclude<Ran, { readonly kind: "unreachable" }>): Ran {
    const isNow = readsAgain
    readsAgain = false
    return isNow ? { ...ran, readsAgain: true } : ran
  }

  /** Once for each place and reason. */
  function tell(refused: readonly RefusedAnnouncement[]): void {
    for (const { key, kind, why } of refused) {
      const id = `${key} ${kind}`
      if (told.has(id)) continue
      if (told.size >= toldMax) told.clear()
      told.add(id)
      log.warn({ key, kind, why }, "an announcement at the hub is not believed")
    }
  }

  return {
    name: "announcements",
    everyMs,
    stream: "announcements",
    when: "before",
    async run(hub): Promise<Ran> {
      const verify = isVerifyDue(hub)
      const asked = { generation: hub.generation(), atTickMs: nowTickMs() }
      const taken = await board.take(hub, { verify })
      if (taken.kind === "unreachable") return taken
      if (taken.kind === "unsteady")
        return { kind: "unreachable", why: "the hub lost the end of announcements while it was read" }
      if (verify) verified = asked
      tell(taken.refused)
      if (taken.isRosterNew) rosterChanged()
      const { joined, left, refused } = answerAsking(site, board, Date.now())
      for (const box of joined) log.info({ box }, "a box joined the site")
      for (const box of left) log.info({ box }, "a box left the site")
      for (const { box, why } of refused) log.warn({ box, why }, "a box that asked to join the site was refused")
      if (joined.length + left.length > 0) rosterChanged()
      // A box that was sent away has nothing to say any more.
      if (site.standing() !== "member" || board.isQuiet()) return said({ kind: "done" })
      const published = await board.publish(hub)
      if (published.kind === "unreachable") return published
      return said(published.kind === "refused" ? { kind: "failed", why: published.why } : { kind: "done" })
    },
  }
}

const toldMax = 1000
