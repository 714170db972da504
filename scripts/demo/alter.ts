import sharp from "sharp"
import type { ImageSize, Point } from "../../app/face/geometry.ts"

/** How another camera sees the same moment. */
export interface Alteration {
  readonly turnDegrees: number
  /** Share of the light that is left. */
  readonly brightness: number
  /** Standard deviation of the blur, in pixels of the altered picture. */
  readonly blurPx: number
  readonly widthPx: number
  readonly jpegQuality: number
}

/** One for each photograph; together they cover both directions, day and dusk, near and far. */
export const alterations: readonly Alteration[] = [
  { turnDegrees: 5, brightness: 0.8, blurPx: 0.8, widthPx: 1280, jpegQuality: 60 },
  { turnDegrees: -6, brightness: 0.7, blurPx: 1, widthPx: 1120, jpegQuality: 70 },
  { turnDegrees: 8, brightness: 0.6, blurPx: 0.8, widthPx: 960, jpegQuality: 50 },
  { turnDegrees: -4, brightness: 0.75, blurPx: 1.2, widthPx: 1280, jpegQuality: 55 },
  { turnDegrees: 7, brightness: 0.65, blurPx: 0.9, widthPx: 1024, jpegQuality: 60 },
  { turnDegrees: -8, brightness: 0.55, blurPx: 1, widthPx: 1100, jpegQuality: 45 },
]

export interface Altered {
  readonly picture: Buffer
  /** Where a point of the original, given as shares of its width and height, lies in `picture`, in pixels. */
  place(share: Point): Point
}

export async function alter(picture: Uint8Array, alteration: Alteration): Promise<Altered> {
  const { turnDegrees, brightness, blurPx, widthPx, jpegQuality } = alteration
  // Three pipelines: sharp orders the steps of one by itself, and the blur is meant in pixels of the smaller picture.
  const turned = await sharp(picture).rotate(turnDegrees, { background: "#202020" }).png().toBuffer()
  const smaller = await sharp(turned).resize(widthPx).modulate({ brightness }).png().toBuffer()
  const altered = await sharp(smaller).blur(blurPx).jpeg({ quality: jpegQuality }).toBuffer()
  const [before, between, after] = [await sizeOf(picture), await sizeOf(turned), await sizeOf(altered)]
  const scale = after.width / between.width
  const angle = (turnDegrees * Math.PI) / 180
  return {
    picture: altered,
    place: ([shareX, shareY]) => {
      // Turned about the middle, which stays the middle of the wider canvas.
      const x = (shareX - 0.5) * before.width
      const y = (shareY - 0.5) * before.height
      const turnedX = x * Math.cos(angle) - y * Math.sin(angle)
      const turnedY = x * Math.sin(angle) + y * Math.cos(angle)
      return [turnedX * scale + after.width / 2, turnedY * scale + after.height / 2]
    },
  }
}

export function describe({ turnDegrees, brightness, blurPx, widthPx, jpegQuality }: Alteration): string {
  return `turned ${turnDegrees}°, light × ${brightness}, blurred ${blurPx} px, ${widthPx} px wide, JPEG ${jpegQuality}`
}

export async function sizeOf(picture: Uint8Array): Promise<ImageSize> {
  const { width, height } = await sharp(picture).metadata()
  return { width, height }
}
