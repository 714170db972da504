import type { Pixels } from "../../face/pixels.ts"

/**
 * Two faces drawn from ellipses, large and small, in which every detector of ours finds both: the same pixels on every machine, and
 * nobody's picture. Detectors are compared by it.
 */
export function paintFaces(): Pixels {
  const data = new Uint8Array(widthPx * heightPx * 3)
  const ellipses = [...faceAt(110, 120, 90), ...faceAt(245, 110, 60)]
  for (let y = 0; y < heightPx; y++)
    for (let x = 0; x < widthPx; x++) {
      const colour: [number, number, number] = [150 - y * 0.15, 165 - y * 0.15, 175 - y * 0.1]
      for (const { at, radius, colour: own, softness } of ellipses) {
        const distance = Math.hypot((x - at[0]) / radius[0], (y - at[1]) / radius[1])
        const cover = Math.min(1, Math.max(0, (1 - distance) / softness))
        for (const channel of channels) colour[channel] += (own[channel] - colour[channel]) * cover
      }
      // Light from the left.
      const light = 1 - (0.15 * (x - widthPx / 2)) / widthPx
      for (const channel of channels) data[(y * widthPx + x) * 3 + channel] = Math.round(colour[channel] * light)
    }
  return { data, width: widthPx, height: heightPx }
}

/** How many there are. */
export const paintedFaces = 2

const widthPx = 320
const heightPx = 256
const channels = [0, 1, 2] as const

type Pair = readonly [number, number]
type Rgb = readonly [number, number, number]

interface Ellipse {
  readonly at: Pair
  readonly radius: Pair
  readonly colour: Rgb
  /** Share of the radius in which it fades. */
  readonly softness: number
}

const hair: Rgb = [58, 42, 34]
const skin: Rgb = [222, 178, 150]
const neck: Rgb = [196, 150, 124]
const chin: Rgb = [214, 168, 142]
const brow: Rgb = [80, 58, 46]
const socket: Rgb = [176, 132, 112]
const white: Rgb = [238, 232, 226]
const iris: Rgb = [40, 28, 24]
const bridge: Rgb = [234, 194, 166]
const nostril: Rgb = [150, 104, 86]
const noseShade: Rgb = [190, 140, 116]
const lips: Rgb = [170, 84, 80]
const mouth: Rgb = [110, 48, 48]

/** Middle and width of a face in pixels; all else are shares of the width. */
function faceAt(x: number, y: number, width: number): Ellipse[] {
  const ellipse = ([right, down]: Pair, [rx, ry]: Pair, colour: Rgb, softness: number): Ellipse => ({
    at: [x + right * width, y + down * width],
    radius: [rx * width, ry * width],
    colour,
    softness,
  })
  const bothSides = (of: (side: 1 | -1) => readonly Ellipse[]) => [...of(-1), ...of(1)]
  return [
    ellipse([0, -0.12], [0.62, 0.82], hair, 0.1),
    ellipse([0, 0.75], [0.3, 0.5], neck, 0.2),
    ellipse([0, 0.05], [0.5, 0.68], skin, 0.08),
    ellipse([0, 0.45], [0.36, 0.22], chin, 0.9),
    ...bothSides((side) => [
      ellipse([0.22 * side, -0.13], [0.14, 0.03], brow, 0.5),
      ellipse([0.22 * side, -0.02], [0.13, 0.075], socket, 0.6),
      ellipse([0.22 * side, 0], [0.1, 0.045], white, 0.3),
      ellipse([0.22 * side, 0], [0.045, 0.045], iris, 0.3),
    ]),
    ellipse([0, 0.14], [0.045, 0.17], bridge, 0.9),
    ...bothSides((side) => [ellipse([0.07 * side, 0.24], [0.035, 0.025], nostril, 0.6)]),
    ellipse([0, 0.26], [0.1, 0.03], noseShade, 0.8),
    ellipse([0, 0.43], [0.17, 0.05], lips, 0.4),
    ellipse([0, 0.425], [0.16, 0.012], mouth, 0.5),
  ]
}
