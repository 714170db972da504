import { nowTickMs } from "../base/ticks.ts"
import type { Answer } from "../inference/answer.ts"
import type { AnalyzeOptions } from "../inference/wire.ts"

/** The engines as a journey sees them. */
export type Analyze = (picture: Uint8Array, options: AnalyzeOptions, deadlineTickMs: number) => Promise<Answer>

export type Analysis = Extract<Answer, { kind: "ok" }>

/** Every way the engines can give no faces back; each journey hands it on as it is. */
export type NoAnalysis = Exclude<Answer, { kind: "ok" }>

export interface LookOptions {
  /** Milliseconds from now until nobody waits for the answer any more. */
  readonly budgetMs: number
  readonly faceWidthPxMin: number
  readonly facesMax: number
}

/** The faces of a picture, with an embedding each when asked for. No name is looked up. */
export function lookAt(
  picture: Uint8Array,
  needs: { readonly analyze: Analyze },
  embed: AnalyzeOptions["embed"],
  options: LookOptions,
): Promise<Answer> {
  const { budgetMs, faceWidthPxMin, facesMax } = options
  return needs.analyze(picture, { faceWidthPxMin, facesMax, embed }, nowTickMs() + budgetMs)
}
