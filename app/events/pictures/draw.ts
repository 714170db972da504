import type { Box, ImageSize } from "../../face/geometry.ts"
import type { SightingDecision } from "../sighting.ts"

/** Told apart in bright and dark pictures, and by people who do not see red and green apart: the words say it as well. */
export const decisionColours = { match: "#1fbf5f", uncertain: "#f0a500", unknown: "#4aa3ff" } as const satisfies Record<
  SightingDecision,
  string
>

/** A box, and what stands on its plate: a line in its colour and one in white. An empty line takes no room. */
export interface DrawnFace {
  readonly box: Box
  readonly colour: string
  readonly lines: readonly [string, string]
}

/** How wide a line of text becomes, in pixels, at a letter height in pixels. */
export type MeasureText = (text: string, heightPx: number) => Promise<number>

/**
 * Boxes and labels as an SVG of the picture's size, to be laid over it. Labels last, the first face's on top: a neighbour's box
 * must not cross them.
 * @param families names of fonts, each asked for the letters that those before it lack
 */
export async function drawFaces(
  { width, height }: ImageSize,
  faces: readonly DrawnFace[],
  measure: MeasureText,
  families: string,
): Promise<string> {
  const boxes = faces.map(({ box, colour }) => drawBox(box, colour))
  const labels = await Promise.all(faces.map((face) => drawLabel(face, width, measure)))
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="${escaped(families)}">` +
    `${boxes.join("")}${labels.toReversed().join("")}</svg>`
  )
}

function drawBox({ x, y, width, height }: Box, colour: string): string {
  const linePx = Math.max(2, width / 40)
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="none" stroke="${colour}" stroke-width="${linePx}"/>`
}

/** A plate above the box, or inside it where the picture ends. */
async function drawLabel({ box, colour, lines }: DrawnFace, pictureWidth: number, measure: MeasureText): Promise<string> {
  const letterPx = Math.max(15, Math.min(24, box.width / 6))
  // A name may be longer than the picture is wide: it is drawn narrower then.
  const widthMax = pictureWidth - letterPx
  const widths = await Promise.all(lines.map((line) => measure(line, letterPx)))
  const width = Math.min(Math.max(...widths), widthMax) + letterPx
  const height = letterPx * (lines[1] === "" ? 1.5 : 2.7)
  const x = Math.max(0, Math.min(pictureWidth - width, box.x + box.width / 2 - width / 2))
  const y = Math.max(0, box.y - height - 2)
  const texts = lines.map((line, i) => {
    const narrowed = Math.min(1, widthMax / Math.max(1, widths[i] ?? 0))
    const at = `translate(${x + letterPx / 2},${y + letterPx * (i === 0 ? 1.1 : 2.3)}) scale(${narrowed},1)`
    return `<text transform="${at}" font-size="${letterPx}" fill="${i === 0 ? colour : "#ffffff"}">${escaped(line)}</text>`
  })
  return (
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="#0a0e12" fill-opacity="0.85"/>` +
    `<rect x="${x}" y="${y}" width="${letterPx / 4}" height="${height}" fill="${colour}"/>${texts.join("")}`
  )
}

/** Names come from people: nothing in one is taken for markup, and what XML cannot hold is left out. */
export function escaped(text: string): string {
  const plain = text.toWellFormed().replace(/[^\t\n\r\u{20}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "")
  return plain.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
