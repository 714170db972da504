import type { Box } from "../../face/geometry.ts"
import type { Pixels } from "../../face/pixels.ts"

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

/** In a word of four bytes the first and the third; moved by a byte, the second and the fourth. */
const everySecondByte = 0xff00ff

/**
 * The whole picture at a quarter of its width and height, every pixel the mean of 4 × 4: what `cut` gives, in half the time,
 * because words of four bytes are added two bytes at a time. Rows that do not begin at a word's start go through `cut`.
 */
export function quarter(picture: Pixels): Pixels {
  const { data, width, height } = picture
  if (width % 4 !== 0 || data.byteOffset % 4 !== 0) return cut(picture, { x: 0, y: 0, width, height }, 4)
  const [toWidth, toHeight] = [width / 4, Math.floor(height / 4)]
  const out = new Uint8Array(toWidth * toHeight * 3)
  const rowWords = (width * 3) / 4
  const words = new Int32Array(data.buffer, data.byteOffset, rowWords * height)
  let to = 0
  for (let row = 0; row < toHeight; row++) {
    let first = row * 4 * rowWords
    for (let column = 0; column < toWidth; column++, first += 3, to += 3) {
      // Four pixels are the three words r g b r, g b r g, b r g b (and the machine writes the lowest byte first).
      let rb = 0
      let gr = 0
      let gr2 = 0
      let bg = 0
      let br = 0
      let gb = 0
      for (let below = 0, at = first; below < 4; below++, at += rowWords) {
        const one = words[at]!
        const two = words[at + 1]!
        const three = words[at + 2]!
        rb += one & everySecondByte
        gr += (one >>> 8) & everySecondByte
        gr2 += two & everySecondByte
        bg += (two >>> 8) & everySecondByte
        br += three & everySecondByte
        gb += (three >>> 8) & everySecondByte
      }
      // Sums of sixteen bytes, rounded: 8 is half of 16.
      out[to] = ((rb & 0xffff) + (gr >>> 16) + (gr2 >>> 16) + (gb & 0xffff) + 8) >> 4
      out[to + 1] = ((gr & 0xffff) + (gr2 & 0xffff) + (bg >>> 16) + (br >>> 16) + 8) >> 4
      out[to + 2] = ((rb >>> 16) + (bg & 0xffff) + (br & 0xffff) + (gb >>> 16) + 8) >> 4
    }
  }
  return { data: out, width: toWidth, height: toHeight }
}

/**
 * Bilinear, between half and any multiple of the size: below half it would skip pixels. Faster than libvips on the small
 * levels of a pyramid, where starting a job costs more than the pixels do.
 */
export function resizeNear({ data, width, height }: Pixels, toWidth: number, toHeight: number): Pixels {
  const out = new Uint8Array(toWidth * toHeight * 3)
  const columns = neighbours(width, toWidth)
  const rows = neighbours(height, toHeight)
  const rowBytes = width * 3
  let to = 0
  for (let row = 0; row < toHeight; row++) {
    const below = rows.share[row]!
    const above = 1 - below
    const top = rows.near[row]! * rowBytes
    const bottom = rows.far[row]! * rowBytes
    for (let column = 0; column < toWidth; column++, to += 3) {
      const right = columns.share[column]!
      const left = 1 - right
      const near = columns.near[column]! * 3
      const far = columns.far[column]! * 3
      const p00 = top + near
      const p01 = top + far
      const p10 = bottom + near
      const p11 = bottom + far
      out[to] = (data[p00]! * left + data[p01]! * right) * above + (data[p10]! * left + data[p11]! * right) * below + 0.5
      out[to + 1] =
        (data[p00 + 1]! * left + data[p01 + 1]! * right) * above +
        (data[p10 + 1]! * left + data[p11 + 1]! * right) * below +
        0.5
      out[to + 2] =
        (data[p00 + 2]! * left + data[p01 + 2]! * right) * above +
        (data[p10 + 2]! * left + data[p11 + 2]! * right) * below +
        0.5
    }
  }
  return { data: out, width: toWidth, height: toHeight }
}

/** For each place along an axis of the new size the two old ones beside it, and the share of the second. */
function neighbours(from: number, to: number): { near: Int32Array; far: Int32Array; share: Float64Array } {
  const [near, far, share] = [new Int32Array(to), new Int32Array(to), new Float64Array(to)]
  for (let at = 0; at < to; at++) {
    const place = Math.min(from - 1, Math.max(0, (at + 0.5) * (from / to) - 0.5))
    near[at] = Math.floor(place)
    far[at] = Math.min(Math.floor(place) + 1, from - 1)
    share[at] = place - Math.floor(place)
  }
  return { near, far, share }
}
