import { assert } from "../base/assert.ts"
import type { AnalyzedFace, FaceChip } from "../face/face.ts"
import type { Point } from "../face/geometry.ts"
import type { FromEngine, WireFace } from "./wire.ts"

/**
 * How faces travel from an engine to the parent: figures in the header, in the digits that mean something; bytes in the body.
 * The body is the embeddings of the embedded faces (float32), then the picture of the whole frame, then the chips, each kind in
 * the order of the faces.
 */

type Header = Pick<Extract<FromEngine, { kind: "analysis" }>, "faces" | "snapshotBytes">

/** What an engine found in a picture. */
export interface Found {
  readonly faces: readonly AnalyzedFace[]
  /** JPEG of the whole frame, made smaller. */
  readonly snapshot?: Uint8Array
}

export function packAnalysis({ faces, snapshot }: Found): Header & { readonly body: Uint8Array } {
  const embeddings = faces.flatMap(({ embedding }) => (embedding === undefined ? [] : [bytesOf(embedding)]))
  const chips = faces.flatMap(({ chip }) => (chip === undefined ? [] : [chip.jpeg]))
  const pictures = snapshot === undefined ? chips : [snapshot, ...chips]
  return {
    faces: faces.map(toWire),
    ...(snapshot && { snapshotBytes: snapshot.length }),
    body: joined([...embeddings, ...pictures]),
  }
}

/**
 * Pictures are views of `body`, embeddings are copies. Throws when the body is not what the header says.
 * @param dimension values of one embedding
 */
export function unpackAnalysis({ faces, snapshotBytes = 0 }: Header, body: Uint8Array, dimension: number): Found {
  const embeddingBytes = dimension * Float32Array.BYTES_PER_ELEMENT
  const embeddedCount = faces.filter(({ embedded }) => embedded).length
  const chipBytes = faces.reduce((sum, { chip }) => sum + (chip?.bytes ?? 0), 0)
  const wantedBytes = embeddedCount * embeddingBytes + snapshotBytes + chipBytes
  assert(body.length === wantedBytes, `an analysis of ${wantedBytes} bytes, not of ${body.length}`)

  let at = 0
  const next = (bytes: number) => {
    at += bytes
    return body.subarray(at - bytes, at)
  }
  // `slice` of a Buffer is no copy, and floats start only at multiples of four.
  const vectors = faces.map(({ embedded }) =>
    embedded ? new Float32Array(new Uint8Array(next(embeddingBytes)).buffer) : undefined,
  )
  const snapshot = snapshotBytes > 0 ? next(snapshotBytes) : undefined
  const found = faces.map(({ embedded: _, chip, ...face }, index): AnalyzedFace => {
    const embedding = vectors[index]
    return { ...face, ...(embedding && { embedding }), ...(chip && { chip: unpackChip(chip, next(chip.bytes)) }) }
  })
  return { faces: found, ...(snapshot && { snapshot }) }
}

function unpackChip({ size, landmarks }: NonNullable<WireFace["chip"]>, jpeg: Uint8Array): FaceChip {
  return { jpeg, size, landmarks }
}

function toWire({ embedding, box, score, landmarks, quality, chip }: AnalyzedFace): WireFace {
  return {
    box: { x: round(box.x, 2), y: round(box.y, 2), width: round(box.width, 2), height: round(box.height, 2) },
    score: round(score, 4),
    landmarks: toWirePoints(landmarks),
    quality: {
      score: round(quality.score, 3),
      faceWidthPx: round(quality.faceWidthPx, 1),
      eyeDistancePx: round(quality.eyeDistancePx, 1),
      brightness: round(quality.brightness, 3),
      contrast: round(quality.contrast, 3),
      sharpness: round(quality.sharpness, 3),
      yaw: round(quality.yaw, 1),
      pitch: round(quality.pitch, 1),
      roll: round(quality.roll, 1),
    },
    embedded: embedding !== undefined,
    ...(chip && { chip: { bytes: chip.jpeg.length, size: chip.size, landmarks: toWirePoints(chip.landmarks) } }),
  }
}

function toWirePoints([leftEye, rightEye, nose, leftMouth, rightMouth]: AnalyzedFace["landmarks"]): WireFace["landmarks"] {
  const rounded = ([x, y]: Point): [number, number] => [round(x, 2), round(y, 2)]
  return [rounded(leftEye), rounded(rightEye), rounded(nose), rounded(leftMouth), rounded(rightMouth)]
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits
  return Math.round(value * factor) / factor
}
