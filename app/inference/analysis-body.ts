import { assert } from "../base/assert.ts"
import type { AnalyzedFace, FaceChip } from "../face/face.ts"
import type { ImageSize, Point } from "../face/geometry.ts"
import type { EngineRun, FromEngine, StageTimings, WireChip } from "./wire.ts"

/**
 * How an answer travels from an engine to the parent. The header says how many faces there are and which of them have a chip; the
 * body is the figures of the run and of each face (float64), the embeddings of the embedded ones (float32), the picture of the
 * whole frame, and the chips, each kind in the order of the faces. Figures as text took a third of a millisecond to read.
 */

type Header = Pick<Extract<FromEngine, { kind: "analysis" }>, "faces" | "chips" | "snapshotBytes" | "snapshotMs">

/** What an engine found in a picture, and what it says of its work. */
export interface Found {
  readonly image: ImageSize
  readonly faces: readonly AnalyzedFace[]
  /** JPEG of the whole frame, made smaller. */
  readonly snapshot?: Uint8Array
  readonly timingsMs: StageTimings
  /** Whose process it was its parent knows. */
  readonly run: Omit<EngineRun, "pid">
  /** Memory that the engine holds. */
  readonly residentBytes: number
}

export function packAnalysis(found: Found): Header & { readonly body: Uint8Array } {
  const { faces, snapshot, run } = found
  const figures = new Float64Array(runFiguresCount + faces.length * figuresCount)
  const put = putInto(figures)
  putRunFigures(found, put)
  for (const face of faces) putFigures(face, put)
  const embeddings = faces.flatMap(({ embedding }) => (embedding === undefined ? [] : [bytesOf(embedding)]))
  const chips = faces.flatMap(({ chip }, face) => (chip === undefined ? [] : [toWireChip(chip, face)]))
  const jpegs = faces.flatMap(({ chip }) => (chip === undefined ? [] : [chip.jpeg]))
  const pictures = snapshot === undefined ? jpegs : [snapshot, ...jpegs]
  return {
    faces: faces.length,
    ...(chips.length > 0 && { chips }),
    ...(snapshot && { snapshotBytes: snapshot.length }),
    ...(run.snapshotMs !== undefined && { snapshotMs: run.snapshotMs }),
    body: Buffer.concat([bytesOf(figures), ...embeddings, ...pictures]),
  }
}

/**
 * Pictures are views of `body`, embeddings are copies. Throws when the body is not what the header says.
 * @param dimension values of one embedding
 */
export function unpackAnalysis(header: Header, body: Uint8Array, dimension: number): Found {
  const { faces: count, chips = [], snapshotBytes = 0, snapshotMs } = header
  assert(Number.isSafeInteger(count) && count >= 0, `a number of faces, not ${count}`)
  const figuresBytes = (runFiguresCount + count * figuresCount) * Float64Array.BYTES_PER_ELEMENT
  const embeddingBytes = dimension * Float32Array.BYTES_PER_ELEMENT
  assert(body.length >= figuresBytes, `an analysis of ${figuresBytes} bytes and more, not of ${body.length}`)
  let at = 0
  const next = (bytes: number) => {
    at += bytes
    return body.subarray(at - bytes, at)
  }
  // `slice` of a Buffer is no copy, and numbers start only at multiples of their size.
  const copyNext = (bytes: number) => new Uint8Array(next(bytes)).buffer
  const figures = new Float64Array(copyNext(figuresBytes))
  assert(figures.every(Number.isFinite), "figures of a face are numbers")
  const take = takeFrom(figures)
  const { run, ...ran } = fromRunFigures(take)
  const read = Array.from({ length: count }, () => fromFigures(take))
  const embeddedCount = read.filter(({ embedded }) => embedded).length
  const chipBytes = chips.reduce((sum, { bytes }) => sum + bytes, 0)
  const wantedBytes = figuresBytes + embeddedCount * embeddingBytes + snapshotBytes + chipBytes
  assert(body.length === wantedBytes, `an analysis of ${wantedBytes} bytes, not of ${body.length}`)

  const embeddings = read.map(({ embedded }) => (embedded ? new Float32Array(copyNext(embeddingBytes)) : undefined))
  const snapshot = snapshotBytes > 0 ? next(snapshotBytes) : undefined
  const chipOf = new Map(chips.map(({ face, bytes, ...chip }): [number, FaceChip] => [face, { jpeg: next(bytes), ...chip }]))
  const faces = read.map(({ face }, index): AnalyzedFace => {
    const embedding = embeddings[index]
    const chip = chipOf.get(index)
    return { ...face, ...(embedding && { embedding }), ...(chip && { chip }) }
  })
  return { ...ran, faces, ...(snapshot && { snapshot }), run: { ...run, ...(snapshotMs !== undefined && { snapshotMs }) } }
}

function toWireChip({ jpeg, size, landmarks, detected }: FaceChip, face: number): WireChip {
  const points = { landmarks: toWirePoints(landmarks), ...(detected && { detected: toWirePoints(detected) }) }
  return { face, bytes: jpeg.length, size, ...points }
}

/** The size of the picture, four stages, when the run began and how long it took, the engine's memory. */
const runFiguresCount = 2 + 4 + 2 + 1

type Put = (...values: number[]) => void

function putInto(figures: Float64Array): Put {
  let at = 0
  return (...values) => {
    for (const value of values) figures[at++] = value
  }
}

function putRunFigures({ image, timingsMs: { decode, detect, align, embed }, run, residentBytes }: Found, put: Put): void {
  put(image.width, image.height, decode, detect, align, embed, run.startedAtMs, run.tookMs, residentBytes)
}

type Take = () => number

function takeFrom(figures: Float64Array): Take {
  let at = 0
  return () => figures[at++]!
}

function fromRunFigures(take: Take): Pick<Found, "image" | "timingsMs" | "run" | "residentBytes"> {
  // In the order in which they are written here, which is the order of `putRunFigures`.
  return {
    image: { width: take(), height: take() },
    timingsMs: { decode: take(), detect: take(), align: take(), embed: take() },
    run: { startedAtMs: take(), tookMs: take() },
    residentBytes: take(),
  }
}

/** Of one face: its box, its score, five landmarks, nine figures of quality, whether it is embedded. */
const figuresCount = 4 + 1 + 10 + 9 + 1

/** In the digits that mean something. */
function putFigures({ box, score, landmarks, quality, embedding }: AnalyzedFace, put: Put): void {
  put(round(box.x, 2), round(box.y, 2), round(box.width, 2), round(box.height, 2), round(score, 4))
  for (const [x, y] of landmarks) put(round(x, 2), round(y, 2))
  put(round(quality.score, 3), round(quality.faceWidthPx, 1), round(quality.eyeDistancePx, 1))
  put(round(quality.brightness, 3), round(quality.contrast, 3), round(quality.sharpness, 3))
  put(round(quality.yaw, 1), round(quality.pitch, 1), round(quality.roll, 1))
  put(embedding === undefined ? 0 : 1)
}

function fromFigures(take: Take): { readonly face: Omit<AnalyzedFace, "embedding" | "chip">; readonly embedded: boolean } {
  const takePoint = (): Point => [take(), take()]
  // As above: in the order of `putFigures`.
  return {
    face: {
      box: { x: take(), y: take(), width: take(), height: take() },
      score: take(),
      landmarks: [takePoint(), takePoint(), takePoint(), takePoint(), takePoint()],
      quality: {
        score: take(),
        faceWidthPx: take(),
        eyeDistancePx: take(),
        brightness: take(),
        contrast: take(),
        sharpness: take(),
        yaw: take(),
        pitch: take(),
        roll: take(),
      },
    },
    embedded: take() === 1,
  }
}

function toWirePoints([leftEye, rightEye, nose, leftMouth, rightMouth]: AnalyzedFace["landmarks"]): WireChip["landmarks"] {
  const rounded = ([x, y]: Point): [number, number] => [round(x, 2), round(y, 2)]
  return [rounded(leftEye), rounded(rightEye), rounded(nose), rounded(leftMouth), rounded(rightMouth)]
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits
  return Math.round(value * factor) / factor
}
