import { createCanvas, GlobalFonts, loadImage, type SKRSContext2D } from "@napi-rs/canvas"
import { decisionColours, drawBox, drawLabel } from "../../app/events/pictures/draw.ts"
import type { Box } from "../../app/face/geometry.ts"
import type { AnsweredFace } from "./ask.ts"

const fontName = "Gatehouse Demo"
const fontFile = new URL("../../node_modules/@fontsource/dejavu-sans/files/dejavu-sans-latin-700-normal.woff2", import.meta.url)

const colours = { ...decisionColours, "not found": "#e0483e" } as const

/** The picture with a box and a label for every face, as PNG. */
export async function drawAnswers(picture: Uint8Array, faces: readonly AnsweredFace[]): Promise<Buffer> {
  registerFont()
  const image = await loadImage(picture)
  const canvas = createCanvas(image.width, image.height)
  const context = canvas.getContext("2d")
  context.drawImage(image, 0, 0)
  // Labels last: a neighbour's box must not cross them.
  for (const face of faces) if (face.box !== undefined) drawBox(context, face.box, colours[face.decision])
  for (const face of faces) labelFace(context, face, face.box ?? placeOf(face))
  return canvas.toBuffer("image/png")
}

/** Nobody was found there: the label stands where the person is. */
function placeOf({ expected }: AnsweredFace): Box {
  const [x, y] = expected?.at ?? [0, 0]
  return { x, y, width: 0, height: 0 }
}

export interface Tile {
  readonly picture: Uint8Array
  readonly faces: readonly AnsweredFace[]
}

const tilePx = 240
const captionPx = 44
const tilesPerRow = 8

/** Many small pictures on one sheet, each with what the box said below it. */
export async function drawSheet(tiles: readonly Tile[]): Promise<Buffer> {
  registerFont()
  const rows = Math.ceil(tiles.length / tilesPerRow)
  const canvas = createCanvas(tilesPerRow * tilePx, rows * (tilePx + captionPx))
  const context = canvas.getContext("2d")
  context.fillStyle = "#101418"
  context.fillRect(0, 0, canvas.width, canvas.height)
  for (const [i, { picture, faces }] of tiles.entries()) {
    const x = (i % tilesPerRow) * tilePx
    const y = Math.floor(i / tilesPerRow) * (tilePx + captionPx)
    const image = await loadImage(picture)
    const scale = tilePx / Math.max(image.width, image.height)
    context.drawImage(image, x, y, image.width * scale, image.height * scale)
    const face = faces[0]
    if (face === undefined) continue
    if (face.box !== undefined) {
      const { x: left, y: top, width, height } = face.box
      drawBox(
        context,
        { x: x + left * scale, y: y + top * scale, width: width * scale, height: height * scale },
        colours[face.decision],
      )
    }
    drawCaption(context, face, x, y + tilePx)
  }
  return canvas.toBuffer("image/png")
}

function labelFace(context: SKRSContext2D, face: AnsweredFace, box: Box) {
  const label = { box, colour: colours[face.decision], font: `"${fontName}"` }
  drawLabel(context, [`${markOf(face)} ${labelOf(face)}`, detailOf(face)], label)
}

function drawCaption(context: SKRSContext2D, face: AnsweredFace, x: number, y: number) {
  context.font = `15px "${fontName}"`
  context.fillStyle = colours[face.decision]
  context.fillText(`${markOf(face)} ${labelOf(face)}`, x + 6, y + 17, tilePx - 12)
  context.fillStyle = "#ffffff"
  context.fillText(detailOf(face), x + 6, y + 36, tilePx - 12)
}

/** A stranger whom nobody saw is no success either. */
export function markOf({ right, decision }: AnsweredFace): string {
  if (!right) return "✗"
  return decision === "not found" ? "–" : "✓"
}

/** What the box said; a name stands alone only when it named somebody. */
function labelOf({ decision, name }: AnsweredFace): string {
  return decision === "match" ? (name ?? "") : decision
}

function detailOf({ decision, name, similarity }: AnsweredFace): string {
  if (similarity === undefined) return ""
  const words = { match: "match", uncertain: `like ${name ?? ""}`, unknown: "nearest", "not found": "" }[decision]
  return `${words} ${similarity.toFixed(2)}`
}

/** A machine without fonts draws no text at all and says nothing about it. */
function registerFont() {
  if (GlobalFonts.has(fontName)) return
  if (GlobalFonts.registerFromPath(fontFile.pathname, fontName) === null) throw new Error(`cannot read ${fontFile.pathname}`)
}
