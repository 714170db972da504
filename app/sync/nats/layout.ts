import type { StreamConfig } from "@nats-io/jetstream"
import { assert } from "../../base/assert.ts"
import type { Stream } from "../hub.ts"

/**
 * Where a site's data lies at a NATS server: four streams and a lease. All of it is made of the site's name, so that several sites
 * share a server.
 *
 *     g.<site>.<entity>      records      stream g-<site>
 *     x.<site>.<entity>      erasures     stream x-<site>
 *     s.<site>.<origin>      sightings    stream s-<site>
 *     k.<site>.<box>.<…>     announcements of a box    stream k-<site>
 *     m.<site>.<g|x|s|k>.<n> markers, in the stream of what they mark
 *     $KV.gatehouse-<site>.janitor        who is the janitor: a bucket that `nats kv` shows
 */

const letters: Readonly<Record<Stream, string>> = {
  erasures: "x",
  records: "g",
  sightings: "s",
  announcements: "k",
}

/** A site's name as a part of subjects and of streams' names. */
export const sitePattern = /^[a-z0-9][a-z0-9-]{0,62}$/

/**
 * A key keeps so many versions until the janitor removes all but the last. What leaves because they are more stays in the hub's
 * files and cannot be removed any more (measured on 2.9.10 and 2.10.27), so there is room for a janitor that is away for long.
 */
export const versionsMax = 128

/**
 * Markers take turns on so many subjects: with `versionsMax` of each, the last 131,072 are there, 91 days of one a minute, and a
 * server has to remember no more subjects than these. A marker that left this way is missed as one that the hub lost: the box reads
 * more than it had to.
 */
export const markerSlots = 1024

export function streamName(site: string, stream: Stream): string {
  return `${letters[stream]}-${site}`
}

const keyPattern = /^[0-9a-f]+(\.[0-9a-f]+)*$/

export function subjectOf(site: string, stream: Stream, key: string): string {
  assert(keyPattern.test(key), "a key is ids with points between them")
  return `${letters[stream]}.${site}.${key}`
}

export function markerSubject(site: string, stream: Stream, slot: number | "*"): string {
  return `m.${site}.${letters[stream]}.${slot}`
}

/** All that lies in a site's streams. Not `>`, which servers answer with nothing when the last message was removed. */
export function anySubject(site: string): string {
  return `*.${site}.>`
}

/** What a message of a stream is by its subject; `undefined` for what gatehouse did not write. */
export function placeOf(
  site: string,
  stream: Stream,
  subject: string,
): { readonly kind: "marker" } | { readonly kind: "record"; readonly key: string } | undefined {
  const record = `${letters[stream]}.${site}.`
  if (subject.startsWith(record)) return { kind: "record", key: subject.slice(record.length) }
  return subject.startsWith(`m.${site}.${letters[stream]}.`) ? { kind: "marker" } : undefined
}

export const leaseStream = (site: string) => `KV_gatehouse-${site}`
export const leaseSubject = (site: string) => `$KV.gatehouse-${site}.janitor`

/** Answers come back to a box under a prefix of its own: nobody listens to another's. */
export const inboxPrefix = (box: string) => `_INBOX_${box}`

/**
 * What a box may do at the hub, as permissions of its user. It cannot write sightings or announcements as another box, listen to what
 * others are answered, purge or change a stream, or remove an erasure. Under an entity it writes what it likes: who wrote a record is proved by
 * its signature.
 */
export function boxPermissions(
  site: string,
  box: string,
): { readonly publish: readonly string[]; readonly subscribe: readonly string[] } {
  const streams = ["erasures", "records", "sightings", "announcements"] as const
  const [erasures, records, , announcements] = streams.map((stream) => streamName(site, stream))
  return {
    publish: [
      `g.${site}.>`,
      `x.${site}.>`,
      `s.${site}.${box}.*`,
      `k.${site}.${box}.>`,
      ...streams
        .map((stream) => streamName(site, stream))
        .flatMap((name) => [`$JS.API.STREAM.INFO.${name}`, `$JS.API.STREAM.MSG.GET.${name}`]),
      ...[erasures, records, announcements].flatMap((name) => [
        `$JS.API.CONSUMER.CREATE.${name}.*`,
        `$JS.API.CONSUMER.MSG.NEXT.${name}.*`,
      ]),
      // Each box may become the janitor.
      markerSubject(site, "erasures", "*"),
      markerSubject(site, "records", "*"),
      markerSubject(site, "announcements", "*"),
      `$JS.API.STREAM.MSG.DELETE.${records}`,
      `$JS.API.STREAM.INFO.${leaseStream(site)}`,
      `$JS.API.STREAM.MSG.GET.${leaseStream(site)}`,
      leaseSubject(site),
    ],
    subscribe: [`${inboxPrefix(box)}.>`],
  }
}

export interface StreamSettings {
  /** 1, or 3 in a cluster of three. */
  readonly replicas: number
  /** The oldest sightings leave when there are more. */
  readonly sightingsBytesMax: number
}

/** A server's settings of a stream, as far as gatehouse depends on them. The words are the protocol's. */
export type StreamPlan = Pick<StreamConfig, "name" | "subjects" | "num_replicas" | "max_msgs_per_subject" | "max_bytes"> & {
  readonly storage: "file"
  readonly retention: "limits"
  readonly discard: "old" | "new"
  readonly max_age: 0
  readonly max_msgs: -1
  readonly allow_direct: false
  readonly allow_rollup_hdrs: false
  readonly deny_purge: true
}

export function streamPlans(site: string, { replicas, sightingsBytesMax }: StreamSettings): readonly StreamPlan[] {
  assert(sitePattern.test(site), "a site's name is small letters, digits and dashes")
  const plan = {
    num_replicas: replicas,
    storage: "file",
    retention: "limits",
    max_age: 0,
    max_msgs: -1,
    // Followers answer direct reads, with what they have by then. Markers, and what compare-and-set needs, are the leader's to tell.
    allow_direct: false,
    // With it, one message empties the stream.
    allow_rollup_hdrs: false,
    deny_purge: true,
  } as const
  const stream = (name: Stream) => ({
    ...plan,
    name: streamName(site, name),
    subjects: [`${letters[name]}.${site}.>`, markerSubject(site, name, "*")],
  })
  return [
    { ...stream("erasures"), discard: "new", max_bytes: -1, max_msgs_per_subject: versionsMax },
    { ...stream("records"), discard: "new", max_bytes: -1, max_msgs_per_subject: versionsMax },
    { ...stream("sightings"), discard: "old", max_bytes: sightingsBytesMax, max_msgs_per_subject: -1 },
    // The last word of each counts. So the last 1,024 markers are there, 17 hours of one a minute; who was away for longer reads all of
    // it, which is little.
    { ...stream("announcements"), discard: "new", max_bytes: -1, max_msgs_per_subject: 1 },
    {
      ...plan,
      name: leaseStream(site),
      subjects: [`$KV.gatehouse-${site}.>`],
      discard: "new",
      max_bytes: -1,
      max_msgs_per_subject: 1,
    },
  ]
}

/** Why a stream as it is would lose data or answer wrongly; `undefined` when it is safe. Somebody may have chosen other replicas. */
export function whyUnsafe(plan: StreamPlan, present: Partial<StreamConfig>): string | undefined {
  const wrong: string[] = []
  const must = <Key extends keyof StreamPlan>(key: Key, isRight: boolean) => {
    if (!isRight) wrong.push(`${key} is ${JSON.stringify(present[key])}, and has to be ${JSON.stringify(plan[key])}`)
  }
  must("storage", present.storage === plan.storage)
  must("retention", present.retention === plan.retention)
  must("max_age", (present.max_age ?? 0) === 0)
  must("max_msgs", (present.max_msgs ?? -1) <= 0)
  must("allow_direct", present.allow_direct !== true)
  must("allow_rollup_hdrs", present.allow_rollup_hdrs !== true)
  must(
    "subjects",
    plan.subjects.every((subject) => present.subjects?.includes(subject)),
  )
  if (plan.max_bytes === -1) must("discard", present.discard === plan.discard || (present.max_bytes ?? -1) <= 0)
  const versions = present.max_msgs_per_subject ?? -1
  must("max_msgs_per_subject", versions <= 0 ? plan.max_msgs_per_subject !== 1 : versions >= plan.max_msgs_per_subject)
  return wrong.length === 0 ? undefined : `stream ${plan.name}: ${wrong.join("; ")}`
}
