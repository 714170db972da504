import { assert } from "../../base/assert.ts"
import type { Result } from "../../base/result.ts"
import type { Store } from "../../store/store.ts"
import { nonceBytes, type Suite } from "../../vault/suite.ts"
import { openSuite } from "../../vault/suites.ts"
import { parseAnnouncement, signAnnouncement } from "../announcements.ts"
import type { HubAccess } from "../nats/setup/access.ts"
import type { WritingKeys } from "../sealing.ts"
import type { SyncSettings } from "../store/settings.ts"
import { encodeRoster, firstRoster, type Member, parseRoster, type Roster, siteKeysFrom } from "./roster.ts"
import { decodeState, encodeSetting, type SiteState, settingNames } from "./state.ts"
import { fingerprintOf } from "./token.ts"

/** The site that a box belongs to: who is a member, the keys of its epochs, and this box's own. Nothing here talks to anybody. */
export interface Site {
  /** Small letters, digits and dashes: a part of all names at the hub. */
  readonly name: string
  /** The name of this box in it, 8 hexadecimal digits … */
  readonly box: string
  /** … and for people. */
  readonly boxName: string
  readonly suite: Suite
  /** How to get to the hub. */
  readonly access: HubAccess
  /** When this box became a member, milliseconds since 1970. */
  readonly joinedAtMs: number
  /** 32 hexadecimal digits that tell this site from every other of its name. */
  readonly fingerprint: string
  /** To open and write records with. One object for good: what it says follows the site. */
  keys(): WritingKeys
  epoch(): number
  /** Also those that left or were revoked. */
  members(): readonly Member[]
  member(box: string): Member | undefined
  roster(): Roster
  /** The roster as the authority signed it: it may travel by any way, sticks among them (see `takeRoster`). */
  rosterBytes(): Uint8Array
  /** What became of this box: one that is no member any more writes nothing, and has nothing to talk about. */
  standing(): "member" | "left" | "revoked"
  /** Whether this box answers those who want to join. */
  isHolder(): boolean
  /** Reads again what another process may have changed (a command beside the service). True when something is another than before. */
  refresh(): boolean
  /** A roster from anywhere: taken when the authority signed it and it is newer. */
  takeRoster(bytes: Uint8Array): RosterTaken
  /** For the parts of `site/`: reads, changes and writes the state in one transaction; `undefined` as the next leaves it. */
  change<Out>(body: (state: SiteState) => { readonly next?: SiteState; readonly out: Out }): Out
  /** … and looks at it. */
  readonly state: () => SiteState
}

export type RosterTaken = { readonly kind: "new" | "known" | "older" } | { readonly kind: "refused"; readonly why: string }

export interface SiteNeeds {
  readonly settings: SyncSettings
  readonly transact: Store["transact"]
}

/** `undefined` when the box belongs to no site. */
export function openSite(needs: SiteNeeds): Site | undefined {
  const { settings } = needs
  const stored = settings.get(settingNames.state)
  if (stored === undefined) return undefined
  let known = stored
  let present = derive(decodeState(stored))
  const { suite, name, box } = present
  const { access, joinedAtMs } = present.state

  function adopt(bytes: Uint8Array): void {
    known = bytes
    present = derive(decodeState(bytes))
  }

  function refresh(): boolean {
    const bytes = settings.get(settingNames.state)
    // Whoever left the site closes it; until then it is as it was.
    if (bytes === undefined || Buffer.compare(bytes, known) === 0) return false
    adopt(bytes)
    return true
  }

  function change<Out>(body: (state: SiteState) => { readonly next?: SiteState; readonly out: Out }): Out {
    const { out, bytes } = needs.transact<{ readonly out: Out; readonly bytes: Uint8Array }>(() => {
      const stored = settings.get(settingNames.state)
      assert(stored !== undefined, "the site's state is there as long as the box belongs to it")
      const changed = body(decodeState(stored))
      if (changed.next === undefined) return { out: changed.out, bytes: stored }
      const written = encodeSetting(changed.next)
      settings.setIn(settingNames.state, written)
      return { out: changed.out, bytes: written }
    })
    if (Buffer.compare(bytes, known) !== 0) adopt(bytes)
    return out
  }

  const keys: WritingKeys = {
    suite,
    get pair() {
      return present.state.signing
    },
    get epoch() {
      return present.epoch
    },
    siteKey: (epoch) => present.keys.get(epoch),
    publicKeyOf: (of) => present.members.get(of)?.signingKey,
    whyNotBelieved: (of) =>
      present.members.get(of)?.standing.kind === "revoked"
        ? `written by the box ${of} (${present.members.get(of)?.name}), which was revoked: its key may be in anybody's hand`
        : undefined,
    // A site's key seals up to 2^32 records of all its boxes: random nonces need no memory, which a restored backup would not have.
    nonce: () => crypto.getRandomValues(new Uint8Array(nonceBytes)),
  }

  return {
    name,
    box,
    boxName: access.name,
    suite,
    access,
    joinedAtMs,
    fingerprint: fingerprintOf(suite, name, present.roster.authorityKey).toHex(),
    keys: () => keys,
    epoch: () => present.epoch,
    members: () => present.roster.members,
    member: (of) => present.members.get(of),
    roster: () => present.roster,
    rosterBytes: () => present.state.roster,
    standing: () => present.members.get(box)?.standing.kind ?? "revoked",
    isHolder: () => present.state.authority !== undefined && present.roster.holder === box,
    refresh,
    takeRoster: (bytes) =>
      change<RosterTaken>((state) => {
        const taken = withRoster(state, bytes)
        return taken.kind === "new" ? { next: taken.state, out: { kind: taken.kind } } : { out: taken }
      }),
    change,
    state: () => present.state,
  }
}

/** What the state says, ready for use. */
function derive(state: SiteState) {
  const { suite } = openSuite(state.suite)
  const roster = readRoster(state.roster)
  assert(roster !== undefined, "the roster that was kept is one")
  const keys = new Map(state.keys.map(({ epoch, key }) => [epoch, key]))
  const members = new Map(roster.members.map((member) => [member.box, member]))
  const { site: name, box } = state.access
  return { state, suite, roster, keys, members, name, box, epoch: Math.max(...keys.keys()) }
}

/** A roster within its announcement, whoever has signed it. */
export function readRoster(bytes: Uint8Array): Roster | undefined {
  const parsed = parseAnnouncement(bytes)
  if (parsed.kind !== "parsed" || parsed.announcement.kind !== "roster") return undefined
  return parseRoster(parsed.announcement.body, parsed.announcement.atMs)
}

type WithRoster =
  | { readonly kind: "new"; readonly state: SiteState }
  | { readonly kind: "known" | "older" }
  | { readonly kind: "refused"; readonly why: string }

function withRoster(state: SiteState, bytes: Uint8Array): WithRoster {
  const { suite } = openSuite(state.suite)
  const { site, box } = state.access
  const present = readRoster(state.roster)
  assert(present !== undefined, "the roster that was kept is one")
  const read = readSignedRoster(suite, site, bytes)
  if (read.kind === "failed") return { kind: "refused", why: read.why }
  const roster = read.value
  if (Buffer.compare(roster.authorityKey, present.authorityKey) !== 0)
    return { kind: "refused", why: "a roster by another authority than this site's: somebody set up a site of the same name" }
  if (Buffer.compare(bytes, state.roster) === 0) return { kind: "known" }
  // Of two boxes that both believe to hold the authority, all take the same one's.
  if (roster.number < present.number || (roster.number === present.number && roster.holder >= present.holder))
    return { kind: "older" }
  return { kind: "new", state: withKeys(suite, { ...state, roster: bytes }, roster, site, box) }
}

/** … with the keys of its epochs; a box that is no member any more keeps those it has. */
function withKeys(suite: Suite, state: SiteState, roster: Roster, site: string, box: string): SiteState {
  const opened = siteKeysFrom(suite, site, roster, box, suite.envelope.keyPairFrom(state.envelopeSeed))
  if (opened.kind === "failed") return state
  return { ...state, keys: [...opened.value].map(([epoch, key]) => ({ epoch, key })) }
}

/** A roster of the site, if the authority that it names has signed it. Whether that is the right one is the caller's to know. */
export function readSignedRoster(suite: Suite, site: string, bytes: Uint8Array): Result<Roster> {
  const parsed = parseAnnouncement(bytes)
  if (parsed.kind === "malformed") return { kind: "failed", why: parsed.why }
  const { announcement } = parsed
  const roster = announcement.kind === "roster" ? parseRoster(announcement.body, announcement.atMs) : undefined
  if (roster === undefined) return { kind: "failed", why: "no roster of a site" }
  if (announcement.site !== site)
    return { kind: "failed", why: `a roster of the site ${announcement.site}, and not of ${site}` }
  if (parsed.suite !== suite.name)
    return { kind: "failed", why: `a roster by the suite ${parsed.suite}; this site uses ${suite.name}` }
  if (!parsed.isBy(suite, roster.authorityKey)) return { kind: "failed", why: "a roster that its authority has not signed" }
  return { kind: "ok", value: roster }
}

/** The state with the next roster, signed. Of the box that holds the authority alone. */
export function withNextRoster(state: SiteState, next: Roster): SiteState {
  const { suite } = openSuite(state.suite)
  const { authority, access } = state
  assert(authority !== undefined, "a roster is signed by the box that holds the authority")
  const body = encodeRoster(next)
  const announcement = { kind: "roster", site: access.site, box: access.box, about: "", atMs: next.atMs, body } as const
  const roster = signAnnouncement(suite, authority.pair, announcement)
  return withKeys(suite, { ...state, roster }, next, access.site, access.box)
}

export interface CreateSite {
  readonly access: HubAccess
  readonly suite: Suite
  readonly nowMs: number
}

/** Makes the site that the access names, with this box as its first member and holder of its authority. */
export function createSite({ settings }: Pick<SiteNeeds, "settings">, { access, suite, nowMs }: CreateSite): Result<void> {
  const present = settings.get(settingNames.state)
  if (present !== undefined)
    return {
      kind: "failed",
      why: `this box belongs to the site ${decodeState(present).access.site} already: \`gatehouse sync leave\` first`,
    }
  const pair = suite.signing.createKeyPair()
  const { signing, envelopeSeed } = newIdentity(suite)
  const newcomer = {
    box: access.box,
    name: access.name,
    signingKey: signing.publicKey,
    envelopeKey: suite.envelope.keyPairFrom(envelopeSeed).publicKey,
  }
  const key = newSiteKey(suite)
  const roster = firstRoster(suite, access.site, pair.publicKey, key, newcomer, nowMs)
  const state: SiteState = {
    suite: suite.name,
    access,
    joinedAtMs: nowMs,
    signing,
    envelopeSeed,
    roster: new Uint8Array(),
    keys: [],
    authority: { pair, invitations: [] },
  }
  settings.set(settingNames.state, encodeSetting(withNextRoster(state, roster)))
  return { kind: "ok", value: undefined }
}

const seedBytes = 32

/** What a box brings into a site. */
export function newIdentity(suite: Suite) {
  return { signing: suite.signing.createKeyPair(), envelopeSeed: crypto.getRandomValues(new Uint8Array(seedBytes)) }
}

export const newSiteKey = (suite: Suite): Uint8Array => crypto.getRandomValues(new Uint8Array(suite.keyBytes))
