import { nowTickMs } from "../base/ticks.ts"
import type { Answer } from "../inference/answer.ts"
import type { AnalyzeOptions } from "../inference/wire.ts"
import type { Work } from "../inference/work.ts"

/** The engines as a journey sees them. */
export type Analyze = (work: Work) => Promise<Answer>

export type Analysis = Extract<Answer, { kind: "ok" }>

/** Every way the engines can give no faces back; each journey hands it on as it is. */
export type NoAnalysis = Exclude<Answer, { kind: "ok" }>

/** How long a caller waits, how much it matters, and whether it is still there. */
export interface Hurry extends Pick<Work, "priority" | "signal" | "trace"> {
  /** Milliseconds from now until nobody waits for the answer any more. */
  readonly budgetMs: number
}

export interface LookOptions extends Hurry, Pick<Work, "policy" | "camera">, LookExtras {
  readonly faceWidthPxMin: number
  readonly facesMax: number
}

/** What an engine makes beside the faces. */
type LookExtras = Pick<AnalyzeOptions, "detectorInput" | "snapshot" | "chips">

/** The faces of a picture, with an embedding each when asked for. No name is looked up. */
export function lookAt(
  picture: Uint8Array,
  needs: { readonly analyze: Analyze },
  embed: AnalyzeOptions["embed"],
  options: LookOptions,
): Promise<Answer> {
  const { budgetMs, faceWidthPxMin, facesMax, detectorInput, snapshot, chips } = options
  const { priority, policy, camera, signal, trace } = options
  return needs.analyze({
    picture,
    options: { faceWidthPxMin, facesMax, embed, detectorInput, snapshot, chips },
    deadlineTickMs: nowTickMs() + budgetMs,
    priority,
    policy,
    camera,
    signal,
    trace,
  })
}
