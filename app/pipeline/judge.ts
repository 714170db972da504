import { type CalibrationPoint, similarityAt, type Thresholds } from "../gallery/match.ts"
import { type Odds, oddsAt, thresholdFor } from "../gallery/odds.ts"
import type { DecisionOptions } from "./options.ts"

/** What a question says that bears on how it is decided. */
export interface Asked {
  readonly camera?: string | undefined
  /** Only its members are looked for. */
  readonly group?: string | undefined
  /** Similarity of a match, in place of the one that is derived. */
  readonly threshold?: number | undefined
}

/** By what a question is decided at this moment, and what its match threshold is worth. */
export interface Judgement extends Thresholds {
  readonly odds: Odds
}

/** Asked anew for every question: the gallery grows and shrinks. Costs microseconds. */
export type Judge = (asked: Asked) => Judgement

export interface JudgeNeeds {
  /** From lenient to strict, as an embedder's calibration gives it. */
  readonly curve: readonly CalibrationPoint[]
  /** How many faces a question is compared with; of a group's members, if one is named. */
  readonly facesSearched: (group: string | undefined) => number
  readonly options: DecisionOptions
}

export function createJudge({ curve, facesSearched, options }: JudgeNeeds): Judge {
  return (asked) => {
    const comparisons = facesSearched(asked.group)
    const { falsePositiveRate, uncertainRate, threshold } = wanted(options, asked)
    const match = threshold ?? thresholdFor(curve, falsePositiveRate, comparisons, options.falseMatchRateMax)
    const uncertain = thresholdFor(curve, uncertainRate, comparisons, options.uncertainMatchRateMax)
    return { match, uncertain: Math.min(uncertain, match), odds: oddsAt(curve, match, comparisons) }
  }
}

/** Thresholds for one face against one other: two pictures, or somebody new beside somebody known. */
export function pairThresholds(curve: readonly CalibrationPoint[], options: DecisionOptions): Thresholds {
  const match = options.threshold ?? similarityAt(curve, options.falseMatchRateMax)
  return { match, uncertain: Math.min(match, similarityAt(curve, options.uncertainMatchRateMax)) }
}

/** Thresholds of a question without further ado, always those of the moment at which they are read. */
export function presentThresholds(judge: Judge): Thresholds {
  return {
    get match() {
      return judge({}).match
    },
    get uncertain() {
      return judge({}).uncertain
    },
  }
}

/** The strictest of what holds for the box, the camera and the group; the caller's own threshold comes before all of them. */
function wanted(options: DecisionOptions, { camera, group, threshold }: Asked) {
  const own = <Value>(by: Readonly<Record<string, Value>>, name: string | undefined) =>
    name !== undefined && Object.hasOwn(by, name) ? by[name] : undefined
  const special = [own(options.cameras, camera), own(options.groups, group)].filter((one) => one !== undefined)
  const strictest = (name: "falsePositiveRate" | "uncertainRate") => {
    const named = special.map((one) => one[name]).filter((rate) => rate !== undefined)
    return named.length === 0 ? options[name] : Math.min(...named)
  }
  const thresholds = special.map((one) => one.threshold).filter((one) => one !== undefined)
  return {
    falsePositiveRate: strictest("falsePositiveRate"),
    uncertainRate: strictest("uncertainRate"),
    threshold: threshold ?? (thresholds.length === 0 ? rateGiven(special, options) : Math.max(...thresholds)),
  }
}

/** A rate that a camera or a group asks for comes before a threshold that holds for the whole box. */
function rateGiven(special: readonly { readonly falsePositiveRate?: number | undefined }[], { threshold }: DecisionOptions) {
  return special.some((one) => one.falsePositiveRate !== undefined) ? undefined : (threshold ?? undefined)
}
