import type { Log } from "../base/log.ts"
import type { Metrics } from "../base/metrics.ts"
import { elapsedMs, nowTickMs } from "../base/ticks.ts"
import type { Span } from "../base/trace.ts"
import type { SightingsOptions } from "../events/options.ts"
import type { NewSightedFace, NewSighting, Recorded, Sightings } from "../events/sighting.ts"
import type { AnalyzeOptions } from "../inference/wire.ts"
import type { Recognition, RecognizedFace } from "./recognize.ts"

export interface SightNeeds {
  readonly sightings: Pick<Sightings, "record" | "recordSoon">
  readonly metrics: Pick<Metrics, "stageSeconds" | "sightingsTotal">
  readonly log: Pick<Log, "error">
}

/** Where a picture comes from, as far as its sender says. */
export interface SightedFrame {
  readonly camera: string
  readonly requestId: string
  /** Wall time by the sender's clock; absent when it does not say. */
  readonly capturedAtMs?: number | undefined
  readonly trace?: Pick<Span, "begin"> | undefined
}

export type Sight =
  /** On disk. */
  | { readonly kind: "recorded"; readonly sightingId: string }
  /** Nobody was there: a frame without a face is no sighting. */
  | { readonly kind: "no_face" }
  /** The disk is full or broken; the log has it too. */
  | { readonly kind: "not_recorded"; readonly why: string }

/** Clocks of cameras and boxes differ by seconds; what lies further ahead than this is a clock that was never set. */
const clockAheadMsMax = 5 * 60_000

type Recognized = Extract<Recognition, { kind: "recognized" }>

/**
 * Keeps what was recognised in a camera's frame. For the picture to be kept with it, the recognition is asked with
 * `snapshot: snapshotAsked(options)`.
 */
export function recordSighting(recognition: Recognized, frame: SightedFrame, needs: SightNeeds): Sight {
  if (recognition.faces.length === 0) return { kind: "no_face" }
  const told = beginRecord(frame, needs)
  return told(needs.sightings.record(toNewSighting(recognition, frame)))
}

/** As `recordSighting`, perhaps together with what others send in the next moment. */
export async function recordSightingSoon(recognition: Recognized, frame: SightedFrame, needs: SightNeeds): Promise<Sight> {
  if (recognition.faces.length === 0) return { kind: "no_face" }
  const told = beginRecord(frame, needs)
  return told(await needs.sightings.recordSoon(toNewSighting(recognition, frame)))
}

function toNewSighting({ image, faces, snapshot }: Recognized, { camera, requestId, capturedAtMs }: SightedFrame): NewSighting {
  const taken = believable(capturedAtMs, Date.now())
  return { camera, requestId, capturedAtMs: taken, image, faces: faces.map(toSightedFace), snapshot }
}

/** What is measured and said of a recording that begins now. */
function beginRecord({ requestId, trace }: SightedFrame, { metrics, log }: SightNeeds): (recorded: Recorded) => Sight {
  const startTickMs = nowTickMs()
  const recording = trace?.begin("record")
  return (recorded) => {
    recording?.end({ failed: recorded.kind === "not_recorded" })
    metrics.stageSeconds.observe({ stage: "record" }, elapsedMs(startTickMs) / 1000)
    if (recorded.kind === "not_recorded") {
      log.error({ requestId, why: recorded.why }, "a sighting could not be recorded")
      return recorded
    }
    metrics.sightingsTotal.inc()
    return { kind: "recorded", sightingId: recorded.sighting.id }
  }
}

/** What an engine is asked to make for the record. */
export function snapshotAsked({ keepSnapshots, snapshot }: SightingsOptions): AnalyzeOptions["snapshot"] {
  return keepSnapshots ? { longestSidePx: snapshot.longestSidePx, quality: snapshot.quality } : undefined
}

/** A frame cannot have been taken after it came: such a time is left aside for our own, or it would stand first in every list. */
function believable(capturedAtMs: number | undefined, nowMs: number): number {
  return capturedAtMs === undefined || capturedAtMs > nowMs + clockAheadMsMax ? nowMs : capturedAtMs
}

function toSightedFace({ box, score, quality, decision, candidates }: RecognizedFace): NewSightedFace {
  const nearest = candidates[0]
  return {
    box,
    score,
    qualityScore: quality.score,
    decision,
    subjectId: decision === "unknown" ? undefined : nearest?.subjectId,
    similarity: nearest?.similarity,
  }
}
