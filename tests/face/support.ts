import { apply, type Similarity, samplesFor } from "../../app/face/align.ts"
import type { Landmarks } from "../../app/face/geometry.ts"
import type { Pixels } from "../../app/face/pixels.ts"

export const face: Landmarks = [
  [38, 52],
  [74, 51],
  [56, 72],
  [41, 92],
  [71, 93],
]
/** Each value as the mean of bilinear samples, black beyond the picture, word for word. */
export function warpedByDefinition(picture: Pixels, { a, b, tx, ty }: Similarity, sizePx: number): Float32Array {
  const samples = samplesFor(Math.hypot(a, b))
  const tensor = new Float32Array(3 * sizePx * sizePx)
  const colour = (x: number, y: number, channel: number) =>
    x < 0 || y < 0 || x >= picture.width || y >= picture.height ? 0 : picture.data[(y * picture.width + x) * 3 + channel]!
  for (const [at] of tensor.entries()) {
    const [channel, row, column] = [Math.floor(at / sizePx ** 2), Math.floor(at / sizePx) % sizePx, at % sizePx]
    for (let sample = 0; sample < samples ** 2; sample++) {
      const u = column + ((sample % samples) + 0.5) / samples - 0.5
      const v = row + (Math.floor(sample / samples) + 0.5) / samples - 0.5
      const [x, y] = [a * u - b * v + tx, b * u + a * v + ty]
      const [left, top] = [Math.floor(x), Math.floor(y)]
      const along = (row: number) => colour(left, row, channel) * (1 - x + left) + colour(left + 1, row, channel) * (x - left)
      tensor[at]! += (along(top) * (1 - y + top) + along(top + 1) * (y - top)) / samples ** 2
    }
  }
  return tensor
}

export function similarityOf(angle: number, size: number, tx: number, ty: number): Similarity {
  const radians = (angle * Math.PI) / 180
  return { a: size * Math.cos(radians), b: size * Math.sin(radians), tx, ty }
}

export function mapped(points: Landmarks, by: Similarity): Landmarks {
  return points.map((point) => apply(by, point)) as unknown as Landmarks
}

export function pixelsOf(width: number, height: number, colour: (x: number, y: number) => readonly number[]): Pixels {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set(colour(x, y).map(Math.round), (y * width + x) * 3)
  return { data, width, height }
}
