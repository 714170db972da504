import type { SKRSContext2D } from "@napi-rs/canvas"
import type { Box } from "../../face/geometry.ts"
import type { SightingDecision } from "../sighting.ts"

/** Told apart in bright and dark pictures, and by people who do not see red and green apart: the words say it as well. */
export const decisionColours = { match: "#1fbf5f", uncertain: "#f0a500", unknown: "#4aa3ff" } as const satisfies Record<
  SightingDecision,
  string
>

export function drawBox(context: SKRSContext2D, { x, y, width, height }: Box, colour: string) {
  context.lineWidth = Math.max(2, width / 40)
  context.strokeStyle = colour
  context.strokeRect(x, y, width, height)
}

/** A line in `colour` and one in white on a plate above the box, or inside it where the picture ends. An empty line takes no room. */
export function drawLabel(context: SKRSContext2D, [first, second]: readonly [string, string], label: LabelPlace) {
  const { box, colour, font } = label
  const heightPx = Math.max(15, Math.min(24, box.width / 6))
  context.font = `${heightPx}px ${font}`
  // A name may be longer than the picture is wide: it is drawn narrower then.
  const widthMax = context.canvas.width - heightPx
  const textWidth = Math.max(...[first, second].map((line) => context.measureText(line).width))
  const width = Math.min(textWidth, widthMax) + heightPx
  const height = heightPx * (second === "" ? 1.5 : 2.7)
  const x = Math.max(0, Math.min(context.canvas.width - width, box.x + box.width / 2 - width / 2))
  const y = Math.max(0, box.y - height - 2)
  context.fillStyle = "rgba(10, 14, 18, 0.85)"
  context.fillRect(x, y, width, height)
  context.fillStyle = colour
  context.fillRect(x, y, heightPx / 4, height)
  context.fillText(first, x + heightPx / 2, y + heightPx * 1.1, widthMax)
  context.fillStyle = "#ffffff"
  context.fillText(second, x + heightPx / 2, y + heightPx * 2.3, widthMax)
}

export interface LabelPlace {
  readonly box: Box
  readonly colour: string
  /** Families, as in `context.font` after the size. */
  readonly font: string
}
