import { nowTickMs } from "../../app/base/ticks.ts"
import type { Space } from "../../app/face/embedding.ts"
import type { AnalyzedFace, FaceChip } from "../../app/face/face.ts"
import type { Analyze } from "../../app/pipeline/analyze.ts"

/**
 * Pictures for tests in which no network is at stake: JSON that says who is on them, and a reader in the place of the engines
 * that keeps to the engines' word: largest first, none below the asked width, embeddings as asked.
 */
export interface PaintedFace {
  /** A face of the same person has nearly the same vector. */
  readonly person: string
  readonly widthPx?: number
  readonly qualityScore?: number
  /** Cosine of this face's vector and the person's own, 1 when not said. */
  readonly likeness?: number
}

const dimension = 64
export const paintedSpace = `painted@00000000/${dimension}` as Space

export function paint(...faces: readonly PaintedFace[]): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify({ painted: faces }))
}

/** The frame as an engine would keep it, a tenth of its size: 64 × 48 pixels, all of one colour. */
export const paintedSnapshot = Uint8Array.fromBase64(
  "/9j/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYV" +
    "FSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAwAEADASIAAhEBAxEB/8QAFQABAQAA" +
    "AAAAAAAAAAAAAAAAAAT/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFQEBAQAAAAAAAAAAAAAAAAAAAAP/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oA" +
    "DAMBAAIRAxEAPwC4BZEAAAAAAAAAAAAAAAAAAAAAB//Z",
)

export const readPainted: Analyze = async ({
  picture,
  options: { faceWidthPxMin, facesMax, embed, chips, snapshot },
  deadlineTickMs,
}) => {
  if (nowTickMs() >= deadlineTickMs) return { kind: "expired", retryAfterS: 1 }
  const text = new TextDecoder().decode(picture)
  if (!text.startsWith(`{"painted":`)) return { kind: "refused", reason: "unsupported_media_type", why: "not painted" }
  if (!text.endsWith("}")) return { kind: "refused", reason: "bad_image", why: "cut off" }
  const { painted } = JSON.parse(text) as { painted: PaintedFace[] }
  const faces = painted
    .map((face) => ({ widthPx: 100, ...face }))
    .filter(({ widthPx }) => widthPx >= faceWidthPxMin)
    .toSorted((a, b) => b.widthPx - a.widthPx)
    .slice(0, facesMax)
    .map((face, i) => toFace(face, embed === "all" || (embed === "largest" && i === 0), chips === true))
  return {
    kind: "ok",
    image: { width: 640, height: 480 },
    faces,
    timingsMs: { wait: 0, decode: 1, detect: 1, align: 1, embed: 1 },
    degraded: [],
    ...(snapshot !== undefined && faces.length > 0 ? { snapshot: paintedSnapshot } : {}),
  }
}

function toFace(
  { person, widthPx, qualityScore = 0.9, likeness = 1 }: PaintedFace & { widthPx: number },
  embed: boolean,
  withChip: boolean,
): AnalyzedFace {
  const face: AnalyzedFace = {
    box: { x: 10, y: 10, width: widthPx, height: widthPx },
    score: 0.99,
    landmarks: [
      [30, 40],
      [70, 40],
      [50, 60],
      [35, 80],
      [65, 80],
    ],
    quality: {
      score: qualityScore,
      faceWidthPx: widthPx,
      eyeDistancePx: widthPx / 2,
      brightness: 0.5,
      contrast: 0.2,
      sharpness: 0.6,
      yaw: 0,
      pitch: 0,
      roll: 0,
    },
  }
  if (!embed) return face
  const embedding = personVector(person, likeness)
  return withChip ? { ...face, embedding, chip: paintedChip(person) } : { ...face, embedding }
}

/** What an engine would cut out of the picture; the bytes tell whose face it is. */
export function paintedChip(person: string): FaceChip {
  return {
    jpeg: new TextEncoder().encode(`chip of ${person}`),
    size: { width: 256, height: 256 },
    landmarks: [
      [100, 110],
      [156, 110],
      [128, 140],
      [105, 165],
      [151, 165],
    ],
  }
}

/** A unit vector with the cosine `likeness` to the person's own. Those of different people are nearly at right angles. */
export function personVector(person: string, likeness = 1): Float32Array {
  const own = noise(person)
  const across = withoutPart(noise(`not ${person}`), own)
  const beside = Math.sqrt(1 - likeness ** 2)
  return Float32Array.from(own, (part, i) => part * likeness + (across[i] ?? 0) * beside)
}

function noise(text: string): number[] {
  return unit(Array.from({ length: dimension }, (_, i) => Number(Bun.hash.wyhash(`${text} ${i}`)) / 2 ** 64 - 0.5))
}

/** What of `parts` is at right angles to the unit vector `axis`, as a unit vector. */
function withoutPart(parts: readonly number[], axis: readonly number[]): number[] {
  const along = parts.reduce((sum, part, i) => sum + part * (axis[i] ?? 0), 0)
  return unit(parts.map((part, i) => part - along * (axis[i] ?? 0)))
}

function unit(parts: readonly number[]): number[] {
  const length = Math.hypot(...parts)
  return parts.map((part) => part / length)
}
