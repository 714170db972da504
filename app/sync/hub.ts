import type { Kind } from "./merge.ts"

/**
 * What of the hub a box uses. Adapters turn the hub's errors into these answers; a session has no other way to the network, so the
 * simulator and a NATS server are the same to it.
 *
 * Each stream numbers what is written to it. A hub may come back shorter than it was, after a power cut or from an old copy, and
 * then gives numbers away a second time: an acknowledgement is no proof that something stays (see pull.ts).
 */
export interface Hub {
  /** What is still there after a number, rising. `isEnd` when nothing followed at that moment. */
  read(stream: Stream, after: number, limit: number): Promise<Read | Unreachable>
  /** Replaces what a key holds, if its last number is the expected one; 0 expects nothing there. */
  write(stream: Stream, key: string, bytes: Uint8Array, expected: number): Promise<Written | Unreachable>
  /** The last of a key. */
  latest(stream: Stream, key: string): Promise<{ readonly kind: "found"; readonly entry: HubRecord } | None | Unreachable>
  /** What lies at this number, if that is a marker. */
  markerAt(stream: Stream, sequence: number): Promise<{ readonly kind: "found"; readonly marker: Marker } | None | Unreachable>
  newestMarker(stream: Stream): Promise<{ readonly kind: "found"; readonly marker: Marker } | None | Unreachable>
}

/** What only the janitor's role may do beside it. */
export interface HubKeeping extends Hub {
  mark(stream: Stream, name: string): Promise<{ readonly kind: "marked" } | Unreachable>
  /** So that nothing is left of it on the hub's disk; only if it still is this entry. Gone already is gone. */
  remove(stream: Stream, entry: HubRecord): Promise<{ readonly kind: "removed" } | Unreachable>
}

/**
 * Erasures lie apart from what they erase, and never leave. A sighting's key is the origin that wrote it. Announcements are what
 * boxes say of themselves and of the site (announcements.ts); their keys begin with the box that says it.
 */
export type Stream = "erasures" | "records" | "sightings" | "announcements"
export type GalleryStream = "erasures" | "records"

export const streamOf = (kind: Kind): GalleryStream => (kind === "erase" ? "erasures" : "records")

/** Nobody overwrites a marker, and no two have a name: where one is missing, the hub has lost it and all that came after. */
export interface Marker {
  readonly sequence: number
  readonly name: string
}

export interface HubRecord {
  readonly sequence: number
  readonly key: string
  readonly bytes: Uint8Array
}

export type HubEntry =
  | { readonly kind: "marker"; readonly marker: Marker }
  | { readonly kind: "record"; readonly record: HubRecord }

export interface Read {
  readonly kind: "read"
  readonly entries: readonly HubEntry[]
  readonly isEnd: boolean
  /** How many are still to come, where the hub says so; for whoever looks on. */
  readonly left?: number
}

export type Written =
  | { readonly kind: "written"; readonly sequence: number }
  /** The key's last number is another one. */
  | { readonly kind: "conflict" }
  /** The hub will never take this: too large, or not allowed to this box. */
  | { readonly kind: "refused"; readonly why: string }

type None = { readonly kind: "none" }

/** No answer, or none in time. What was asked for may have happened all the same. */
export type Unreachable = { readonly kind: "unreachable"; readonly why: string }
