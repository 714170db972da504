import type { JsonObject } from "../vault/canonical.ts"

/** What a box signs when somebody has been erased. Times are wall time, as right as its clock. */
export interface ErasureBody extends JsonObject {
  readonly what: "erasure of a person"
  /** A random id; it refers to nobody any more. */
  readonly subjectId: string
  readonly askedAtMs: number
  readonly erasedAtMs: number
  readonly program: string
  /** Rows by the folder that held them, beside the person's own. */
  readonly rows: { readonly [holding: string]: number }
  /**
   * `rewritten`: written anew without the space between rows. `shredded`: what was there was sealed with the person's key, which is
   * gone, and the keys of all others were written anew. The write-ahead log was emptied in both cases.
   */
  readonly database: "rewritten" | "shredded"
  readonly backups: ErasedBackups & JsonObject
  /** What may hold the person and is not ours to delete: galleries that a restore put aside, archives that wait to be enrolled. */
  readonly copiesLeft: readonly string[]
}

/** What became of the person in the backups that the box keeps. */
export interface ErasedBackups {
  /** The person's key, taken out of sealed backups. */
  readonly keysTaken: number
  /** Backups that were not sealed, and were written anew without the person. */
  readonly rewritten: number
  /** Names of those that could not be, and still hold the person. They leave by age. */
  readonly left: readonly string[]
}
