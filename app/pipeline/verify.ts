import { assert } from "../base/assert.ts"
import { elapsedMs, nowTickMs } from "../base/ticks.ts"
import { similarity } from "../face/embedding.ts"
import type { AnalyzedFace } from "../face/face.ts"
import { decidePair, type PairDecision, type Thresholds } from "../gallery/match.ts"
import type { Answer } from "../inference/answer.ts"
import { type Analysis, type Analyze, type LookOptions, lookAt, type NoAnalysis } from "./analyze.ts"
import { type FaceRule, type SubjectFace, subjectFace } from "./subject-face.ts"

export interface VerifyNeeds {
  readonly analyze: Analyze
  readonly thresholds: Thresholds
}

export interface VerifyOptions extends LookOptions {
  readonly faces: FaceRule
  /** Similarity of the same person, in place of the calibrated one. */
  readonly threshold?: number | undefined
}

export type Side = "a" | "b"

export type Verification =
  | {
      readonly kind: "compared"
      readonly similarity: number
      readonly decision: PairDecision
      readonly a: AnalyzedFace
      readonly b: AnalyzedFace
      /** What was left out in either picture. */
      readonly degraded: Analysis["degraded"]
      readonly timingsMs: { readonly total: number }
    }
  /** One of the pictures gives no face to compare; `side` says which. */
  | { readonly kind: "not_compared"; readonly side: Side; readonly outcome: NoFace }

type NoFace = NoAnalysis | Exclude<SubjectFace, { kind: "face" }>

/** Whether two pictures show the same person. */
export async function verify(a: Uint8Array, b: Uint8Array, needs: VerifyNeeds, options: VerifyOptions): Promise<Verification> {
  const startTickMs = nowTickMs()
  const look = (picture: Uint8Array) => lookAt(picture, needs, "largest", options)
  const [answerA, answerB] = await Promise.all([look(a), look(b)])
  const inA = faceOf(answerA, options.faces)
  const inB = faceOf(answerB, options.faces)
  if (inA.kind !== "face") return { kind: "not_compared", side: "a", outcome: inA }
  if (inB.kind !== "face") return { kind: "not_compared", side: "b", outcome: inB }

  const alike = similarity(vectorOf(inA.face), vectorOf(inB.face))
  return {
    kind: "compared",
    similarity: alike,
    decision: decidePair(alike, needs.thresholds, options.threshold),
    a: inA.face,
    b: inB.face,
    degraded: [...new Set([answerA, answerB].flatMap((answer) => (answer.kind === "ok" ? answer.degraded : [])))],
    timingsMs: { total: elapsedMs(startTickMs) },
  }
}

function faceOf(answer: Answer, rule: FaceRule): SubjectFace | NoAnalysis {
  return answer.kind === "ok" ? subjectFace(answer.faces, rule) : answer
}

function vectorOf(face: AnalyzedFace): Float32Array {
  assert(face.embedding !== undefined, "an engine asked to embed the largest face embeds it")
  return face.embedding
}
