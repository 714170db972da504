import { assert } from "../base/assert.ts"
import type { AnalyzedFace, FaceChip } from "../face/face.ts"
import type { Point } from "../face/geometry.ts"
import type { FromEngine, WireFace } from "./wire.ts"

/**
 * How faces travel from an engine to the parent. The header says how many there are and which of them have an embedding or a chip;
 * the body is the figures of all faces (float64), the embeddings of the embedded ones (float32), the picture of the whole frame,
 * and the chips, each kind in the order of the faces. Figures as text took a third of a millisecond to read.
 */

type Header = Pick<Extract<FromEngine, { kind: "analysis" }>, "faces" | "snapshotBytes">

/** What an engine found in a picture. */
export interface Found {
  readonly faces: readonly AnalyzedFace[]
  /** JPEG of the whole frame, made smaller. */
  readonly snapshot?: Uint8Array
}

export function packAnalysis({ faces, snapshot }: Found): Header & { readonly body: Uint8Array } {
  const figures = Float64Array.from(faces.flatMap(toFigures))
  const embeddings = faces.flatMap(({ embedding }) => (embedding === undefined ? [] : [bytesOf(embedding)]))
  const chips = faces.flatMap(({ chip }) => (chip === undefined ? [] : [chip.jpeg]))
  const pictures = snapshot === undefined ? chips : [snapshot, ...chips]
  return {
    faces: faces.map(toWire),
    ...(snapshot && { snapshotBytes: snapshot.length }),
    body: Buffer.concat([bytesOf(figures), ...embeddings, ...pictures]),
  }
}

/**
 * Pictures are views of `body`, embeddings are copies. Throws when the body is not what the header says.
 * @param dimension values of one embedding
 */
export function unpackAnalysis({ faces, snapshotBytes = 0 }: Header, body: Uint8Array, dimension: number): Found {
  const figuresBytes = figuresCount * Float64Array.BYTES_PER_ELEMENT
  const embeddingBytes = dimension * Float32Array.BYTES_PER_ELEMENT
  const embeddedCount = faces.filter(({ embedded }) => embedded).length
  const chipBytes = faces.reduce((sum, { chip }) => sum + (chip?.bytes ?? 0), 0)
  const wantedBytes = faces.length * figuresBytes + embeddedCount * embeddingBytes + snapshotBytes + chipBytes
  assert(body.length === wantedBytes, `an analysis of ${wantedBytes} bytes, not of ${body.length}`)

  let at = 0
  const next = (bytes: number) => {
    at += bytes
    return body.subarray(at - bytes, at)
  }
  // `slice` of a Buffer is no copy, and numbers start only at multiples of their size.
  const copyNext = (bytes: number) => new Uint8Array(next(bytes)).buffer
  const figures = new Float64Array(copyNext(faces.length * figuresBytes))
  assert(figures.every(Number.isFinite), "figures of a face are numbers")
  const vectors = faces.map(({ embedded }) => (embedded ? new Float32Array(copyNext(embeddingBytes)) : undefined))
  const snapshot = snapshotBytes > 0 ? next(snapshotBytes) : undefined
  const found = faces.map(({ chip }, index): AnalyzedFace => {
    const embedding = vectors[index]
    const face = fromFigures(figures.subarray(index * figuresCount, (index + 1) * figuresCount))
    return { ...face, ...(embedding && { embedding }), ...(chip && { chip: unpackChip(chip, next(chip.bytes)) }) }
  })
  return { faces: found, ...(snapshot && { snapshot }) }
}

function unpackChip({ bytes: _bytes, ...chip }: NonNullable<WireFace["chip"]>, jpeg: Uint8Array): FaceChip {
  return { jpeg, ...chip }
}

function toWire({ embedding, chip }: AnalyzedFace): WireFace {
  return {
    embedded: embedding !== undefined,
    ...(chip && { chip: toWireChip(chip) }),
  }
}

function toWireChip({ jpeg, size, landmarks, detected }: FaceChip): NonNullable<WireFace["chip"]> {
  const points = { landmarks: toWirePoints(landmarks), ...(detected && { detected: toWirePoints(detected) }) }
  return { bytes: jpeg.length, size, ...points }
}

/** Of one face: its box, its score, five landmarks, nine figures of quality. */
const figuresCount = 4 + 1 + 10 + 9

/** In the digits that mean something. */
function toFigures({ box, score, landmarks, quality }: AnalyzedFace): number[] {
  return [
    ...[box.x, box.y, box.width, box.height].map((value) => round(value, 2)),
    round(score, 4),
    ...toWirePoints(landmarks).flat(),
    round(quality.score, 3),
    round(quality.faceWidthPx, 1),
    round(quality.eyeDistancePx, 1),
    ...[quality.brightness, quality.contrast, quality.sharpness].map((value) => round(value, 3)),
    ...[quality.yaw, quality.pitch, quality.roll].map((value) => round(value, 1)),
  ]
}

function fromFigures(figures: Float64Array): Omit<AnalyzedFace, "embedding" | "chip"> {
  let at = 0
  const next = () => figures[at++]!
  const nextPoint = (): Point => [next(), next()]
  // In the order in which they are written here, which is the order of `toFigures`.
  return {
    box: { x: next(), y: next(), width: next(), height: next() },
    score: next(),
    landmarks: [nextPoint(), nextPoint(), nextPoint(), nextPoint(), nextPoint()],
    quality: {
      score: next(),
      faceWidthPx: next(),
      eyeDistancePx: next(),
      brightness: next(),
      contrast: next(),
      sharpness: next(),
      yaw: next(),
      pitch: next(),
      roll: next(),
    },
  }
}

function toWirePoints([leftEye, rightEye, nose, leftMouth, rightMouth]: AnalyzedFace["landmarks"]): WirePoints {
  const rounded = ([x, y]: Point): [number, number] => [round(x, 2), round(y, 2)]
  return [rounded(leftEye), rounded(rightEye), rounded(nose), rounded(leftMouth), rounded(rightMouth)]
}

type WirePoints = NonNullable<WireFace["chip"]>["landmarks"]

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits
  return Math.round(value * factor) / factor
}
