/** An upright picture in memory: red, green, blue, red, … row after row without gaps, 0..255, `width × height × 3` bytes. */
export interface Pixels {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
}

/** How pixel values enter a network: (value − mean) / scale, per channel in the order of `colour`. */
export interface PixelScaling {
  readonly colour: "rgb" | "bgr"
  readonly mean: readonly [number, number, number]
  readonly scale: readonly [number, number, number]
}

/** Where one colour of the picture goes in a planar tensor, and how: `tensor[start + i] = value * factor + bias`. */
export interface Plane {
  readonly start: number
  readonly factor: number
  readonly bias: number
}

export interface Planes {
  readonly red: Plane
  readonly green: Plane
  readonly blue: Plane
}

/**
 * The planes of one picture in a tensor of shape [n, 3, height, width].
 * @param start index of the picture's first value in the tensor
 * @param planePx height × width
 */
export function planesOf({ colour, mean, scale }: PixelScaling, start: number, planePx: number): Planes {
  const plane = (channel: 0 | 1 | 2): Plane => ({
    start: start + channel * planePx,
    factor: 1 / scale[channel],
    bias: -mean[channel] / scale[channel],
  })
  const [first, second, third] = [plane(0), plane(1), plane(2)]
  return colour === "rgb" ? { red: first, green: second, blue: third } : { red: third, green: second, blue: first }
}
