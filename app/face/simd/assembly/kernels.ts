/**
 * The loops over pixels, in AssemblyScript: TypeScript's syntax with machine types and vectors of four. `bun scripts/kernels.ts`
 * compiles them into `../kernels-wasm.ts`. They know addresses and no objects; `../kernels.ts` brings the pixels in.
 *
 * `scaling` is the address of eight floats: factors for red, green and blue and a zero, then what is added to each and a zero.
 * `red`, `green` and `blue` are the addresses of the first value of each plane of floats.
 */

/**
 * Means of `factor × factor` pixels, as sums that `scaling` divides. A row of fewer than four cells is written as four, those
 * behind it black.
 * @param pixels `rows × factor` rows of red, green, blue; up to 31 bytes behind them are read
 * @param factor at most 257, for 257 × 255 are the most that 16 bits hold
 * @param planeBytes from one row of a plane to the next
 * @param sums room for a row of numbers of 16 bits, and for 32 numbers or four cells more
 */
export function shrink(
  pixels: usize,
  rowBytes: i32,
  rows: i32,
  columns: i32,
  factor: i32,
  planeBytes: i32,
  sums: usize,
  scaling: usize,
  red: usize,
  green: usize,
  blue: usize,
): void {
  const redFactor = v128.load_splat<f32>(scaling)
  const greenFactor = v128.load_splat<f32>(scaling, 4)
  const blueFactor = v128.load_splat<f32>(scaling, 8)
  const redBias = v128.load_splat<f32>(scaling, 16)
  const greenBias = v128.load_splat<f32>(scaling, 20)
  const blueBias = v128.load_splat<f32>(scaling, 24)
  const usedBytes = columns * factor * 3
  for (let row = 0; row < rows; row++) {
    // First downwards, 32 bytes at a time …
    for (let at = 0; at < usedBytes; at += 32) {
      let from = pixels + at
      let first = v128.load_ext<u8>(from)
      let second = v128.load_ext<u8>(from, 8)
      let third = v128.load_ext<u8>(from, 16)
      let fourth = v128.load_ext<u8>(from, 24)
      for (let below = factor; below > 1; below--) {
        from += rowBytes
        first = i16x8.add(first, v128.load_ext<u8>(from))
        second = i16x8.add(second, v128.load_ext<u8>(from, 8))
        third = i16x8.add(third, v128.load_ext<u8>(from, 16))
        fourth = i16x8.add(fourth, v128.load_ext<u8>(from, 24))
      }
      v128.store(sums + 2 * at, first)
      v128.store(sums + 2 * at, second, 16)
      v128.store(sums + 2 * at, third, 32)
      v128.store(sums + 2 * at, fourth, 48)
    }
    // … then to the right, four cells at a time, each a vector of its red, green, blue and a value that is not used.
    if (columns < 4) memory.fill(sums + 2 * usedBytes, 0, 24 * factor)
    // The last four end where the row does, and some of them are written twice.
    const lastColumn = max(0, columns - 4)
    for (let next = 0; next < columns; next += 4) {
      const column = min(next, lastColumn)
      const cell: usize = sums + 6 * factor * column
      const first = sumOf(cell, factor)
      const second = sumOf(cell + 6 * factor, factor)
      const third = sumOf(cell + 12 * factor, factor)
      const fourth = sumOf(cell + 18 * factor, factor)
      const redGreen = v128.shuffle<i32>(first, second, 0, 4, 1, 5)
      const redGreen2 = v128.shuffle<i32>(third, fourth, 0, 4, 1, 5)
      const blueOnly = v128.shuffle<i32>(first, second, 2, 6, 3, 7)
      const blueOnly2 = v128.shuffle<i32>(third, fourth, 2, 6, 3, 7)
      storeScaled(red + 4 * column, v128.shuffle<i64>(redGreen, redGreen2, 0, 2), redFactor, redBias)
      storeScaled(green + 4 * column, v128.shuffle<i64>(redGreen, redGreen2, 1, 3), greenFactor, greenBias)
      storeScaled(blue + 4 * column, v128.shuffle<i64>(blueOnly, blueOnly2, 0, 2), blueFactor, blueBias)
    }
    pixels += rowBytes * factor
    red += planeBytes
    green += planeBytes
    blue += planeBytes
  }
}

function sumOf(cell: usize, factor: i32): v128 {
  // What a camera's 1080p asks for, without a loop; 4 × 4 × 255 fits into 16 bits.
  if (factor >= 2 && factor <= 4) {
    let sum = i16x8.add(v128.load(cell), v128.load(cell, 6))
    if (factor >= 3) sum = i16x8.add(sum, v128.load(cell, 12))
    if (factor === 4) sum = i16x8.add(sum, v128.load(cell, 18))
    return i32x4.extend_low_i16x8_u(sum)
  }
  let sum = v128.load_ext<u16>(cell)
  for (let right = 1; right < factor; right++) {
    cell += 6
    sum = i32x4.add(sum, v128.load_ext<u16>(cell))
  }
  return sum
}

function storeScaled(to: usize, sums: v128, factor: v128, bias: v128): void {
  v128.store(to, f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(sums), factor), bias))
}

/** Places in a picture are counted in parts of a pixel, 2³² of them. */
const onePixel: f64 = 4294967296
/** Weights of two neighbours add up to this. */
const wholeWeight: i32 = 16384

/**
 * A square seen through a similarity: every value the sum of `samples × samples` places between the pixels, which `scaling`
 * divides by their number and by `wholeWeight`. A place that is not between pixels of the region counts as black.
 * @param region `height` rows of `width` pixels; up to 5 bytes behind them are read
 * @param x place of the first sample in the region, in pixels from the centre of its first one
 * @param alongX step from one sample to the next in its row; from one row to the next it is (−alongY, alongX)
 */
export function warp(
  region: usize,
  width: i32,
  height: i32,
  size: i32,
  samples: i32,
  x: f64,
  y: f64,
  alongX: f64,
  alongY: f64,
  scaling: usize,
  red: usize,
  green: usize,
  blue: usize,
): void {
  const factor = v128.load(scaling)
  const bias = v128.load(scaling, 16)
  // Two pixels beside each other as pairs of 16 bits: red and red, green and green, blue and blue.
  const pairs = i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1)
  // Exact, so that to multiply by it is to divide by the whole.
  const weightShare = f32x4.splat(1 / <f32>wholeWeight)
  const rowBytes = width * 3
  const rightMost = width - 1
  const lowest = height - 1
  const stepX = <i64>(alongX * onePixel)
  const stepY = <i64>(alongY * onePixel)
  const last = size * samples - 1
  const acrossX = stepX * samples
  const acrossY = stepY * samples
  let rowX = <i64>(x * onePixel)
  let rowY = <i64>(y * onePixel)
  let to: usize = 0
  for (let row = 0; row < size; row++) {
    // Places lie on straight lines: where the four corners of a row of cells are inside, all of them are.
    const isInside =
      isBetween(rowX, rowY, rightMost, lowest) &&
      isBetween(rowX + stepX * last, rowY + stepY * last, rightMost, lowest) &&
      isBetween(rowX - stepY * (samples - 1), rowY + stepX * (samples - 1), rightMost, lowest) &&
      isBetween(rowX + stepX * last - stepY * (samples - 1), rowY + stepY * last + stepX * (samples - 1), rightMost, lowest)
    let cellX = rowX
    let cellY = rowY
    for (let column = 0; column < size; column++) {
      let sum = f32x4.splat(0)
      for (let down = 0; down < samples; down++) {
        let placeX = cellX - stepY * down
        let placeY = cellY + stepX * down
        for (let right = 0; right < samples; right++) {
          if (isInside || isBetween(placeX, placeY, rightMost, lowest)) {
            const beyond = <u32>placeX >> 18
            const below = <u32>placeY >> 18
            const weights = i32x4.splat((beyond << 16) | (wholeWeight - beyond))
            const at = region + <i32>(placeY >> 32) * rowBytes + <i32>(placeX >> 32) * 3
            const upper = between(v128.load64_zero(at), pairs, weights)
            const lower = between(v128.load64_zero(at + rowBytes), pairs, weights)
            const share = f32x4.mul(f32x4.convert_i32x4_s(i32x4.splat(below)), weightShare)
            sum = f32x4.add(sum, f32x4.add(upper, f32x4.mul(f32x4.sub(lower, upper), share)))
          }
          placeX += stepX
          placeY += stepY
        }
      }
      const values = f32x4.add(f32x4.mul(sum, factor), bias)
      v128.store_lane<f32>(red + to, values, 0)
      v128.store_lane<f32>(green + to, values, 1)
      v128.store_lane<f32>(blue + to, values, 2)
      to += 4
      cellX += acrossX
      cellY += acrossY
    }
    rowX -= acrossY
    rowY += acrossX
  }
}

/**
 * What `warp` gives where nothing is turned, in two thirds of the time: every row of samples lies between the same two rows of pixels,
 * and every column weighs them alike. All places lie between pixels of the region.
 * @param columns room for 20 bytes for each of the `size × samples` columns
 */
export function warpUpright(
  region: usize,
  width: i32,
  size: i32,
  samples: i32,
  x: f64,
  y: f64,
  along: f64,
  columns: usize,
  scaling: usize,
  red: usize,
  green: usize,
  blue: usize,
): void {
  const factor = v128.load(scaling)
  const bias = v128.load(scaling, 16)
  const pairs = i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1)
  const weightShare = f32x4.splat(1 / <f32>wholeWeight)
  const rowBytes = width * 3
  const step = <i64>(along * onePixel)
  const weightsAt = columns
  const placesAt = columns + 16 * size * samples
  let place = <i64>(x * onePixel)
  for (let column = 0; column < size * samples; column++) {
    const beyond = <u32>place >> 18
    v128.store(weightsAt + 16 * column, i32x4.splat((beyond << 16) | (wholeWeight - beyond)))
    store<i32>(placesAt + 4 * column, <i32>(place >> 32) * 3)
    place += step
  }
  place = <i64>(y * onePixel)
  let to: usize = 0
  for (let row = 0; row < size; row++) {
    for (let cell = 0; cell < size; cell++) {
      let sum = f32x4.splat(0)
      let below = place
      for (let down = 0; down < samples; down++) {
        const share = f32x4.mul(f32x4.convert_i32x4_s(i32x4.splat(<u32>below >> 18)), weightShare)
        const upperRow = region + <i32>(below >> 32) * rowBytes
        for (let column = cell * samples; column < (cell + 1) * samples; column++) {
          const at = upperRow + load<i32>(placesAt + 4 * column)
          const weights = v128.load(weightsAt + 16 * column)
          const upper = between(v128.load64_zero(at), pairs, weights)
          const lower = between(v128.load64_zero(at + rowBytes), pairs, weights)
          sum = f32x4.add(sum, f32x4.add(upper, f32x4.mul(f32x4.sub(lower, upper), share)))
        }
        below += step
      }
      const values = f32x4.add(f32x4.mul(sum, factor), bias)
      v128.store_lane<f32>(red + to, values, 0)
      v128.store_lane<f32>(green + to, values, 1)
      v128.store_lane<f32>(blue + to, values, 2)
      to += 4
    }
    place += step * samples
  }
}

function isBetween(placeX: i64, placeY: i64, rightMost: i32, lowest: i32): bool {
  return <u32>(placeX >> 32) < <u32>rightMost && <u32>(placeY >> 32) < <u32>lowest
}

function between(pixels: v128, pairs: v128, weights: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i8x16.swizzle(pixels, pairs), weights))
}
