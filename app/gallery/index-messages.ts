/** What the gallery and the worker of one index say to each other. Both sides are ours and of one build: nothing is parsed. */

export type ToIndex =
  /** First of all, once. */
  | { readonly kind: "open"; readonly dimension: number; readonly scannedMax: number }
  /** `vectors` holds one vector for each of `added`, one after another. What is there already, or gone already, is skipped. */
  | {
      readonly kind: "apply"
      readonly id: number
      readonly added: readonly number[]
      readonly vectors: Float32Array
      readonly removed: readonly number[]
    }
  | { readonly kind: "search"; readonly id: number; readonly vector: Float32Array; readonly count: number }
  | { readonly kind: "stop" }

/** `waiting`: faces not yet in the graph. They are found all the same. */
export interface IndexFill {
  readonly faces: number
  readonly waiting: number
}

export type FromIndex =
  | { readonly kind: "opened"; readonly variant: string; readonly note?: string }
  | ({ readonly kind: "applied"; readonly id: number } & IndexFill)
  | {
      readonly kind: "found"
      readonly id: number
      readonly labels: readonly number[]
      readonly similarities: readonly number[]
    }
  /** Progress of building, now and then, and when it is done. */
  | ({ readonly kind: "built" } & IndexFill)
