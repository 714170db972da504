import type { CalibrationPoint } from "../../app/gallery/match.ts"
import { createJudge } from "../../app/pipeline/judge.ts"
import { decisionOptions } from "../../app/pipeline/options.ts"

/** For painted people: a match from 0.6, uncertain from 0.3, as long as there are no more than a hundred faces. */
export const paintedCurve: readonly CalibrationPoint[] = [
  { fmr: 1e-2, similarity: 0.3 },
  { fmr: 1e-4, similarity: 0.6 },
  { fmr: 1e-6, similarity: 0.9, extrapolated: true },
]

/** Thresholds as those of a small gallery, however many are in it. */
export const paintedJudge = createJudge({
  curve: paintedCurve,
  options: decisionOptions.parse({}),
  facesSearched: () => 1,
})
