import type { GallerySide } from "../gallery/side.ts"
import type { Site } from "../site/site.ts"
import { type Bundles, createBundles } from "./bundles.ts"

export interface OpenBundlesNeeds {
  readonly site: Site
  /** Whose transactions begin with what was changed here, and end in the gallery. */
  readonly side: GallerySide
  readonly pace: (records: number) => Promise<void>
  /** Records, changes or people that are taken or written down in one transaction. */
  readonly pageRecords: number
  readonly wallClockMs?: () => number
}

/** The bundles of a box that is a member of a site. The site's roster travels along: a box that no hub reaches hears who is new. */
export function openBundles({ site, side, pace, pageRecords, wallClockMs = Date.now }: OpenBundlesNeeds): Bundles {
  const standings = { member: "member", left: "member", revoked: "revoked" } as const
  return createBundles({
    box: side.box,
    boxName: site.boxName,
    site: {
      site: { name: site.name, id: site.fingerprint },
      keys: site.keys,
      standingOf(of) {
        const member = site.member(of)
        return member === undefined ? "unknown" : standings[member.standing.kind]
      },
      boxCalled: (text) =>
        site.members().find(({ box, name, standing }) => standing.kind === "member" && (box === text || name === text))?.box,
      notices: () => [site.rosterBytes()],
      takeNotices(notices) {
        // One that is older, or not by the site's authority, changes nothing.
        for (const notice of notices) site.takeRoster(notice)
      },
    },
    pace,
    pageRecords,
    async recordAll() {
      for (;;) {
        const recorded = side.recorder.drainAlone(pageRecords) + side.recorder.backlogPage(pageRecords)
        if (recorded === 0) return
        await pace(recorded)
      }
    },
    nowMs: wallClockMs,
    whyNoMember: () => whyNoMember[site.standing()],
  })
}

const whyNoMember = {
  member: undefined,
  left: "this box has left its site, and shares nothing with it: `gatehouse sync leave` forgets it here as well",
  revoked: "this box was revoked, and is no member of its site any more: `gatehouse sync leave` forgets the site here",
} as const
