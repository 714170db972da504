import { type PixelScaling, type Pixels, planesOf } from "../../../face/pixels.ts"
import type { FloatTensor } from "../ort.ts"
import { shrinkInto } from "../resample.ts"

/**
 * Fills the input of a network that slides over pictures of any size: the picture by a whole factor at the top left, black to
 * the right and below up to the next multiple. One buffer for all pictures: what it gives holds until the next call.
 */
export function createLetterbox(scaling: PixelScaling, multiplePx: number): (picture: Pixels, factor: number) => FloatTensor {
  let tensor = new Float32Array(0)
  let layout = ""
  return (picture, factor) => {
    const width = roundUp(Math.floor(picture.width / factor), multiplePx)
    const height = roundUp(Math.floor(picture.height / factor), multiplePx)
    const planePx = width * height
    if (tensor.length < 3 * planePx) tensor = new Float32Array(3 * planePx)
    const wanted = `${picture.width} ${picture.height} ${factor}`
    if (wanted !== layout) {
      // What is beside the picture was written by a picture of another size.
      for (const { start, bias } of Object.values(planesOf(scaling, 0, planePx))) tensor.fill(bias, start, start + planePx)
      layout = wanted
    }
    shrinkInto(tensor, width, height, picture, factor, scaling)
    return { data: tensor.subarray(0, 3 * planePx), shape: [1, 3, height, width] }
  }
}

function roundUp(value: number, multiple: number): number {
  return Math.max(multiple, Math.ceil(value / multiple) * multiple)
}
