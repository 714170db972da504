import type { Space } from "../face/embedding.ts"
import type { Quality } from "../face/quality.ts"

/** A person in the gallery. */
export interface Subject {
  readonly id: string
  readonly name: string
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly faceCount: number
}

/** One enrolled template of a subject. */
export interface GalleryFace {
  readonly id: string
  readonly subjectId: string
  readonly space: Space
  readonly source: "picture" | "vector"
  /** Absent for faces enrolled as vectors. */
  readonly quality?: Quality
  readonly createdAtMs: number
}

/** A subject near the asked vector with its nearest face; `similarity` is the cosine, exact. */
export interface Candidate {
  readonly subjectId: string
  readonly name: string
  readonly faceId: string
  readonly similarity: number
}

export interface Page<Item> {
  readonly items: readonly Item[]
  /** Give it back as `after` for the next page; absent on the last. */
  readonly next?: string
}

export type AddedFace =
  | { readonly kind: "added"; readonly face: GalleryFace }
  | { readonly kind: "no_subject" }
  /** The vector has another length than its space says, or no direction. */
  | { readonly kind: "bad_vector"; readonly why: string }

export interface NewFace {
  readonly subjectId: string
  readonly space: Space
  readonly vector: Float32Array
  readonly source: "picture" | "vector"
  readonly quality?: Quality
}

export interface SpaceCount {
  readonly space: Space
  readonly faces: number
}

/**
 * People and their faces. Writes return after they are on disk (fsync). A change is seen by the very next `search`, also when
 * another process on this data folder made it.
 */
export interface Gallery {
  createSubject(name: string): Subject
  subject(id: string): Subject | undefined
  /** Exact name; several people may share one. */
  subjectsNamed(name: string): readonly Subject[]
  /** By creation; `limit` ≤ 1000. */
  subjects(limit: number, after?: string): Page<Subject>
  renameSubject(id: string, name: string): Subject | undefined
  /** With all faces. False when there is none of that id. */
  deleteSubject(id: string): boolean
  addFace(face: NewFace): AddedFace
  /** `undefined` when the subject is unknown. */
  facesOf(subjectId: string): readonly GalleryFace[] | undefined
  deleteFace(id: string): boolean
  /** The nearest subjects, best first, at most `count`, each with its nearest face. Never another space's. */
  search(space: Space, vector: Float32Array, count: number): Promise<readonly Candidate[]>
  counts(): { readonly subjects: number; readonly faces: number; readonly spaces: readonly SpaceCount[] }
  indexStatus(): readonly IndexStatus[]
  close(): Promise<void>
}

export interface IndexStatus {
  readonly space: Space
  readonly faces: number
  readonly state: "ready" | "loading" | "failed"
  readonly variant: string
}
