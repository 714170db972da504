import { parseSpace, type Space } from "../face/embedding.ts"
import type { FaceChip } from "../face/face.ts"
import type { Point } from "../face/geometry.ts"
import type { Quality } from "../face/quality.ts"
import { type ByteReader, createByteReader, createByteWriter } from "./bytes.ts"
import { type PersonDetails, readPerson, writePerson } from "./person.ts"
import { contentBytesMax } from "./record.ts"

/**
 * What a `put` says of its entity, the first byte telling which. A face may bring the person along as known when it was enrolled:
 * then one record is the whole enrolment. A record of the person itself, once there is one, goes before.
 */
export type Content = PersonContent | FaceContent | ChipContent

export interface PersonContent {
  readonly about: "person"
  readonly person: PersonDetails
}

export interface FaceContent {
  readonly about: "face"
  readonly space: Space
  readonly source: "picture" | "vector"
  /** As `shrink` gives it; as many parts as the space has dimensions. */
  readonly vector: Int8Array
  /** Rounded: shares to 1/255, pixels and degrees to whole ones. */
  readonly quality?: Quality
  readonly person?: PersonDetails
}

export interface ChipContent {
  readonly about: "chip"
  readonly chip: FaceChip
}

const personCode = 1
const faceCode = 2
const chipCode = 3
const jpegBytesMax = contentBytesMax - 1024
const sizePxMax = 4096
const vectorBytesMax = 8192
/** Beside the code of a face. */
const sourceBit = 16
const qualityBit = 32
const personBit = 64

export function encodeContent(content: Content): Uint8Array {
  const writer = createByteWriter()
  if (content.about === "person") {
    writer.uint(personCode, 1)
    writePerson(writer, content.person)
  } else if (content.about === "face") {
    const { space, source, vector, quality, person } = content
    const flags = (source === "picture" ? sourceBit : 0) | (quality ? qualityBit : 0) | (person ? personBit : 0)
    const [name = "", digest = ""] = space.slice(0, space.lastIndexOf("/")).split("@")
    writer.uint(faceCode | flags, 1)
    writer.text(name)
    writer.raw(Uint8Array.fromHex(digest))
    writer.block(new Uint8Array(vector.buffer, vector.byteOffset, vector.length))
    if (quality) writeQuality(writer, quality)
    if (person) writePerson(writer, person)
  } else {
    const { jpeg, size, landmarks, detected } = content.chip
    writer.uint(chipCode, 1)
    writer.varint(Math.round(size.width))
    writer.varint(Math.round(size.height))
    writer.uint(detected ? 1 : 0, 1)
    for (const point of [...landmarks, ...(detected ?? [])]) writer.raw(new Uint8Array(Float32Array.from(point).buffer))
    writer.block(jpeg)
  }
  return writer.done()
}

/** `undefined` for what is no content, or of a newer version. The bytes are sealed and signed, and read with the same care. */
export function parseContent(bytes: Uint8Array): Content | undefined {
  const reader = createByteReader(bytes)
  const first = reader.uint(1)
  const content = isFace(first)
    ? face(reader, first)
    : first === personCode
      ? person(reader)
      : first === chipCode
        ? chip(reader)
        : undefined
  return reader.isSoundToTheEnd() ? content : undefined
}

function person(reader: ByteReader): PersonContent | undefined {
  const details = readPerson(reader)
  return details && { about: "person", person: details }
}

const isFace = (first: number) => (first & ~(sourceBit | qualityBit | personBit)) === faceCode

function face(reader: ByteReader, flags: number): FaceContent | undefined {
  const [name, digest] = [reader.text(200), reader.raw(4).toHex()]
  const block = reader.block(vectorBytesMax)
  // A copy of its own: what it was read from is much longer.
  const vector = new Int8Array(block.buffer, block.byteOffset, block.length).slice()
  const space = parseSpace(`${name}@${digest}/${vector.length}`)
  const quality = flags & qualityBit ? readQuality(reader) : undefined
  const details = flags & personBit ? readPerson(reader) : undefined
  if (space === undefined || (flags & personBit && details === undefined)) return undefined
  return {
    about: "face",
    space,
    source: flags & sourceBit ? "picture" : "vector",
    vector,
    ...(quality && { quality }),
    ...(details && { person: details }),
  }
}

function chip(reader: ByteReader): ChipContent | undefined {
  const size = { width: reader.bounded(sizePxMax), height: reader.bounded(sizePxMax) }
  const hasDetected = reader.uint(1)
  const landmarks = readLandmarks(reader)
  const detected = hasDetected === 1 ? readLandmarks(reader) : undefined
  const jpeg = reader.block(jpegBytesMax)
  const points = [...landmarks, ...(detected ?? [])]
  if (hasDetected > 1 || size.width === 0 || size.height === 0 || !points.flat().every(Number.isFinite)) return undefined
  return { about: "chip", chip: { jpeg, size, landmarks, ...(detected && { detected }) } }
}

function writeQuality(writer: ReturnType<typeof createByteWriter>, quality: Quality): void {
  for (const share of [quality.score, quality.brightness, quality.contrast, quality.sharpness])
    writer.uint(Math.round(clamp(share, 0, 1) * 255), 1)
  for (const px of [quality.faceWidthPx, quality.eyeDistancePx]) writer.varint(Math.round(clamp(px, 0, 2 ** 20)))
  for (const degrees of [quality.yaw, quality.pitch, quality.roll]) writer.uint(Math.round(clamp(degrees, -127, 127)) + 128, 1)
}

function readQuality(reader: ByteReader): Quality {
  const share = () => reader.uint(1) / 255
  const [score, brightness, contrast, sharpness] = [share(), share(), share(), share()]
  const [faceWidthPx, eyeDistancePx] = [reader.bounded(2 ** 20), reader.bounded(2 ** 20)]
  const degrees = () => reader.uint(1) - 128
  const [yaw, pitch, roll] = [degrees(), degrees(), degrees()]
  return { score, faceWidthPx, eyeDistancePx, brightness, contrast, sharpness, yaw, pitch, roll }
}

const clamp = (value: number, min: number, max: number) => Math.max(min, Math.min(max, value))

function readFloat(reader: ByteReader): number {
  const bytes = reader.raw(4)
  return bytes.length < 4 ? Number.NaN : new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true)
}

function readPoint(reader: ByteReader): Point {
  return [readFloat(reader), readFloat(reader)]
}

function readLandmarks(reader: ByteReader): FaceChip["landmarks"] {
  return [readPoint(reader), readPoint(reader), readPoint(reader), readPoint(reader), readPoint(reader)]
}
