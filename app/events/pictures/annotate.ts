import { createCanvas, loadImage } from "@napi-rs/canvas"
import type { Box } from "../../face/geometry.ts"
import type { SightedFace, Sighting } from "../sighting.ts"
import { decisionColours, drawBox, drawLabel } from "./draw.ts"
import { labelFont, registerFonts } from "./fonts.ts"

/** Of the JPEG, 1 to 100: one more generation of a picture that is compressed already. */
const jpegQuality = 85

/**
 * The snapshot of a sighting with a box for each face, its name as it is now, and the similarity. JPEG in, JPEG out.
 * @param snapshot made by one of our own engines: pictures from outside are never decoded in this process
 */
export async function annotate(snapshot: Uint8Array, { image, faces }: Pick<Sighting, "image" | "faces">): Promise<Uint8Array> {
  await registerFonts()
  const picture = await loadImage(snapshot)
  const canvas = createCanvas(picture.width, picture.height)
  const context = canvas.getContext("2d")
  context.drawImage(picture, 0, 0)
  const scale = picture.width / image.width
  const drawn = faces.map((face) => ({ face, box: scaled(face.box, scale), colour: decisionColours[face.decision] }))
  // Labels last, the largest face's on top: a neighbour's box must not cross them.
  for (const { box, colour } of drawn) drawBox(context, box, colour)
  for (const { face, box, colour } of drawn.toReversed()) drawLabel(context, wordsFor(face), { box, colour, font: labelFont })
  return canvas.encode("jpeg", jpegQuality)
}

function scaled({ x, y, width, height }: Box, scale: number): Box {
  return { x: x * scale, y: y * scale, width: width * scale, height: height * scale }
}

/** Longer ones would cover the neighbours; whoever it is can be told by so many letters. */
const nameLettersMax = 32

function wordsFor({ decision, name: fullName, similarity, forgotten }: SightedFace): [string, string] {
  const figure = similarity?.toFixed(2) ?? ""
  const name = fullName === undefined ? undefined : shortened(fullName)
  if (forgotten === true) return ["forgotten", `${decision} ${figure}`]
  if (name === undefined) return ["unknown", figure === "" ? "" : `nearest ${figure}`]
  return decision === "match" ? [name, `match ${figure}`] : [`${name}?`, `${decision} ${figure}`]
}

function shortened(name: string): string {
  const letters = [...name]
  return letters.length > nameLettersMax ? `${letters.slice(0, nameLettersMax - 1).join("")}…` : name
}
