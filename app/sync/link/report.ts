import type { Metrics } from "../../base/metrics.ts"
import type { Conflict, FutureEntry, RefusedAt, SyncCounts } from "../store/sync-store.ts"
import type { LinkStatus } from "./status.ts"

/** What a box says of its site, to people and programs. Times of the record are milliseconds since 1970. */
export type SyncReport =
  /** It belongs to none, and shares nothing. */
  { readonly state: "outside" } | SiteReport

export interface SiteReport {
  /** `disabled`: by the configuration. `stopped`: the gallery is not in order, see `why`. `idle`: no service runs here now. */
  readonly state: LinkStatus["state"] | "disabled" | "idle"
  /** Why it is not connected, or does not talk. */
  readonly why?: string
  readonly site: string
  /** The name that the site gave this box: 8 hexadecimal digits, and one for people. */
  readonly box: string
  readonly name: string
  /** Of the site's key. */
  readonly epoch: number
  readonly hub: {
    readonly servers: readonly string[]
    /** The one that this box talks with now. */
    readonly server?: { readonly address: string; readonly version: string }
    /** When a round came to its end last, since the service began. */
    readonly talkedAtMs?: number
  }
  readonly lag: LinkStatus["lag"]
  /** What the hub has not got yet; `doubtful` it had, and has to show again. */
  readonly outbox: { readonly erasures: number; readonly records: number; readonly doubtful: number }
  /** Up to where the hub's streams were read. */
  readonly position: { readonly erasures: number; readonly records: number }
  /** What this box holds of the site. */
  readonly held: Pick<SyncCounts, "people" | "faces" | "parts" | "deleted" | "erased">
  readonly counts: LinkStatus["counts"]
  /** People who were here before the box joined, and are not recorded yet. */
  readonly isTakingStock: boolean
  /** From a restore on nobody is recognised here, until all erasures were read. */
  readonly mustReadErasures: boolean
  readonly open: { readonly conflicts: number; readonly fromTheFuture: number; readonly refused: number }
  readonly erasures: ErasureReport
  readonly sightings: { readonly enabled: boolean; readonly dropped: number }
  readonly boxes: readonly BoxReport[]
}

export interface ErasureReport {
  readonly total: number
  /** … that every box of the site has confirmed. */
  readonly confirmed: number
  /** Those that some box has not confirmed, the newest first; at most 100. */
  readonly waiting: readonly {
    readonly subjectId: string
    readonly confirmedBy: number
    readonly of: number
    readonly missing: readonly string[]
  }[]
}

export interface BoxReport {
  readonly box: string
  readonly name: string
  readonly isThis: boolean
  readonly isRevoked: boolean
  /** When it said something of itself last, by its own clock. */
  readonly seenAtMs?: number
  readonly version?: string
  readonly outbox?: number
  readonly position?: { readonly erasures: number; readonly records: number }
}

/** What waits for a person. */
export interface SyncOpen {
  readonly conflicts: readonly Conflict[]
  readonly fromTheFuture: readonly FutureEntry[]
  readonly refused: readonly RefusedAt[]
}

export type SyncGauges = Pick<
  Metrics,
  "syncConnected" | "syncLagRecords" | "syncLagSeconds" | "syncOutbox" | "syncOpen" | "syncSightingsDropped"
>

/** The site of a running box, as its doors see it. */
export interface SyncPort {
  report(): SyncReport
  /** At most so many of each kind. */
  open(limit: number): SyncOpen
  /** Somebody has looked at it. False when there is no such entry. */
  resolveConflict(id: number): boolean
  resolveFuture(entity: string): boolean
  /** Why nobody may be recognised yet; `undefined` when everybody may. */
  whyBlind(): string | undefined
  /** Brings up to date what is counted elsewhere. */
  readGauges(metrics: SyncGauges): void
}

export const nothingOpen: SyncOpen = { conflicts: [], fromTheFuture: [], refused: [] }
