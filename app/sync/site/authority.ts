import { assert } from "../../base/assert.ts"
import type { Result } from "../../base/result.ts"
import { openSuite } from "../../vault/suites.ts"
import { parseAnnouncement, signAnnouncement } from "../announcements.ts"
import type { Board } from "./board.ts"
import { encodeAnswer, isSameMac, parseJoinRequest, requestMac } from "./join-request.ts"
import {
  epochsMax,
  type Member,
  membersMax,
  nameBytesMax,
  type Roster,
  withMember,
  withoutMember,
  withStanding,
} from "./roster.ts"
import { newSiteKey, readRoster, type Site, withNextRoster } from "./site.ts"
import type { Invitation, SiteState } from "./state.ts"
import { fingerprintOf, newSecret, writeToken } from "./token.ts"

/** What the one box does that holds the site's authority: it gives out tokens, takes in those who bring one, and sends away. */

export interface Invited {
  readonly token: string
  readonly box: string
  readonly name: string
  readonly expiresAtMs: number
}

/** A token given out is remembered so long after it was used or expired, to tell which of the two. */
const rememberedMs = 90 * 24 * 3600 * 1000
const invitationsMax = 200
/** A year: a token is for today, or for the next visit. */
const lastsMsMax = 366 * 24 * 3600 * 1000
const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const boxPattern = /^[0-9a-f]{8}$/

/**
 * A token for one box; an earlier one for it is void from now on.
 * @param box as `gatehouse hub add-box` named it
 */
export function invite(
  site: Site,
  {
    name,
    box,
    lastsMs,
    nowMs,
  }: { readonly name: string; readonly box: string; readonly lastsMs: number; readonly nowMs: number },
): Result<Invited> {
  return site.change<Result<Invited>>((state) => {
    const { authority } = state
    const roster = rosterOf(state)
    const why = whyNotHere(site, state) ?? whyNoToken(roster, name, box)
    if (lastsMs > lastsMsMax) return { out: { kind: "failed", why: "a token lasts a year at most: give out another one then" } }
    if (why !== undefined || authority === undefined) return { out: { kind: "failed", why: why ?? notHere(site, roster) } }
    const kept = authority.invitations.filter((one) => one.box !== box && nowMs - one.expiresAtMs < rememberedMs)
    if (kept.length >= invitationsMax)
      return { out: { kind: "failed", why: `${invitationsMax} tokens are remembered: wait until the oldest are forgotten` } }
    const invitation = { box, name, secret: newSecret(), expiresAtMs: nowMs + lastsMs }
    const { suite } = openSuite(state.suite)
    const token = writeToken({ ...invitation, fingerprint: fingerprintOf(suite, site.name, roster.authorityKey) })
    const next = { ...state, authority: { ...authority, invitations: [...kept, invitation] } }
    return { next, out: { kind: "ok", value: { token, box, name, expiresAtMs: invitation.expiresAtMs } } }
  })
}

function whyNoToken(roster: Roster, name: string, box: string): string | undefined {
  if (!boxPattern.test(box)) return `--box ${box}: 8 hexadecimal digits, as \`gatehouse hub add-box\` prints them`
  if (!namePattern.test(name) || name.length > nameBytesMax)
    return `--name ${name}: small letters, digits and dashes, at most ${nameBytesMax}, as gate-2`
  const present = roster.members.find((member) => member.box === box)
  if (present !== undefined) return `the box ${box} ${wordsOfStanding(present)}: ${another}`
  const namesake = roster.members.find((member) => member.name === name && member.standing.kind === "member")
  if (namesake !== undefined) return `${name} is the box ${namesake.box} already: take another name`
  if (roster.members.length >= membersMax) return `the site has had ${membersMax} boxes, and takes no more: make a new one`
  return undefined
}

const another = "a box joins once under a name; `gatehouse hub add-box` makes another one"

/** `is a member of the site` and so on, behind the name of a box. */
function wordsOfStanding({ standing }: Member): string {
  if (standing.kind === "member") return "is a member of the site"
  return standing.kind === "left" ? "has left the site" : "was revoked"
}

/**
 * Sends a box away: it writes nothing that counts any more, and what is written from now on it cannot read.
 * @param name of the box, or its 8 digits
 */
export function revoke(site: Site, name: string, nowMs: number): Result<Member> {
  return site.change<Result<Member>>((state) => {
    const roster = rosterOf(state)
    const why = whyNotHere(site, state)
    if (why !== undefined) return { out: { kind: "failed", why } }
    const member = roster.members.find((one) => one.box === name) ?? roster.members.findLast((one) => one.name === name)
    if (member === undefined)
      return { out: { kind: "failed", why: `${name} is no box of the site: \`gatehouse sync boxes\` lists them` } }
    if (member.box === site.box)
      return {
        out: {
          kind: "failed",
          why: `${name} is this box, which holds the site's authority: have another one take it over first (docs/sync.md)`,
        },
      }
    if (member.standing.kind === "revoked") return { out: { kind: "failed", why: `${name} was revoked already` } }
    return withoutBox(site, state, roster, member, "revoked", nowMs)
  })
}

function withoutBox(site: Site, state: SiteState, roster: Roster, member: Member, how: "left" | "revoked", nowMs: number) {
  const { suite } = openSuite(state.suite)
  if (roster.epoch >= epochsMax)
    return { out: { kind: "failed", why: `the site has had ${epochsMax} keys: make a new one` } } as const
  const present = state.keys.find(({ epoch }) => epoch === roster.epoch)?.key
  assert(present !== undefined, "a member has the key of the present epoch")
  const keys = { present, next: newSiteKey(suite) }
  const next = withNextRoster(state, withoutMember(suite, site.name, roster, keys, member.box, how, nowMs))
  return { next, out: { kind: "ok", value: member } } as const
}

/** All that the box wrote lies at the hub under another's name by now (revoked.ts). */
export function settle(site: Site, box: string, nowMs: number): void {
  site.change<void>((state) => {
    const roster = rosterOf(state)
    const standing = roster.members.find((member) => member.box === box)?.standing
    if (whyNotHere(site, state) !== undefined || standing?.kind !== "revoked" || standing.settled) return { out: undefined }
    return { next: withNextRoster(state, withStanding(roster, box, { ...standing, settled: true }, nowMs)), out: undefined }
  })
}

export interface Answered {
  readonly joined: readonly string[]
  readonly left: readonly string[]
  readonly refused: readonly { readonly box: string; readonly why: string }[]
}

/** Answers all who asked (see `Board.take`). What it says goes to the hub with the next `publish`. */
export function answerAsking(site: Site, board: Board, nowMs: number): Answered {
  const answered = { joined: [] as string[], left: [] as string[], refused: [] as { box: string; why: string }[] }
  if (!site.isHolder()) return answered
  for (const { box, bytes } of board.asking()) {
    const answer = site.change<Answer>((state) => answerOne(site, state, bytes, nowMs))
    if (answer.kind === "joined") answered.joined.push(box)
    else if (answer.kind === "left") answered.left.push(box)
    else if (answer.kind === "refused") {
      answered.refused.push({ box, why: answer.why })
      refuse(site, board, box, bytes, answer.why, nowMs)
    }
    board.answered(box, bytes)
  }
  return answered
}

type Answer =
  | { readonly kind: "joined" | "left" }
  /** A member that asks again, or bytes that nobody waits for an answer to. */
  | { readonly kind: "nothing" }
  | { readonly kind: "refused"; readonly why: string }

function refuse(site: Site, board: Board, box: string, request: Uint8Array, why: string, nowMs: number): void {
  const { authority } = site.state()
  assert(authority !== undefined, "who refuses holds the authority")
  const body = encodeAnswer(site.suite, request, why)
  const announcement = { kind: "answer", site: site.name, box: site.box, about: box, atMs: nowMs, body } as const
  board.queue(announcement, signAnnouncement(site.suite, authority.pair, announcement))
}

function answerOne(
  site: Site,
  state: SiteState,
  bytes: Uint8Array,
  nowMs: number,
): { readonly next?: SiteState; readonly out: Answer } {
  const parsed = parseAnnouncement(bytes)
  const { authority } = state
  if (parsed.kind === "malformed" || authority === undefined) return { out: { kind: "nothing" } }
  const { announcement } = parsed
  const roster = rosterOf(state)
  const { suite } = openSuite(state.suite)
  const present = roster.members.find(({ box }) => box === announcement.box)
  if (announcement.kind === "leave") {
    // Whose signature it has, the board has seen.
    if (present?.standing.kind !== "member" || present.box === site.box) return { out: { kind: "nothing" } }
    const gone = withoutBox(site, state, roster, present, "left", nowMs)
    return gone.next === undefined ? { out: { kind: "nothing" } } : { next: gone.next, out: { kind: "left" } }
  }
  const request = announcement.kind === "join" ? parseJoinRequest(announcement.body) : undefined
  // Not by whom it names: it is nobody's, and gets no answer.
  if (request === undefined || !parsed.isBy(suite, request.signingKey)) return { out: { kind: "nothing" } }
  if (present?.standing.kind === "member" && Buffer.compare(present.signingKey, request.signingKey) === 0)
    return { out: { kind: "nothing" } }
  const invitation = authority.invitations.findLast(({ box }) => box === announcement.box)
  const why =
    (present === undefined
      ? undefined
      : `the box ${present.box} ${wordsOfStanding(present)}${invitation?.usedAtMs === undefined ? "" : ", and its token was used"}: ${another}`) ??
    whyNotByToken(invitation, announcement.box, nowMs)
  if (why !== undefined || invitation === undefined) return { out: { kind: "refused", why: why ?? "no token" } }
  if (!isSameMac(request.mac, requestMac(suite, site.name, invitation, request)))
    return { out: { kind: "refused", why: `the token is not the one that was given out last for the box ${announcement.box}` } }
  if (!isEnvelopeKey(state, request.envelopeKey))
    return { out: { kind: "refused", why: "what the box brought as its public key is none" } }
  if (roster.members.length >= membersMax)
    return { out: { kind: "refused", why: `the site has had ${membersMax} boxes, and takes no more` } }
  const key = state.keys.find(({ epoch }) => epoch === roster.epoch)?.key
  assert(key !== undefined, "a member has the key of the present epoch")
  const newcomer = {
    box: invitation.box,
    name: invitation.name,
    signingKey: request.signingKey,
    envelopeKey: request.envelopeKey,
  }
  const invitations = authority.invitations.map((one) =>
    one === invitation ? { ...one, secret: new Uint8Array(), usedAtMs: nowMs } : one,
  )
  const next = withNextRoster(
    { ...state, authority: { ...authority, invitations } },
    withMember(suite, site.name, roster, key, newcomer, nowMs),
  )
  return { next, out: { kind: "joined" } }
}

function whyNotByToken(invitation: Invitation | undefined, box: string, nowMs: number): string | undefined {
  if (invitation === undefined)
    return `no token was given out for the box ${box}: \`gatehouse sync invite --name <name> --box ${box}\` on the first box prints one`
  if (invitation.usedAtMs !== undefined) return `the token was used already, at ${new Date(invitation.usedAtMs).toISOString()}`
  if (invitation.expiresAtMs < nowMs)
    return `the token expired at ${new Date(invitation.expiresAtMs).toISOString()}: \`gatehouse sync invite\` prints another`
  return undefined
}

/** A suite that is handed no key says so by an exception, for its other callers have looked before. */
function isEnvelopeKey({ suite: name }: Pick<SiteState, "suite">, key: Uint8Array): boolean {
  try {
    return openSuite(name).suite.envelope.sealTo(key, new Uint8Array(1)).length > 0
  } catch {
    return false
  }
}

function rosterOf({ roster }: SiteState): Roster {
  const read = readRoster(roster)
  assert(read !== undefined, "the roster that was kept is one")
  return read
}

function whyNotHere(site: Site, state: SiteState): string | undefined {
  const roster = rosterOf(state)
  return state.authority !== undefined && roster.holder === site.box ? undefined : notHere(site, roster)
}

function notHere({ name }: Site, { holder, members }: Roster): string {
  const at = members.find(({ box }) => box === holder)
  return `this box does not hold the authority of the site ${name}: do it at ${at?.name ?? "the box"} (${holder})`
}
