import type { Box } from "../box.ts"
import type { Site } from "../site/site.ts"
import { type Bundles, createBundles } from "./bundles.ts"

export interface OpenBundlesNeeds {
  readonly site: Site
  /** Whose transactions begin with what the gallery changed, and end in the gallery. */
  readonly box: Box
  /** Writes down what the gallery has and no record says yet, to its end. */
  readonly recordAll: () => Promise<void>
  readonly pace: (records: number) => Promise<void>
  readonly wallClockMs?: () => number
}

/** The bundles of a box that is a member of a site. The site's roster travels along: a box that no hub reaches hears who is new. */
export function openBundles({ site, box, recordAll, pace, wallClockMs = Date.now }: OpenBundlesNeeds): Bundles {
  const standings = { member: "member", left: "member", revoked: "revoked" } as const
  return createBundles({
    box,
    boxName: site.boxName,
    site: {
      site: { name: site.name, id: site.fingerprint },
      keys: site.keys,
      standingOf(of) {
        const member = site.member(of)
        return member === undefined ? "unknown" : standings[member.standing.kind]
      },
      boxCalled: (text) =>
        site.members().find(({ box: of, name, standing }) => standing.kind === "member" && (of === text || name === text))?.box,
      notices: () => [site.rosterBytes()],
      takeNotices(notices) {
        // One that is older, or not by the site's authority, changes nothing.
        for (const notice of notices) site.takeRoster(notice)
      },
    },
    pace,
    recordAll,
    nowMs: wallClockMs,
  })
}
