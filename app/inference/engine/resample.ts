import type { Box } from "../../face/geometry.ts"
import { type PixelScaling, type Pixels, planesOf } from "../../face/pixels.ts"
import { sharp } from "./vips.ts"

/**
 * Every value the mean of `factor × factor` pixels, scaled and laid out as planes in one pass over the picture, which is
 * faster than a resize by libvips with a layout pass behind it (2 MP by 2, fresh from the decoder: 2.6 ms against 8 ms).
 * What remains at the right and lower edge when `factor` does not divide the size (`factor − 1` pixels at most) is left out.
 * @param tensor [1, 3, planeHeight, planeWidth]; written from the top left, the rest stays as it is
 */
export function shrinkInto(
  tensor: Float32Array,
  planeWidth: number,
  planeHeight: number,
  { data, width, height }: Pixels,
  factor: number,
  scaling: PixelScaling,
): void {
  const { red, green, blue } = planesOf(scaling, 0, planeWidth * planeHeight)
  const share = 1 / (factor * factor)
  // One variable for each: unpacked from an array with fractions beside it, an index becomes a float and the loop 1.6× slower.
  const redPlane = tensor.subarray(red.start)
  const redFactor = red.factor * share
  const redBias = red.bias
  const greenPlane = tensor.subarray(green.start)
  const greenFactor = green.factor * share
  const greenBias = green.bias
  const bluePlane = tensor.subarray(blue.start)
  const blueFactor = blue.factor * share
  const blueBias = blue.bias
  const rowBytes = width * 3
  const cellBytes = factor * 3
  const columns = Math.floor(width / factor)
  const rows = Math.floor(height / factor)
  for (let row = 0; row < rows; row++) {
    let at = row * planeWidth
    let cell = row * factor * rowBytes
    if (factor === 2) {
      // What a camera's picture mostly needs, and without the inner loops twice as fast.
      for (let column = 0; column < columns; column++, at++, cell += 6) {
        const next = cell + rowBytes
        const r = data[cell]! + data[cell + 3]! + data[next]! + data[next + 3]!
        const g = data[cell + 1]! + data[cell + 4]! + data[next + 1]! + data[next + 4]!
        const b = data[cell + 2]! + data[cell + 5]! + data[next + 2]! + data[next + 5]!
        redPlane[at] = r * redFactor + redBias
        greenPlane[at] = g * greenFactor + greenBias
        bluePlane[at] = b * blueFactor + blueBias
      }
      continue
    }
    for (let column = 0; column < columns; column++, at++, cell += cellBytes) {
      let r = 0
      let g = 0
      let b = 0
      for (let i = 0, top = cell; i < factor; i++, top += 3) {
        for (let j = 0, from = top; j < factor; j++, from += rowBytes) {
          r += data[from]!
          g += data[from + 1]!
          b += data[from + 2]!
        }
      }
      redPlane[at] = r * redFactor + redBias
      greenPlane[at] = g * greenFactor + greenBias
      bluePlane[at] = b * blueFactor + blueBias
    }
  }
}

/**
 * A part of the picture as one of its own, every pixel the mean of `factor × factor`.
 * @param part at whole pixels, inside the picture, and `factor` pixels wide and high at least
 */
export function cut({ data, width }: Pixels, part: Box, factor: number): Pixels {
  const [toWidth, toHeight] = [Math.floor(part.width / factor), Math.floor(part.height / factor)]
  const out = new Uint8Array(toWidth * toHeight * 3)
  const rowBytes = width * 3
  const cellBytes = factor * 3
  const share = 1 / (factor * factor)
  let to = 0
  for (let row = 0; row < toHeight; row++) {
    let cell = (part.y + row * factor) * rowBytes + part.x * 3
    if (factor === 1) {
      out.set(data.subarray(cell, cell + toWidth * 3), to)
      to += toWidth * 3
      continue
    }
    for (let column = 0; column < toWidth; column++, cell += cellBytes, to += 3) {
      let r = 0
      let g = 0
      let b = 0
      for (let i = 0, top = cell; i < factor; i++, top += 3) {
        for (let j = 0, from = top; j < factor; j++, from += rowBytes) {
          r += data[from]!
          g += data[from + 1]!
          b += data[from + 2]!
        }
      }
      out[to] = r * share + 0.5
      out[to + 1] = g * share + 0.5
      out[to + 2] = b * share + 0.5
    }
  }
  return { data: out, width: toWidth, height: toHeight }
}

/** Any size from any other, averaged over what each new pixel covers. For whole pictures. */
export async function resize({ data, width, height }: Pixels, toWidth: number, toHeight: number): Promise<Pixels> {
  const resized = await sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false })
    .resize(toWidth, toHeight, { fit: "fill", kernel: "linear" })
    .raw()
    .toBuffer()
  return { data: resized, width: toWidth, height: toHeight }
}

/**
 * Bilinear, between half and any multiple of the size: below half it would skip pixels. Faster than libvips on the small
 * levels of a pyramid, where starting a job costs more than the pixels do.
 */
export function resizeNear({ data, width, height }: Pixels, toWidth: number, toHeight: number): Pixels {
  const out = new Uint8Array(toWidth * toHeight * 3)
  const stepX = width / toWidth
  const stepY = height / toHeight
  let to = 0
  for (let row = 0; row < toHeight; row++) {
    const y = Math.min(height - 1, Math.max(0, (row + 0.5) * stepY - 0.5))
    const y0 = Math.floor(y)
    const below = y - y0
    const top = y0 * width * 3
    const bottom = Math.min(y0 + 1, height - 1) * width * 3
    for (let column = 0; column < toWidth; column++, to += 3) {
      const x = Math.min(width - 1, Math.max(0, (column + 0.5) * stepX - 0.5))
      const x0 = Math.floor(x)
      const right = x - x0
      const near = x0 * 3
      const far = Math.min(x0 + 1, width - 1) * 3
      for (let channel = 0; channel < 3; channel++) {
        const upper = data[top + near + channel]! * (1 - right) + data[top + far + channel]! * right
        const lower = data[bottom + near + channel]! * (1 - right) + data[bottom + far + channel]! * right
        out[to + channel] = upper * (1 - below) + lower * below + 0.5
      }
    }
  }
  return { data: out, width: toWidth, height: toHeight }
}
