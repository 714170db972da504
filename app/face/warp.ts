import { type Similarity, samplesFor } from "./align.ts"
import type { Box } from "./geometry.ts"
import { type PixelScaling, type Pixels, planesOf } from "./pixels.ts"
import { benchOf, putScaling, scalingBytes } from "./simd/kernels.ts"

/** The loop reads pixels in words of eight bytes. */
const slackBytes = 16

/** What the upright loop keeps of a column of samples. */
const columnBytes = 20

/** What two neighbours weigh together in the loop. */
const wholeWeight = 16_384

/** Places beyond this many pixels are no face's, and the loop counts in 2³² parts of a pixel. */
const placeMax = 1e8

/**
 * Writes the square crop into `tensor` at `start` (planar, `3 × sizePx × sizePx` values). Coordinates are pixel centres on both
 * sides; what lies outside the picture is black, as in the crops the embedders were trained on. A face much larger than the
 * crop is averaged over its pixels, so that hair and glasses do not turn into noise.
 * @param toPicture crop → picture
 */
export function warpInto(
  tensor: Float32Array,
  start: number,
  sizePx: number,
  picture: Pixels,
  toPicture: Similarity,
  scaling: PixelScaling,
): void {
  const { a, b, tx, ty } = toPicture
  const samples = samplesFor(Math.hypot(a, b))
  const first = 1 / samples / 2 - 0.5
  const [x, y] = [a * first - b * first + tx, b * first + a * first + ty]
  const planePx = sizePx * sizePx
  const { red, green, blue } = planesOf(scaling, 0, planePx)
  const [acrossX, acrossY] = [(a * (sizePx * samples - 1)) / samples, (b * (sizePx * samples - 1)) / samples]
  const region = regionUnder(x, y, acrossX, acrossY, picture)
  if (region === undefined) {
    for (const plane of [red, green, blue]) tensor.fill(plane.bias, start + plane.start, start + plane.start + planePx)
    return
  }
  const regionBytes = region.width * region.height * 3 + slackBytes
  const planesAt = Math.ceil((scalingBytes + regionBytes) / 4)
  const columnsAt = 4 * (planesAt + 3 * planePx)
  const bench = benchOf(columnsAt + columnBytes * sizePx * samples)
  copyRegion(bench.bytes, region, picture)
  putScaling(bench, { red, green, blue }, samples * samples * wholeWeight)
  const { width, height } = region
  const [fromX, fromY] = [x - region.x, y - region.y]
  const planes = [4 * (planesAt + red.start), 4 * (planesAt + green.start), 4 * (planesAt + blue.start)] as const
  const isUpright = b === 0 && a > 0
  if (isUpright && fromX >= 0 && fromY >= 0 && fromX + acrossX < width - 1 && fromY + acrossX < height - 1)
    bench.kernels.warpUpright(scalingBytes, width, sizePx, samples, fromX, fromY, a / samples, columnsAt, 0, ...planes)
  else bench.kernels.warp(scalingBytes, width, height, sizePx, samples, fromX, fromY, a / samples, b / samples, 0, ...planes)
  tensor.set(bench.floats.subarray(planesAt, planesAt + 3 * planePx), start)
}

/**
 * The part of the picture, with one pixel around it, that samples on a square fall on; `undefined` when none does.
 * @param x place of the first sample
 * @param alongX from it to the last one of its row; to the last one of its column it is (−alongY, alongX)
 */
function regionUnder(x: number, y: number, alongX: number, alongY: number, { width, height }: Pixels): Box | undefined {
  const xs = [x, x + alongX, x - alongY, x + alongX - alongY]
  const ys = [y, y + alongY, y + alongX, y + alongX + alongY]
  if (![...xs, ...ys].every((place) => Math.abs(place) < placeMax)) return undefined
  // One more on each side: the loop's places differ in the last digits.
  const left = Math.max(-1, Math.floor(Math.min(...xs)) - 1)
  const top = Math.max(-1, Math.floor(Math.min(...ys)) - 1)
  const right = Math.min(width, Math.floor(Math.max(...xs)) + 2)
  const bottom = Math.min(height, Math.floor(Math.max(...ys)) + 2)
  if (right < left || bottom < top) return undefined
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 }
}

/** Row by row, black where there is no picture. */
function copyRegion(bytes: Buffer, region: Box, { data, width, height }: Pixels): void {
  // A Buffer copies a part of itself without making a view of it first: half the time for a short row.
  const picture = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const rowBytes = region.width * 3
  const [left, right] = [Math.max(0, region.x), Math.min(width, region.x + region.width)]
  const isInside = region.x >= 0 && region.y >= 0 && region.x + region.width <= width && region.y + region.height <= height
  if (!isInside) bytes.fill(0, scalingBytes, scalingBytes + rowBytes * region.height)
  for (let row = 0; row < region.height; row++) {
    const y = region.y + row
    if (y < 0 || y >= height) continue
    const to = scalingBytes + row * rowBytes + (left - region.x) * 3
    picture.copy(bytes, to, (y * width + left) * 3, (y * width + right) * 3)
  }
}
