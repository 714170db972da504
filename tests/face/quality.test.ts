import { describe, expect, test } from "bun:test"
import { apply, type Similarity } from "../../app/face/align.ts"
import type { DetectedFace } from "../../app/face/face.ts"
import type { Landmarks } from "../../app/face/geometry.ts"
import type { Pixels } from "../../app/face/pixels.ts"
import { estimatePose, measureQuality } from "../../app/face/quality.ts"

/** A head in three dimensions, in distances between the eyes: x to the image's right, y down, z towards the camera. */
const head = [
  [-0.5, 0, 0],
  [0.5, 0, 0],
  [0, 0.63, 0.5],
  [-0.42, 1.13, 0],
  [0.42, 1.13, 0],
] as const

describe("the pose of a turned head", () => {
  test.each([
    { yaw: 0, pitch: 0, roll: 0 },
    { yaw: 30, pitch: 0, roll: 0 },
    { yaw: -45, pitch: 0, roll: 0 },
    { yaw: 0, pitch: 20, roll: 0 },
    { yaw: 0, pitch: -20, roll: 0 },
    { yaw: 0, pitch: 0, roll: 35 },
    { yaw: 25, pitch: 0, roll: -50 },
  ])("%o", ({ yaw, pitch, roll }) => {
    const pose = estimatePose(seen(yaw, pitch, roll))
    expect(Math.abs(pose.roll - roll)).toBeLessThan(1)
    expect(Math.abs(pose.yaw - yaw)).toBeLessThan(3)
    expect(Math.abs(pose.pitch - pitch)).toBeLessThan(6)
  })
})

describe("figures and score", () => {
  const clear = measureQuality(drawn({}), faceAt(100))

  test("of a clear frontal face", () => {
    expect(clear.score).toBeGreaterThan(0.6)
    expect(clear.faceWidthPx).toBe(100)
    expect(clear.eyeDistancePx).toBeCloseTo(45, 5)
  })

  test.each([
    ["blurred", drawn({ blurPx: 40 }), faceAt(100), "sharpness"],
    ["in the dark", drawn({ light: 0.05 }), faceAt(100), "brightness"],
    ["without contrast", drawn({ contrast: 0.03 }), faceAt(100), "contrast"],
    ["tiny", drawn({}), faceAt(14), "faceWidthPx"],
  ] as const)("a face that is %s scores low, and the figure says why", (_, picture, face, figure) => {
    const quality = measureQuality(picture, face)
    expect(quality.score).toBeLessThan(0.3)
    expect(quality[figure]).toBeLessThan(clear[figure] / 2)
  })

  test("a profile scores low", () => {
    const profile = { ...faceAt(100), landmarks: moved(seen(65, 0, 0), 45, 150, 120) }
    expect(measureQuality(drawn({}), profile).score).toBeLessThan(0.3)
  })

  test("every figure is a number, whatever is claimed to be a face", () => {
    const nowhere = { box: { x: 0, y: 0, width: 0, height: 0 }, score: 0, landmarks: Array(5).fill([1e6, -1e6]) }
    for (const figure of Object.values(measureQuality(drawn({}), nowhere as unknown as DetectedFace))) {
      expect(Number.isFinite(figure)).toBe(true)
    }
  })
})

/** The head turned about its own axes and seen from far away, in distances between the eyes. */
function seen(yaw: number, pitch: number, roll: number): Landmarks {
  const [cy, sy, cp, sp] = [cos(yaw), sin(yaw), cos(pitch), sin(pitch)]
  const flat = head.map(([x, y, z]) => {
    // Nodding down brings what is in front down; turning to the right brings it to the right.
    const nodded = { y: y * cp + z * sp, z: z * cp - y * sp }
    return [x * cy + nodded.z * sy, nodded.y]
  })
  return moved(flat as unknown as Landmarks, 1, 0, 0, roll)
}

function faceAt(widthPx: number): DetectedFace {
  const eyesPx = widthPx * 0.45
  return {
    box: { x: 150 - widthPx / 2, y: 120 - widthPx * 0.4, width: widthPx, height: widthPx * 1.25 },
    score: 0.9,
    landmarks: moved(seen(0, 0, 0), eyesPx, 150, 120),
  }
}

function moved(points: Landmarks, size: number, tx: number, ty: number, angle = 0): Landmarks {
  const by: Similarity = { a: size * cos(angle), b: size * sin(angle), tx, ty }
  return points.map((point) => apply(by, point)) as unknown as Landmarks
}

/** Stripes that end in edges, or in slopes `blurPx` wide. */
function drawn({ blurPx = 1, light = 0.5, contrast = 0.4 }): Pixels {
  const [width, height, periodPx] = [300, 300, 80]
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const phase = ((x + y / 3) % periodPx) - periodPx / 2
      const edge = Math.max(-1, Math.min(1, (Math.abs(phase) - periodPx / 4) / (blurPx / 2)))
      data.fill(Math.max(0, 255 * light * (1 + contrast * edge)), (y * width + x) * 3, (y * width + x) * 3 + 3)
    }
  }
  return { data, width, height }
}

function cos(angle: number): number {
  return Math.cos((angle * Math.PI) / 180)
}

function sin(angle: number): number {
  return Math.sin((angle * Math.PI) / 180)
}
