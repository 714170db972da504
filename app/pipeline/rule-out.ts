import { assert, unreachable } from "../base/assert.ts"
import type { Sighting, Sightings } from "../events/sighting.ts"
import type { Space } from "../face/embedding.ts"
import type { AnalyzedFace, DetectedFace } from "../face/face.ts"
import type { Box } from "../face/geometry.ts"
import type { Also, Gallery } from "../gallery/gallery.ts"
import type { AddedImpostor } from "../gallery/impostors.ts"
import { type Analyze, type LookOptions, lookAt, type NoAnalysis } from "./analyze.ts"
import { type FaceRule, type SubjectFace, subjectFace } from "./subject-face.ts"
import { type GivenVector, readVector, type VectorRefusal } from "./vector.ts"

/** The face that is not the subject's. */
export type RuledOut =
  | { readonly kind: "picture"; readonly picture: Uint8Array }
  | ({ readonly kind: "vector" } & GivenVector)
  /** `face`: its place in the sighting; when not said, the one that was taken for the subject. */
  | { readonly kind: "sighting"; readonly sightingId: string; readonly face?: number | undefined }

export interface RuleOutNeeds {
  readonly analyze: Analyze
  readonly sightings: Pick<Sightings, "get" | "snapshot">
  readonly add: Gallery["impostors"]["add"]
  /** The space the engines embed into. */
  readonly space: Space
  /** Runs in the transaction that adds it. */
  readonly created?: Also
}

export interface RuleOutOptions extends LookOptions {
  readonly faces: FaceRule
}

export type RuleOut =
  | AddedImpostor
  | Exclude<SubjectFace, { kind: "face" }>
  | NoAnalysis
  | VectorRefusal
  /** There is no such sighting, no picture was kept of it, or the face asked for is not found in it. */
  | { readonly kind: "no_sighting"; readonly why: string }

/** “This is not X”: from now on a face that is nearer to the given one than to X is not taken for X. */
export async function ruleOut(
  given: RuledOut,
  subjectId: string,
  needs: RuleOutNeeds,
  options: RuleOutOptions,
): Promise<RuleOut> {
  const found = await vectorOf(given, subjectId, needs, options)
  if (found.kind !== "found") return found
  return needs.add({ subjectId, space: needs.space, source: given.kind, vector: found.vector }, needs.created)
}

type Found =
  | { readonly kind: "found"; readonly vector: Float32Array }
  | Exclude<RuleOut, { kind: "added" | "no_subject" | "too_many" }>

async function vectorOf(given: RuledOut, subjectId: string, needs: RuleOutNeeds, options: RuleOutOptions): Promise<Found> {
  switch (given.kind) {
    case "vector": {
      const read = readVector(given, needs.space)
      return read.kind === "ok" ? { kind: "found", vector: read.embedding.vector } : read
    }
    case "picture": {
      const analysis = await lookAt(given.picture, needs, "largest", options)
      if (analysis.kind !== "ok") return analysis
      const found = subjectFace(analysis.faces, options.faces)
      return found.kind === "face" ? embedded(found.face) : found
    }
    case "sighting":
      return vectorOfSighting(given.sightingId, given.face, subjectId, needs, options)
    default:
      return unreachable(given)
  }
}

/** The frame as it was kept is looked at once more, and the face is found where it was seen. */
async function vectorOfSighting(
  id: string,
  place: number | undefined,
  subjectId: string,
  needs: RuleOutNeeds,
  options: RuleOutOptions,
): Promise<Found> {
  const sighting = needs.sightings.get(id)
  const snapshot = sighting && needs.sightings.snapshot(id)
  if (sighting === undefined) return { kind: "no_sighting", why: `there is no sighting ${id}; it may have been deleted` }
  if (snapshot === undefined) return { kind: "no_sighting", why: `no picture is kept of the sighting ${id}` }
  const seen = place === undefined ? takenFor(sighting, subjectId) : sighting.faces[place]
  if (seen === undefined)
    return { kind: "no_sighting", why: "no face of the sighting was taken for this subject; say which is meant by `face`" }

  // Snapshots are smaller than frames, and so are the faces in them.
  const longest = Math.max(...sighting.faces.map(({ box }) => box.width))
  const faceWidthPxMin = Math.max(snapshotFaceWidthPxMin, Math.floor(((seen.box.width / longest) * options.faceWidthPxMin) / 2))
  const analysis = await lookAt(snapshot, needs, "all", { ...options, faceWidthPxMin })
  if (analysis.kind !== "ok") return analysis
  const scale = analysis.image.width / sighting.image.width
  const face = nearestTo(analysis.faces, scaled(seen.box, scale))
  return face === undefined
    ? { kind: "no_sighting", why: "the face is not found again in the picture that was kept; send a picture of it" }
    : embedded(face)
}

/** Below it a face tells nobody apart. */
const snapshotFaceWidthPxMin = 16
const overlapMin = 0.3

const takenFor = ({ faces }: Sighting, subjectId: string) => faces.find((face) => face.subjectId === subjectId)

function nearestTo(faces: readonly AnalyzedFace[], where: Box): AnalyzedFace | undefined {
  const best = faces.toSorted((a, b) => overlap(b, where) - overlap(a, where))[0]
  return best !== undefined && overlap(best, where) >= overlapMin ? best : undefined
}

/** Shared area in shares of the area of both. */
function overlap({ box }: DetectedFace, where: Box): number {
  const width = Math.min(box.x + box.width, where.x + where.width) - Math.max(box.x, where.x)
  const height = Math.min(box.y + box.height, where.y + where.height) - Math.max(box.y, where.y)
  if (width <= 0 || height <= 0) return 0
  return (width * height) / (box.width * box.height + where.width * where.height - width * height)
}

function scaled({ x, y, width, height }: Box, factor: number): Box {
  return { x: x * factor, y: y * factor, width: width * factor, height: height * factor }
}

function embedded({ embedding }: AnalyzedFace): Found {
  assert(embedding !== undefined, "an engine asked to embed a face embeds it")
  return { kind: "found", vector: embedding }
}
