import type { Store } from "../../store/store.ts"
import {
  type Announcement,
  type AnnouncementKind,
  announcementKey,
  parseAnnouncement,
  signAnnouncement,
} from "../announcements.ts"
import type { Entity } from "../entity.ts"
import type { Hub, HubEntry, HubRecord, Marker, Unreachable } from "../hub.ts"
import { withMarker } from "../markers.ts"
import { sequenceOf, unchangedUpTo } from "../pull.ts"
import type { SyncSettings } from "../store/settings.ts"
import { believed, type RefusedAnnouncement } from "./believed.ts"
import { doubtAfter, type Heard, readHeard, writeHeardIn } from "./heard.ts"
import { put } from "./put.ts"
import { batchName, encodeReceipts, parseReceipts, type Receipt, receiptsInBatch } from "./receipts.ts"
import { readRoster, type Site } from "./site.ts"
import { settingNames } from "./state.ts"

/**
 * The hub's stream of announcements as one box reads it and writes to it. Nothing is believed that is not signed by whom it names.
 * What this box has to say lies on its disk until the hub holds it, and is said again when the hub has lost it.
 */
export interface Board {
  /**
   * Reads what is new: the site's roster, requests, statuses, receipts.
   * @param verify also what the hub may have lost or changed since: at each connection, and about once a minute
   */
  take(hub: Hub, options: { readonly verify: boolean }): Promise<Taken>
  /** Says what the hub does not hold yet; the roster, too, if the hub shows an older one. To be called after `take`. */
  publish(hub: Hub): Promise<{ readonly kind: "published"; readonly written: number } | Refused | Unreachable>
  /** What this box says of itself: at most a few kilobytes, of any form. Said at once or not at all. */
  sayStatus(hub: Hub, body: Uint8Array): Promise<{ readonly kind: "written" } | Refused | Unreachable>
  /** This box has erased these, down to its backups. In the caller's transaction, or without one. */
  confirm(receipts: readonly Receipt[]): void
  /** This box will write no more. */
  sayLeave(): void
  /** Something for the next `publish`, signed; one of a key. */
  queue(announcement: Announcement, bytes: Uint8Array): void
  /** The last one of each member, as far as heard. */
  statuses(): ReadonlyMap<string, { readonly atMs: number; readonly body: Uint8Array }>
  /** Of each member that has said so: what it has erased. */
  confirmed(): ReadonlyMap<string, ReadonlySet<Entity>>
  /** Whether something waits to be said. */
  isQuiet(): boolean
  /** Requests that the box which holds the authority has to answer. */
  asking(): readonly { readonly box: string; readonly bytes: Uint8Array }[]
  answered(box: string, bytes: Uint8Array): void
  /** The next `take` reads everything: a box that now has to answer others hears what they said before. */
  beginAnew(): void
}

export type Taken =
  | {
      readonly kind: "taken"
      readonly entries: number
      /** There is another roster than before: other members, or a new key. */
      readonly isRosterNew: boolean
      readonly refused: readonly RefusedAnnouncement[]
    }
  /** The hub lost its end while it was read; try again. */
  | { readonly kind: "unsteady" }
  | Unreachable

/** By the hub's rules: it would say so again. */
interface Refused {
  readonly kind: "refused"
  readonly why: string
}

export interface BoardNeeds {
  readonly settings: SyncSettings
  readonly transact: Store["transact"]
  readonly site: Site
  readonly wallClockMs?: () => number
}

const pageEntries = 200
/** Told of one reading; all are counted by whoever asks. */
const refusedMax = 100
/** Of boxes that ask: one of each that the hub lets in. */
const askingMax = 200
/** What a box says of itself is a line, not a load. */
const statusBytesMax = 8192

export function openBoard({ settings, transact, site, wallClockMs = Date.now }: BoardNeeds): Board {
  const { box, suite } = site
  const receiptsPrefix = "site/receipts/"
  let confirmedBy: Map<string, Set<Entity>> | undefined

  /** Read, changed and written in one transaction: commands beside the service write it, too. */
  function update(change: (heard: Heard) => Heard): Heard {
    return transact<Heard>(() => {
      const heard = readHeard(settings)
      const next = change(heard)
      if (next !== heard) writeHeardIn(settings, next)
      return next
    })
  }

  function own(
    kind: AnnouncementKind,
    body: Uint8Array,
    about = "",
  ): { readonly announcement: Announcement; readonly bytes: Uint8Array } {
    const announcement = { kind, site: site.name, box, about, atMs: wallClockMs(), body }
    return { announcement, bytes: signAnnouncement(suite, site.keys().pair, announcement) }
  }

  function queueIn(heard: Heard, announcement: Announcement, bytes: Uint8Array): Heard {
    const key = announcementKey(announcement)
    settings.setIn(settingNames.own + key, bytes)
    return { ...heard, own: [...heard.own.filter((one) => one.key !== key), { key, sequence: 0 }] }
  }

  /** What an announcement means to this box, in the transaction of its page. */
  function hear(heard: Heard, announcement: Announcement, { key, bytes, sequence }: HubRecord): Heard {
    const isOwn = heard.own.some((one) => one.key === key)
    const after = isOwn && settings.get(settingNames.own + key) !== undefined ? withOwn(heard, key, bytes, sequence) : heard
    switch (announcement.kind) {
      case "roster": {
        const number = readRoster(bytes)?.number ?? 0
        return number > after.roster.number ? { ...after, roster: { number, sequence } } : after
      }
      case "join":
      case "leave": {
        if (!site.isHolder() || after.asking.length >= askingMax) return after
        const others = after.asking.filter((one) => one.box !== announcement.box)
        return { ...after, asking: [...others, { box: announcement.box, bytes }] }
      }
      case "status": {
        if (announcement.body.length > statusBytesMax) return after
        return {
          ...after,
          statuses: [...after.statuses.filter((one) => one.box !== announcement.box), { box: announcement.box, bytes }],
        }
      }
      case "receipts":
        settings.setIn(`${receiptsPrefix}${announcement.box}.${announcement.about}`, announcement.body)
        confirmedBy = undefined
        return after
      case "answer":
        return after
    }
  }

  function withOwn(heard: Heard, key: string, bytes: Uint8Array, sequence: number): Heard {
    const said = settings.get(settingNames.own + key)
    if (said === undefined || Buffer.compare(said, bytes) !== 0) return heard
    return { ...heard, own: heard.own.map((one) => (one.key === key ? { key, sequence } : one)) }
  }

  /** The roster first, wherever it lies: it tells whom to believe. */
  function hearAll(entries: readonly HubEntry[], newest: Marker | undefined) {
    const records = entries.flatMap((entry) => (entry.kind === "record" ? [entry.record] : []))
    const before = site.rosterBytes()
    const refused: RefusedAnnouncement[] = []
    for (const { key, bytes } of records) {
      if (readRoster(bytes) === undefined) continue
      const taken = site.takeRoster(bytes)
      if (taken.kind === "refused") refused.push({ key, kind: "other_authority", why: taken.why })
    }
    update((present) => {
      let heard = present
      for (const entry of entries) {
        if (entry.kind === "marker") {
          if (newest !== undefined && entry.marker.sequence <= newest.sequence)
            heard = { ...heard, markers: withMarker(heard.markers, entry.marker) }
          continue
        }
        const said = believed(site, entry.record)
        if ("why" in said) {
          if (!refused.some(({ key }) => key === said.key)) refused.push(said)
        } else heard = hear(heard, said, entry.record)
      }
      const last = entries.at(-1)
      return last === undefined ? heard : { ...heard, position: sequenceOf(last) }
    })
    return { refused, isRosterNew: Buffer.compare(before, site.rosterBytes()) !== 0 }
  }

  return {
    async take(hub, { verify }) {
      // A command beside this process may have brought one, by a stick for instance.
      const isRosterNew = site.refresh()
      let newest: Marker | undefined
      if (verify) {
        const found = await hub.newestMarker("announcements")
        if (found.kind === "unreachable") return found
        newest = found.kind === "found" ? found.marker : undefined
        const prefix = await unchangedUpTo(hub, "announcements", readHeard(settings).markers)
        if (prefix.kind === "unreachable") return prefix
        update((heard) => doubtAfter(heard, prefix.sequence))
      }
      const sum = { entries: 0, isRosterNew, refused: [] as RefusedAnnouncement[] }
      for (let after = readHeard(settings).position; ; ) {
        const page = await hub.read("announcements", after, pageEntries)
        if (page.kind === "unreachable") return page
        if (newest !== undefined) {
          const still = await hub.markerAt("announcements", newest.sequence)
          if (still.kind === "unreachable") return still
          if (still.kind === "none" || still.marker.name !== newest.name) return { kind: "unsteady" }
        }
        const last = page.entries.at(-1)
        if (last !== undefined) {
          after = sequenceOf(last)
          const heard = hearAll(page.entries, newest)
          sum.entries += page.entries.length
          sum.isRosterNew ||= heard.isRosterNew
          sum.refused = [...sum.refused, ...heard.refused].slice(-refusedMax)
        }
        if (page.isEnd) break
      }
      // Said by newcomers before this box had heard of them: read again, once.
      if (sum.isRosterNew && sum.refused.some(({ kind }) => kind === "unknown_box"))
        update((heard) => ({ ...heard, position: 0 }))
      return { kind: "taken", ...sum }
    },

    async publish(hub) {
      let written = 0
      for (const { key } of readHeard(settings).own.filter(({ sequence }) => sequence === 0)) {
        const bytes = settings.get(settingNames.own + key)
        if (bytes === undefined) continue
        const said = await put(hub, key, bytes)
        if (said.kind !== "written") return said
        update((heard) => withOwn(heard, key, bytes, said.sequence))
        written++
      }
      site.refresh()
      const { number } = site.roster()
      if (readHeard(settings).roster.number < number) {
        const said = await put(hub, announcementKey({ box, kind: "roster", about: "" }), site.rosterBytes())
        if (said.kind !== "written") return said
        update((heard) => ({ ...heard, roster: { number, sequence: said.sequence } }))
        written++
      }
      return { kind: "published", written }
    },

    async sayStatus(hub, body) {
      const { announcement, bytes } = own("status", body)
      const said = await put(hub, announcementKey(announcement), bytes)
      return said.kind === "written" ? { kind: "written" } : said
    },

    confirm(receipts) {
      if (receipts.length === 0) return
      update((heard) => {
        let next = heard
        for (let from = 0; from < receipts.length; ) {
          const batch = batchName(Math.floor(next.receipts / receiptsInBatch))
          const room = receiptsInBatch - (next.receipts % receiptsInBatch)
          const added = receipts.slice(from, from + room)
          const stored = settings.get(`${receiptsPrefix}${box}.${batch}`)
          const before = stored === undefined ? [] : (parseReceipts(stored) ?? [])
          const { announcement, bytes } = own("receipts", encodeReceipts([...before, ...added]), batch)
          settings.setIn(`${receiptsPrefix}${box}.${batch}`, announcement.body)
          next = { ...queueIn(next, announcement, bytes), receipts: next.receipts + added.length }
          from += added.length
        }
        return next
      })
      confirmedBy = undefined
    },

    sayLeave() {
      const { announcement, bytes } = own("leave", new Uint8Array())
      update((heard) => queueIn(heard, announcement, bytes))
    },
    queue: (announcement, bytes) => void update((heard) => queueIn(heard, announcement, bytes)),

    statuses() {
      const said = readHeard(settings).statuses.flatMap(({ box: of, bytes }) => {
        const parsed = parseAnnouncement(bytes)
        return parsed.kind === "parsed"
          ? [[of, { atMs: parsed.announcement.atMs, body: parsed.announcement.body }] as const]
          : []
      })
      return new Map(said)
    },
    confirmed() {
      confirmedBy ??= readConfirmed(settings, receiptsPrefix)
      return confirmedBy
    },
    isQuiet() {
      const { own: mine, roster } = readHeard(settings)
      return mine.every(({ sequence }) => sequence > 0) && roster.number >= site.roster().number
    },
    asking: () => readHeard(settings).asking,
    beginAnew: () => void update((heard) => doubtAfter(heard, 0)),
    answered: (of, bytes) =>
      void update((heard) => ({
        ...heard,
        asking: heard.asking.filter((one) => one.box !== of || Buffer.compare(one.bytes, bytes) !== 0),
      })),
  }
}

/** As it lies in the settings, one by one box and batch. */
function readConfirmed(settings: SyncSettings, prefix: string): Map<string, Set<Entity>> {
  const confirmed = new Map<string, Set<Entity>>()
  for (const name of settings.names(prefix)) {
    const box = name.slice(prefix.length, prefix.length + 8)
    const entities = confirmed.get(box) ?? new Set<Entity>()
    for (const { entity } of parseReceipts(settings.get(name) ?? new Uint8Array()) ?? []) entities.add(entity)
    confirmed.set(box, entities)
  }
  return confirmed
}
