import type { Box } from "../../face/geometry.ts"
import type { PixelScaling, Pixels } from "../../face/pixels.ts"
import { warpInto } from "../../face/warp.ts"

/**
 * Writes the part of the picture under a square box into `tensor` at `start`, `sizePx × sizePx`, upright; black beyond the
 * picture.
 * @param square in pixels of `picture`, edges at whole numbers
 */
export function cropInto(
  tensor: Float32Array,
  start: number,
  sizePx: number,
  picture: Pixels,
  square: Box,
  scaling: PixelScaling,
): void {
  const step = square.width / sizePx
  // A box counts from the edge of a pixel, a warp from its centre.
  const shift = (step - 1) / 2
  warpInto(tensor, start, sizePx, picture, { a: step, b: 0, tx: square.x + shift, ty: square.y + shift }, scaling)
}

/** The smallest square that holds the box, about its centre. */
export function squareAround({ x, y, width, height }: Box): Box {
  const side = Math.max(width, height)
  return { x: x + (width - side) / 2, y: y + (height - side) / 2, width: side, height: side }
}
