import { createHash } from "node:crypto"
import { pictureRefusals } from "../inference/wire.ts"
import type { LookAlike } from "../pipeline/look-alikes.ts"
import type { GivenVector } from "../pipeline/vector.ts"

/** Why an item of a job was left out. */
export const refusals = [
  /** The picture lies in no folder that names a person, or deeper than that. */
  "no_person",
  /** A line that is not what one is. */
  "bad_line",
  /** Not to be had from the archive: damaged, encrypted, packed in a way nobody here knows. */
  "unreadable",
  ...pictureRefusals,
  "no_face",
  "several_faces",
  "low_quality",
  "wrong_space",
  "bad_vector",
  /** Several people of the gallery are called so. */
  "ambiguous_name",
  /** The gallery refuses what is said of the person. */
  "not_added",
  /** The engines were lost over this picture again and again. */
  "unavailable",
] as const
export type Refusal = (typeof refusals)[number]

/** Everything that can become of an item. */
export const results = ["enrolled", "duplicate", ...refusals] as const
export type ItemResult = (typeof results)[number]

/** Whose picture it is, as the source says it. */
export interface PersonKey {
  readonly name: string
  /** Stronger than the name: the person of this id is meant, whatever their name. */
  readonly externalId?: string | undefined
}

export type Content =
  | { readonly kind: "picture"; readonly bytes: Uint8Array }
  | { readonly kind: "vector"; readonly given: GivenVector }
  | { readonly kind: "refused"; readonly reason: Refusal; readonly why: string }

/** One picture or vector of somebody. */
export interface Item {
  /** From 0 on, in the order of the source: the same at every walk through it. */
  readonly position: number
  /** Name of the file, or number of the line, for the report. */
  readonly file: string
  /** Absent when the source does not tell whose it is. */
  readonly person: PersonKey | undefined
  readonly content: Content
}

/** `broken`: the rest cannot be read, and nothing comes after. */
export type Told = ({ readonly kind: "item" } & Item) | { readonly kind: "broken"; readonly why: string }

export type Survey =
  | { readonly kind: "ok"; readonly items: number }
  /** Hostile, damaged, or nothing in it. `why` is for whoever sent it. */
  | { readonly kind: "failed"; readonly why: string }

/** A folder, an archive, a file of lines: walked in order, as often as needed, never held in memory whole. */
export interface Source {
  /** Looks through all of it for what would stop it half-way, before anybody is enrolled. */
  survey(signal: AbortSignal): Promise<Survey>
  /** What `isDone` is left out, and not read. To be called after a survey that was `ok`. */
  items(isDone: (position: number) => boolean): AsyncGenerator<Told>
}

/** What became of an item. */
export type Outcome =
  | {
      readonly kind: "enrolled"
      readonly subjectId: string
      readonly faceId: string
      readonly ignoredFaces: number
      readonly lookAlikes: readonly LookAlike[]
    }
  /** The person has a face of the very same picture or vector. */
  | { readonly kind: "duplicate"; readonly subjectId: string; readonly faceId: string }
  | { readonly kind: Refusal; readonly why: string; readonly subjectId?: string | undefined }
  /** The job was told to stop; the item is still to be done. */
  | { readonly kind: "stopped" }

/** SHA-256 of what a face is made from. */
export function checksumOf(content: Exclude<Content, { kind: "refused" }>): Uint8Array {
  const hash = createHash("sha256")
  if (content.kind === "picture") return hash.update(content.bytes).digest()
  const values = Float32Array.from(content.given.values)
  return hash.update(`${content.given.space}\0`).update(new Uint8Array(values.buffer)).digest()
}
