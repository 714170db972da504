/** What the gallery and the threads of an index say to each other. Both sides are ours and of one build: nothing is parsed. */

export type ToIndex =
  | {
      readonly kind: "search"
      readonly id: number
      readonly index: number
      readonly vector: Float32Array
      readonly count: number
      readonly width: number
      readonly threads?: number
      /** Search these alone, exactly. */
      readonly members?: Float64Array
    }
  /** Takes over a snapshot, if it is good. */
  | {
      readonly kind: "load"
      readonly id: number
      readonly index: number
      readonly snapshot: SnapshotKey
      readonly lastSeq: number
    }
  /** Moves everything into the graph, or as much as some minutes allow. */
  | { readonly kind: "build"; readonly id: number; readonly index: number; readonly threads: number }
  | { readonly kind: "save"; readonly id: number; readonly index: number; readonly snapshot: SnapshotKey; readonly seq: number }
  | { readonly kind: "stop" }

/** Where a snapshot lies and of which space it is. */
export interface SnapshotKey {
  readonly path: string
  readonly space: string
  /** What it is sealed with; absent where nothing is sealed. */
  readonly sealing?: SnapshotSealing
}

/** A `SealKey` of the vault, as it goes from one thread to another. */
export interface SnapshotSealing {
  readonly suite: "aes" | "gm"
  readonly id: string
  readonly bytes: Uint8Array
}

export type FromIndex =
  | {
      readonly kind: "found"
      readonly id: number
      readonly labels: readonly number[]
      readonly similarities: readonly number[]
    }
  /** `why`: nothing was taken over; `undefined` in it: there was no file. */
  | { readonly kind: "loaded"; readonly id: number; readonly ok: boolean; readonly why?: string }
  | { readonly kind: "built"; readonly id: number }
  | { readonly kind: "saved"; readonly id: number; readonly bytes: number }
  | { readonly kind: "failed"; readonly id: number; readonly why: string }
