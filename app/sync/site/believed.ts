import { type Announcement, announcementKey, isPlaced, parseAnnouncement } from "../announcements.ts"
import type { HubRecord } from "../hub.ts"
import type { Site } from "./site.ts"

export interface RefusedAnnouncement {
  readonly key: string
  readonly kind:
    | "malformed"
    | "other_site"
    | "other_suite"
    | "misplaced"
    | "unknown_box"
    | "revoked_box"
    | "bad_signature"
    | "other_authority"
  readonly why: string
}

/** Whose key has to have signed it; or why nobody's is good enough. */
function signerOf(site: Site, { kind, box: of }: Announcement): Uint8Array | RefusedAnnouncement["kind"] | undefined {
  // A newcomer's own key stands in what it asks, and is looked at by whoever answers.
  if (kind === "join") return undefined
  if (kind === "roster" || kind === "answer") return site.roster().authorityKey
  const member = site.member(of)
  if (member === undefined) return "unknown_box"
  return member.standing.kind === "revoked" ? "revoked_box" : member.signingKey
}

/** What somebody said, if it is by whom it names and lies where it belongs; or why nobody believes it. */
export function believed(site: Site, entry: HubRecord): Announcement | RefusedAnnouncement {
  const { suite } = site
  const parsed = parseAnnouncement(entry.bytes)
  const refuse = (kind: RefusedAnnouncement["kind"], why: string) => ({ key: entry.key, kind, why })
  if (parsed.kind === "malformed") return refuse("malformed", parsed.why)
  const { announcement } = parsed
  if (announcement.site !== site.name) return refuse("other_site", `said to the site ${announcement.site}`)
  if (parsed.suite !== suite.name)
    return refuse("other_suite", `signed by the suite ${parsed.suite}; this site uses ${suite.name}`)
  if (!isPlaced(announcement, entry.key)) return refuse("misplaced", `it belongs at ${announcementKey(announcement)}`)
  const signer = signerOf(site, announcement)
  if (signer === "unknown_box" || signer === "revoked_box")
    return refuse(
      signer,
      `said by the box ${announcement.box}, which ${signer === "unknown_box" ? "is no member of the site" : "was revoked"}`,
    )
  if (signer instanceof Uint8Array && !parsed.isBy(suite, signer)) {
    const by =
      announcement.kind === "roster" || announcement.kind === "answer"
        ? "the site's authority"
        : `the box ${announcement.box}, which it names`
    return refuse("bad_signature", `not signed by ${by}`)
  }
  return announcement
}
