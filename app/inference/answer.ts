import type { AnalyzedFace } from "../face/face.ts"
import type { ImageSize } from "../face/geometry.ts"
import type { EngineRun, PictureRefusal, StageTimings } from "./wire.ts"
import type { Degradation } from "./work.ts"

/** Every way a picture can come back from the engines. */
export type Answer =
  | {
      readonly kind: "ok"
      readonly image: ImageSize
      readonly faces: readonly AnalyzedFace[]
      /** `cache`: looking whether this picture was answered just now; absent where nobody looks. */
      readonly timingsMs: StageTimings & { readonly wait: number; readonly cache?: number }
      /** What was left out to answer in time; mostly nothing. */
      readonly degraded: readonly Degradation[]
      /** JPEG of the whole frame, made smaller; only when it was asked for and there is a face. */
      readonly snapshot?: Uint8Array
      /** The answer was given before to the same picture, and no engine was asked again. */
      readonly cached?: boolean
      /** The run it comes from; absent when no engine was asked. */
      readonly run?: EngineRun
    }
  /** The picture itself is at fault. */
  | { readonly kind: "refused"; readonly reason: PictureRefusal; readonly why: string }
  /** No place in the queue, or no engine is up; worth another try after `retryAfterS`. */
  | { readonly kind: "overloaded"; readonly retryAfterS: number }
  | { readonly kind: "unavailable"; readonly retryAfterS: number; readonly why: string }
  /** The deadline passed before an engine was free: never run. */
  | { readonly kind: "expired"; readonly retryAfterS: number }
  /** A newer frame of the same camera, or newer work of the policy `dropOldest`, took its place: never run. */
  | { readonly kind: "superseded"; readonly retryAfterS: number }
  /** The caller left before it began: never run, and nobody reads this. */
  | { readonly kind: "abandoned" }
