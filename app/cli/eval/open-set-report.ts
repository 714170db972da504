import type { Share } from "../../face/statistics.ts"
import { formatTable, percent } from "../terminal.ts"
import type { OpenSet, OpenSetRow } from "./open-set.ts"

/** The open-set test as people read it. */
export function formatOpenSet({ people, pictures, rows, likeness }: OpenSet, setName: string): string {
  const synthetic = rows.some(({ size, realPeople }) => size > realPeople)
  return [
    `Model set ${setName}: ${pictures} pictures of ${people} people; who is enrolled, with one picture, was drawn 20 times`,
    "",
    formatTable(
      [
        "enrolled",
        "of them real",
        "FPIR wanted",
        "threshold of the box",
        "FPIR there",
        "FNIR there",
        "threshold by these pictures",
        "FNIR there",
      ],
      rows.map(cellsOf),
    ),
    "",
    "FPIR: strangers taken for somebody. FNIR: known people not named rightly. Each person counts once, by the share of their pictures;",
    "in brackets 95 % (Wilson) and the number of people. * beyond the last impostor of the calibration: extrapolated.",
    ...(synthetic
      ? [
          "Whoever asks is real. Enrolled people beyond the real ones are synthetic: drawn from a normal distribution with the mean and the",
          "covariance of these pictures. Similarities of two people, real with real and real with synthetic:",
          "",
          formatTable(
            ["reached by one pair in", "real", "synthetic"],
            likeness.map(({ rate, real, synthetic: ofSynthetic }) => [
              Math.round(1 / rate),
              real.toFixed(4),
              ofSynthetic?.toFixed(4) ?? "–",
            ]),
          ),
        ]
      : []),
  ].join("\n")
}

function cellsOf({ size, realPeople, wantedRate, box, measured }: OpenSetRow) {
  return [
    size,
    realPeople,
    percent(wantedRate, 1),
    `${box.threshold.toFixed(4)}${box.extrapolated ? " *" : ""}`,
    formatShare(box.fpir),
    formatShare(box.fnir),
    measured?.threshold.toFixed(4) ?? "too few strangers",
    measured === undefined ? "" : formatShare(measured.fnir),
  ]
}

function formatShare({ share, interval, of }: Share): string {
  return `${percent(share)} (${percent(interval.low)} … ${percent(interval.high)}, ${of})`
}
