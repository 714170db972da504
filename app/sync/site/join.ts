import type { Result } from "../../base/result.ts"
import { openSuite } from "../../vault/suites.ts"
import { announcementKey, parseAnnouncement, signAnnouncement } from "../announcements.ts"
import type { Hub, HubRecord, Unreachable } from "../hub.ts"
import type { HubAccess } from "../nats/setup/access.ts"
import { sequenceOf } from "../pull.ts"
import type { SyncSettings } from "../store/settings.ts"
import { encodeJoinRequest, readAnswer, requestMac } from "./join-request.ts"
import { put } from "./put.ts"
import { type Roster, siteKeysFrom } from "./roster.ts"
import { newIdentity, readSignedRoster } from "./site.ts"
import { decodeJoining, decodeState, encodeSetting, type JoiningState, type SiteState, settingNames } from "./state.ts"
import { fingerprintOf, type JoinToken, readToken, writeToken } from "./token.ts"

export interface JoinNeeds {
  readonly settings: SyncSettings
  readonly hub: Hub
  readonly access: HubAccess
  /** As it was printed. */
  readonly token: string
  readonly nowMs: () => number
  /** Before it looks again whether there is an answer; false when there is no time left. */
  readonly again: () => Promise<boolean>
}

export interface Joined {
  readonly site: string
  readonly box: string
  readonly name: string
  readonly members: number
}

/** Why a box and a token do not go together, before anybody is asked; or the token. */
export function readTokenFor(settings: SyncSettings, access: HubAccess, text: string): Result<JoinToken> {
  const present = settings.get(settingNames.state)
  if (present !== undefined)
    return {
      kind: "failed",
      why: `this box belongs to the site ${decodeState(present).access.site} already: \`gatehouse sync leave\` first`,
    }
  if (access.box === "keeper")
    return { kind: "failed", why: "this is the access of the hub's keeper, which is no box: `gatehouse hub add-box` makes one" }
  const token = readToken(text)
  if (token.kind === "failed") return token
  if (token.value.box !== access.box)
    return {
      kind: "failed",
      why: `the token is for the box ${token.value.box}, and the access file is that of ${access.box} (${access.name}): one of the two is another box's`,
    }
  return token
}

/**
 * Makes this box a member: it tells the box that holds the site's authority by the hub which keys it has, and that it knows the
 * token's secret, and waits for the answer. Whoever is interrupted asks again with the same keys.
 */
export async function joinSite(needs: JoinNeeds): Promise<Result<Joined>> {
  const { settings, hub, access } = needs
  const read = readTokenFor(settings, access, needs.token)
  if (read.kind === "failed") return read
  const found = await findRoster(hub, access.site, read.value)
  if (found.kind !== "found") return { kind: "failed", why: found.why }
  const { suite } = openSuite(found.suite)
  const joining = joiningFor(needs, writeToken(read.value), found.suite)
  const { box, site } = { box: access.box, site: access.site }
  const keys = {
    signingKey: joining.signing.publicKey,
    envelopeKey: suite.envelope.keyPairFrom(joining.envelopeSeed).publicKey,
  }
  const body = encodeJoinRequest({ ...keys, mac: requestMac(suite, site, read.value, keys) })
  const request = { kind: "join", site, box, about: "", atMs: joining.atMs, body } as const
  const bytes = signAnnouncement(suite, joining.signing, request)
  const said = await put(hub, announcementKey(request), bytes)
  if (said.kind !== "written") return { kind: "failed", why: said.why }
  for (;;) {
    const answer = await readAll(hub)
    if (answer.kind === "unreachable") return { kind: "failed", why: answer.why }
    const ended = answerIn(answer.records, access, read.value, joining, bytes)
    if (ended.kind === "failed") {
      // These keys were told no: the next token brings its own.
      settings.set(settingNames.joining, undefined)
      return ended
    }
    if (ended.kind === "joined") {
      settings.set(settingNames.state, encodeSetting(ended.state))
      settings.set(settingNames.joining, undefined)
      const { roster } = ended
      const name = roster.members.find((member) => member.box === box)?.name ?? access.name
      const members = roster.members.filter(({ standing }) => standing.kind === "member").length
      return { kind: "ok", value: { site, box, name, members } }
    }
    if (!(await needs.again())) return { kind: "failed", why: nobodyAnswered(found.roster) }
  }
}

function nobodyAnswered({ holder, members }: Roster): string {
  const name = members.find(({ box }) => box === holder)?.name ?? holder
  return `${name}, which holds the site's authority, has not answered: see that it runs and reaches the hub (\`gatehouse sync status\` there), and run this again; the request stays at the hub`
}

/** The same keys for the same token, so that an answer to the first try is one to the second. */
function joiningFor({ settings, nowMs }: JoinNeeds, token: string, suiteName: "aes" | "gm"): JoiningState {
  const stored = settings.get(settingNames.joining)
  const before = stored && decodeJoining(stored)
  if (before?.token === token) return before
  const joining = { token, ...newIdentity(openSuite(suiteName).suite), atMs: nowMs() }
  settings.set(settingNames.joining, encodeSetting(joining))
  return joining
}

type FoundRoster =
  | { readonly kind: "found"; readonly suite: "aes" | "gm"; readonly roster: Roster; readonly bytes: Uint8Array }
  | { readonly kind: "none"; readonly why: string }
  | Unreachable

/** The newest roster at the hub that is signed by the authority whose fingerprint the token has. */
async function findRoster(hub: Hub, site: string, token: JoinToken): Promise<FoundRoster> {
  const read = await readAll(hub)
  if (read.kind === "unreachable") return read
  const rosters = rostersIn(read.records, site)
  const newest = newestOf(rosters, site, token)
  if (newest !== undefined) return { kind: "found", ...newest }
  if (rosters.length === 0)
    return {
      kind: "none",
      why: `nobody at the hub says who belongs to the site ${site}: \`gatehouse sync create\` on its first box, and its service running, come before`,
    }
  return { kind: "none", why: `the token is of another site than the ${site} at this hub: ask where the token was printed` }
}

interface SignedRoster {
  readonly suite: "aes" | "gm"
  readonly roster: Roster
  readonly bytes: Uint8Array
}

function rostersIn(records: readonly HubRecord[], site: string): readonly SignedRoster[] {
  return records.flatMap(({ bytes }) => {
    const parsed = parseAnnouncement(bytes)
    if (parsed.kind === "malformed" || parsed.announcement.kind !== "roster") return []
    const roster = readSignedRoster(openSuite(parsed.suite).suite, site, bytes)
    return roster.kind === "ok" ? [{ suite: parsed.suite, roster: roster.value, bytes }] : []
  })
}

function newestOf(rosters: readonly SignedRoster[], site: string, { fingerprint }: JoinToken): SignedRoster | undefined {
  const isMeant = ({ suite, roster }: SignedRoster) =>
    Buffer.compare(fingerprintOf(openSuite(suite).suite, site, roster.authorityKey), fingerprint) === 0
  return rosters.filter(isMeant).toSorted((a, b) => b.roster.number - a.roster.number)[0]
}

type Ended =
  | { readonly kind: "joined"; readonly state: SiteState; readonly roster: Roster }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "waiting" }

function answerIn(
  records: readonly HubRecord[],
  access: HubAccess,
  token: JoinToken,
  joining: JoiningState,
  request: Uint8Array,
): Ended {
  const { site, box } = access
  const newest = newestOf(rostersIn(records, site), site, token)
  if (newest === undefined) return { kind: "waiting" }
  const { roster, bytes } = newest
  const { suite } = openSuite(newest.suite)
  const member = roster.members.find((one) => one.box === box)
  if (member?.standing.kind === "member" && Buffer.compare(member.signingKey, joining.signing.publicKey) === 0) {
    const keys = siteKeysFrom(suite, site, roster, box, suite.envelope.keyPairFrom(joining.envelopeSeed))
    if (keys.kind === "failed") return keys
    const state = {
      suite: suite.name,
      access,
      joinedAtMs: member.joinedAtMs,
      signing: joining.signing,
      envelopeSeed: joining.envelopeSeed,
      roster: bytes,
      keys: [...keys.value].map(([epoch, key]) => ({ epoch, key })),
    }
    return { kind: "joined", state, roster }
  }
  for (const { bytes: said } of records) {
    const parsed = parseAnnouncement(said)
    if (parsed.kind === "malformed" || parsed.announcement.kind !== "answer" || parsed.announcement.about !== box) continue
    const why = parsed.isBy(suite, roster.authorityKey) ? readAnswer(suite, request, parsed.announcement.body) : undefined
    if (why !== undefined) return { kind: "failed", why: `the site ${site} does not take this box: ${why}` }
  }
  return { kind: "waiting" }
}

const pageEntries = 500

/** All announcements that the hub has: they are few. */
async function readAll(hub: Hub): Promise<{ readonly kind: "all"; readonly records: readonly HubRecord[] } | Unreachable> {
  const records: HubRecord[] = []
  for (let after = 0; ; ) {
    const page = await hub.read("announcements", after, pageEntries)
    if (page.kind === "unreachable") return page
    for (const entry of page.entries) if (entry.kind === "record") records.push(entry.record)
    const last = page.entries.at(-1)
    if (last !== undefined) after = sequenceOf(last)
    if (page.isEnd) return { kind: "all", records }
  }
}
