import type { AnalyzedFace } from "../face/face.ts"
import type { ImageSize } from "../face/geometry.ts"
import type { PictureRefusal, StageTimings } from "./wire.ts"

/** Every way a picture can come back from the engines. */
export type Answer =
  | {
      readonly kind: "ok"
      readonly image: ImageSize
      readonly faces: readonly AnalyzedFace[]
      readonly timingsMs: StageTimings & { readonly wait: number }
    }
  /** The picture itself is at fault. */
  | { readonly kind: "refused"; readonly reason: PictureRefusal; readonly why: string }
  /** No place in the queue, or no engine is up; worth another try after `retryAfterS`. */
  | { readonly kind: "overloaded"; readonly retryAfterS: number }
  | { readonly kind: "unavailable"; readonly retryAfterS: number; readonly why: string }
  /** The deadline passed before an engine was free: never run. */
  | { readonly kind: "expired"; readonly retryAfterS: number }
