import { assert } from "../base/assert.ts"
import type { Metrics } from "../base/metrics.ts"
import { elapsedMs, nowTickMs } from "../base/ticks.ts"
import type { Space } from "../face/embedding.ts"
import type { AnalyzedFace } from "../face/face.ts"
import type { ImageSize } from "../face/geometry.ts"
import { type Analysis, type Analyze, type LookOptions, lookAt, type NoAnalysis } from "./analyze.ts"
import type { Asked, Judge, Judgement } from "./judge.ts"
import { type Named, type NameOptions, nameOf, type Search } from "./name.ts"

export interface RecognizeNeeds {
  readonly analyze: Analyze
  readonly search: Search
  /** The space the engines embed into. */
  readonly space: Space
  readonly judge: Judge
  readonly metrics: Pick<Metrics, "stageSeconds" | "facesTotal">
}

export interface RecognizeOptions extends LookOptions, NameOptions, Asked {}

export type RecognizedFace = AnalyzedFace & Named

export type Recognition =
  | {
      readonly kind: "recognized"
      readonly image: ImageSize
      /** Largest first; none is an answer like any other. */
      readonly faces: readonly RecognizedFace[]
      /** By what each of them was decided. */
      readonly judgement: Judgement
      readonly degraded: Analysis["degraded"]
      /** No engine was asked: the same picture was answered just now. */
      readonly cached: boolean
      /** Only when it was asked for, see `LookOptions`. */
      readonly snapshot?: Uint8Array | undefined
      readonly timingsMs: Analysis["timingsMs"] & { readonly search: number; readonly total: number }
    }
  | NoAnalysis

/** Who is in the picture. */
export async function recognize(picture: Uint8Array, needs: RecognizeNeeds, options: RecognizeOptions): Promise<Recognition> {
  const startTickMs = nowTickMs()
  const looking = lookAt(picture, needs, "all", options)
  // While an engine looks, and not when somebody waits for the answer: the thresholds are those of the moment of the question.
  const judgement = needs.judge(options)
  const analysis = await looking
  if (analysis.kind !== "ok") return analysis

  const searchTickMs = nowTickMs()
  const searching = options.trace?.begin("search")
  const faces = await Promise.all(analysis.faces.map((face) => recognizeFace(face, needs, judgement, options)))
  const search = elapsedMs(searchTickMs)
  searching?.end({ figures: { "gatehouse.faces": faces.length } })

  needs.metrics.stageSeconds.observe({ stage: "search" }, search / 1000)
  for (const { decision } of faces) needs.metrics.facesTotal.inc({ decision })
  const timingsMs = { ...analysis.timingsMs, search, total: elapsedMs(startTickMs) }
  const { image, degraded, cached = false, snapshot } = analysis
  return { kind: "recognized", image, faces, judgement, degraded, cached, snapshot, timingsMs }
}

async function recognizeFace(
  face: AnalyzedFace,
  { search, space }: RecognizeNeeds,
  thresholds: Judgement,
  options: RecognizeOptions,
): Promise<RecognizedFace> {
  assert(face.embedding !== undefined, "an engine asked to embed all faces embeds all faces")
  return { ...face, ...(await nameOf({ space, vector: face.embedding }, { search, thresholds }, options)) }
}
