import type { LookAlike } from "../pipeline/look-alikes.ts"
import type { Format } from "./archive/open.ts"
import type { ItemResult } from "./item.ts"

/** `waiting` for the one before it, `running`; the others are for ever. */
export const states = ["waiting", "running", "finished", "failed", "cancelled"] as const
export type JobState = (typeof states)[number]

/** One upload of many people, and how far it has come. */
export interface Job {
  readonly id: string
  readonly state: JobState
  /** Why it failed. */
  readonly why?: string | undefined
  readonly format: Format
  /** Of the upload. */
  readonly bytes: number
  /** Hex. */
  readonly sha256: string
  /** Whose key it came with, as `access.ts` names clients. */
  readonly requestedBy: string
  readonly groups: readonly string[]
  /** Pictures and vectors in it; absent until they were counted. */
  readonly total?: number | undefined
  /** Of those: enrolled, duplicates and refused together. What was enrolled stays counted when the person is deleted later. */
  readonly done: number
  readonly enrolled: number
  readonly duplicates: number
  readonly refused: number
  /** Of those enrolled: faces that somebody else's face is near to. */
  readonly lookAlikes: number
  readonly peopleAdded: number
  readonly createdAtMs: number
  readonly startedAtMs?: number | undefined
  readonly endedAtMs?: number | undefined
}

/** What became of one picture or vector. */
export interface JobItem {
  readonly position: number
  readonly file: string
  readonly name?: string
  readonly externalId?: string
  readonly result: ItemResult
  readonly why?: string
  readonly subjectId?: string
  readonly faceId?: string
  /** Hex. */
  readonly sha256?: string
  readonly lookAlikes: readonly LookAlike[]
}

export interface JobItemsQuery {
  /** ≤ 1000 */
  readonly limit: number
  /** Position that the page before ended with. */
  readonly after?: number | undefined
  readonly result?: ItemResult | "refused" | "look_alike" | undefined
}

export interface JobItemsPage {
  readonly items: readonly JobItem[]
  readonly next?: number
}
