/** Pixels of the upright picture, origin at the top left, x to the right. */
export type Point = readonly [x: number, y: number]

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Image-left eye, image-right eye, nose tip, image-left and image-right corner of the mouth. */
export type Landmarks = readonly [Point, Point, Point, Point, Point]

export interface ImageSize {
  readonly width: number
  readonly height: number
}

/** The mean of at least one point. */
export function centreOf(points: readonly Point[]): Point {
  let x = 0
  let y = 0
  for (const point of points) {
    x += point[0]
    y += point[1]
  }
  return [x / points.length, y / points.length]
}
