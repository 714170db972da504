import type { Span } from "../base/trace.ts"
import type { AnalyzeOptions } from "./wire.ts"

/** Who waits for an answer. Background work is run when nobody else waits. */
export const priorities = ["interactive", "background"] as const
export type Priority = (typeof priorities)[number]

/**
 * What is done when there is no room. `reject`: the newcomer is refused. `degrade`: under pressure the work is done with less
 * effort, and the answer says so; refused only when the queue is full. `dropOldest`: the oldest waiting work of this policy
 * gives way to the newcomer.
 */
export const policies = ["reject", "degrade", "dropOldest"] as const
export type Policy = (typeof policies)[number]

/** What was left out to answer in time. `detectorInput`: faces were looked for in a smaller picture. */
export const degradations = ["detectorInput"] as const
export type Degradation = (typeof degradations)[number]

/** One picture for the engines. */
export interface Work {
  /** Must not change until the answer is there. */
  readonly picture: Uint8Array
  readonly options: AnalyzeOptions
  /** Work that has not begun by then is answered without being run. */
  readonly deadlineTickMs: number
  readonly priority?: Priority | undefined
  readonly policy?: Policy | undefined
  /** Frames of one camera: of those that wait only the newest is kept. */
  readonly camera?: string | undefined
  /** Aborted when the caller left: work that has not begun is dropped. */
  readonly signal?: AbortSignal | undefined
  readonly trace?: Span | undefined
}
