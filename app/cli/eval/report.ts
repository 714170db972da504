import type { AcceptanceAtRate, Share } from "../../face/statistics.ts"
import { formatTable, percent } from "../terminal.ts"
import type { Evaluation } from "./evaluate.ts"

/** The evaluation as people read it. */
export function formatEvaluation(evaluation: Evaluation, setName: string): string {
  const { crossValidation, best, atThresholds, picturesWithoutFace } = evaluation
  const missing =
    picturesWithoutFace.length === 0
      ? "a face was found in every picture"
      : `no face found in ${picturesWithoutFace.length} pictures, their pairs of one person count as missed: ${picturesWithoutFace.join(", ")}`
  const accuracies = [
    [
      evaluation.foldsAre === "listed" ? `${crossValidation.folds.length}-fold` : "10-fold (tenths of the one fold listed)",
      "best of the others",
      `${percent(crossValidation.mean)} ± ${percent(crossValidation.deviation)}`,
    ],
    ["best threshold", best.threshold.toFixed(4), formatShare(best.accuracy)],
    ...atThresholds.map(({ name, threshold, accuracy }) => [name, threshold.toFixed(4), formatShare(accuracy)]),
  ]
  return [
    `Model set ${setName}: ${evaluation.pairs.length} pairs; ${missing}`,
    "",
    formatTable(["accuracy at", "threshold", "of the pairs listed"], accuracies),
    "",
    `True accepts of ${evaluation.genuinePairs} pairs of one person, against all ${evaluation.impostorPairs} cross pairs of two people:`,
    "",
    formatTable(
      ["FAR", "threshold", "measured FAR (95 %)", "TAR (95 %)", ""],
      evaluation.acceptance.map((rate) => formatAcceptance(rate, evaluation.impostorPairs)),
    ),
  ].join("\n")
}

function formatAcceptance(rate: AcceptanceAtRate, impostorPairs: number): string[] {
  return [
    rate.far.toExponential(0),
    rate.threshold?.toFixed(4) ?? "–",
    rate.falseAccepts === undefined
      ? "–"
      : `${rate.falseAccepts.share.toExponential(1)} (${rate.falseAccepts.interval.low.toExponential(1)} … ${rate.falseAccepts.interval.high.toExponential(1)})`,
    rate.trueAccepts === undefined ? "–" : formatShare(rate.trueAccepts),
    rate.tooFew ? `n too small: ${impostorPairs} of ${Math.round(10 / rate.far)} impostor pairs` : "",
  ]
}

function formatShare({ count, of, share, interval }: Share): string {
  return `${percent(share)} (${percent(interval.low)} … ${percent(interval.high)}, ${count} of ${of})`
}
