import type { Box, ImageSize } from "../face/geometry.ts"

export const sightingDecisions = ["match", "uncertain", "unknown"] as const
export type SightingDecision = (typeof sightingDecisions)[number]

/** A face as it goes into the record. No name, no vector, no landmarks: the subject is referred to, and may be forgotten. */
export interface NewSightedFace {
  /** In pixels of the frame. */
  readonly box: Box
  /** The detector's own, 0..1. */
  readonly score: number
  /** 0..1, see `measureQuality`. */
  readonly qualityScore: number
  readonly decision: SightingDecision
  /** Who it is (`match`) or may be (`uncertain`); of an unknown face nobody. */
  readonly subjectId?: string | undefined
  /** Cosine to the nearest subject, whatever the decision; absent when the gallery was empty. */
  readonly similarity?: number | undefined
}

/** One frame with at least one face. */
export interface NewSighting {
  readonly camera: string
  readonly requestId: string
  /** Wall time at which the frame was taken, as far as known. */
  readonly capturedAtMs: number
  readonly image: ImageSize
  /** Largest first. */
  readonly faces: readonly NewSightedFace[]
  /** JPEG, made by one of our own engines. */
  readonly snapshot?: Uint8Array | undefined
}

export interface SightedFace {
  readonly box: Box
  readonly score: number
  readonly qualityScore: number
  readonly decision: SightingDecision
  readonly subjectId?: string
  /** The subject's name as it is now, not as it was then. */
  readonly name?: string
  readonly similarity?: number
  /** The subject has been deleted since: who it was is no longer known. */
  readonly forgotten?: true
}

export interface Sighting {
  /** UUIDv7. */
  readonly id: string
  /** Rises with each recording; what a listener gives back as `Last-Event-ID`. */
  readonly number: number
  readonly camera: string
  readonly requestId: string
  readonly capturedAtMs: number
  readonly recordedAtMs: number
  readonly image: ImageSize
  readonly hasSnapshot: boolean
  readonly faces: readonly SightedFace[]
}

export interface SightingFilter {
  readonly camera?: string | undefined
  /** Only frames with a face that was, or may have been, this subject. With `decision`: of that very face. */
  readonly subjectId?: string | undefined
  readonly decision?: SightingDecision | undefined
  /** `capturedAtMs` from … (inclusive) … to (exclusive). */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
  readonly hasSnapshot?: boolean | undefined
}

/** Where a page ended: the sighting after which the next one goes on. */
export interface SightingCursor {
  readonly capturedAtMs: number
  readonly number: number
}

export interface SightingPage {
  readonly items: readonly Sighting[]
  /** Absent on the last page. */
  readonly next?: SightingCursor
}

export type Recorded =
  | { readonly kind: "recorded"; readonly sighting: Sighting }
  /** The disk is full or broken: nothing of it is kept. `why` is for the log and the operator. */
  | { readonly kind: "not_recorded"; readonly why: string }

export interface SightingTotals {
  readonly sightings: number
  /** Pictures, and what the rows take with their indexes. */
  readonly bytes: number
}

/** What was seen, oldest first by `number`. Writes are on disk (fsync) when they return. */
export interface Sightings {
  record(sighting: NewSighting): Recorded
  /** In one transaction; where the disk does not take them together, each by itself. In the order given. */
  recordAll(sightings: readonly NewSighting[]): Recorded[]
  /** Perhaps together with others that come in the next moment (`commitEveryMs`); on disk when it is answered. */
  recordSoon(sighting: NewSighting): Promise<Recorded>
  /** Newest first by time of capture; `limit` ≤ 1000. The same cursor gives the same next page whatever is recorded meanwhile. */
  list(filter: SightingFilter, limit: number, after?: SightingCursor): SightingPage
  get(id: string): Sighting | undefined
  /** The JPEG of the frame, as an engine made it. */
  snapshot(id: string): Uint8Array | undefined
  /** False when there is none of that id. */
  delete(id: string): boolean
  /** In the transaction that removed some: the pictures of a month of which none is left are nobody's to read any more. */
  shredMonths(): void
  /** In the order of recording, those after `number`. */
  recordedAfter(number: number, limit: number): readonly Sighting[]
  /** Number of the newest ever recorded, also when it is gone; 0 when there was none. */
  newestNumber(): number
  /** Number of the oldest that is still here. */
  oldestNumber(): number | undefined
  totals(): SightingTotals
  /** Called for each sighting once it is on disk, before anything else can be recorded. */
  follow(follower: (sighting: Sighting) => void): void
}
