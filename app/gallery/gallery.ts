import type { Embedding, Space, VectorOf } from "../face/embedding.ts"
import type { FaceChip } from "../face/face.ts"
import type { Quality } from "../face/quality.ts"
import type { FindAlike } from "./alike.ts"
import type { IndexCheck } from "./check.ts"
import type { Exchange } from "./exchange.ts"
import type { Coverage, StoredVector, TwinlessFace } from "./faces.ts"
import type { Impostors } from "./impostors.ts"
import type { Moves } from "./moves.ts"
import type { Metadata, SubjectChange, SubjectDetails } from "./subject-details.ts"

/** A person in the gallery. */
export interface Subject extends SubjectDetails {
  readonly id: string
  readonly name: string
  /** Empty for none. */
  readonly metadata: Metadata
  /** Sorted, each once. */
  readonly groups: readonly string[]
  readonly createdAtMs: number
  /** Of the subject itself or of one of its faces. */
  readonly updatedAtMs: number
  /** 1 at first; rises with every change of the subject or of its faces. */
  readonly version: number
  readonly faceCount: number
}

export interface NewSubject extends SubjectDetails {
  readonly name: string
}

/** One enrolled template of a subject. */
export interface GalleryFace {
  readonly id: string
  readonly subjectId: string
  readonly space: Space
  readonly source: "picture" | "vector"
  /** Absent for faces enrolled as vectors. */
  readonly quality?: Quality
  /** Whether the picture it was taken from is kept. */
  readonly hasImage: boolean
  readonly createdAtMs: number
}

/** A subject near the asked vector with its nearest face; `similarity` is the cosine, exact. */
export interface Candidate {
  readonly subjectId: string
  readonly name: string
  readonly faceId: string
  readonly similarity: number
  /** To the nearest face of which a person said that it is not this subject's; absent when there is none. */
  readonly impostorSimilarity?: number
}

export interface Page<Item> {
  readonly items: readonly Item[]
  /** Give it back as `after` for the next page; absent on the last. */
  readonly next?: string
}

/** `limit` ≤ 1000; `after`: the id that the page before ended with, whether it still exists or not. */
export interface PageQuery {
  readonly limit: number
  readonly after?: string | undefined
}

/** All that are given have to hold. */
export interface SubjectsQuery extends PageQuery {
  /** Exactly so; several people may share a name. */
  readonly name?: string | undefined
  readonly externalId?: string | undefined
  readonly group?: string | undefined
}

/** Runs in the transaction that makes the new row of this id: what it writes is there with the row, or neither is. */
export type Also = (id: string) => void

/** Whether a change asked for still makes sense, judged by what is there at that moment. */
export type OnlyIf = (present: Pick<Subject, "version">) => boolean

type ExternalIdTaken = {
  readonly kind: "external_id_taken"
  /** Whose it is. */
  readonly subjectId: string
}

/** The fields do not go together, or are too large together. */
type Unfit = { readonly kind: "unfit"; readonly why: string }
type NoSubject = { readonly kind: "no_subject" }
type ChangedSince = { readonly kind: "changed_since"; readonly subject: Subject }

export type AddedSubject = { readonly kind: "added"; readonly subject: Subject } | ExternalIdTaken | Unfit

export type UpdatedSubject =
  | { readonly kind: "updated"; readonly subject: Subject }
  | NoSubject
  | ChangedSince
  | ExternalIdTaken
  | Unfit

export type DeletedSubject = { readonly kind: "deleted" } | NoSubject | ChangedSince

export type AddedFace =
  | { readonly kind: "added"; readonly face: GalleryFace }
  | NoSubject
  /** The vector has another length than its space says, or no direction. */
  | { readonly kind: "bad_vector"; readonly why: string }

export interface NewFace {
  readonly subjectId: string
  readonly space: Space
  readonly vector: Float32Array
  readonly source: "picture" | "vector"
  readonly quality?: Quality
  readonly chip?: FaceChip | undefined
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
  /** `addSubject` for a person of whom only the name is known. */
  createSubject(name: string): Subject
  addSubject(subject: NewSubject, also?: Also): AddedSubject
  subject(id: string): Subject | undefined
  /** Of a subject, as it is now; `undefined` when there is none, or its seal is broken (the log names it). */
  nameOf(subjectId: string): string | undefined
  /** By creation. */
  subjects(query: SubjectsQuery): Page<Subject>
  updateSubject(id: string, change: SubjectChange, onlyIf?: OnlyIf): UpdatedSubject
  /** With all faces. */
  deleteSubject(id: string, onlyIf?: OnlyIf): DeletedSubject
  addFace(face: NewFace, also?: Also): AddedFace
  face(id: string): GalleryFace | undefined
  /** By creation; `undefined` when the subject is unknown. */
  facesOf(subjectId: string, query: PageQuery): Page<GalleryFace> | undefined
  /** `null` when none is kept of this face, `undefined` when the face is unknown. */
  faceImage(id: string): FaceChip | null | undefined
  deleteFace(id: string): boolean
  /** Makes one person of two, or two of one. */
  readonly moves: Moves
  /** What the synchronisation with other boxes reads and writes; opened when it is first asked for. */
  exchange(): Exchange
  /** What stands for a face in any one space; `undefined` when nothing does, or the face is unknown. */
  vectorIn<In extends Space>(faceId: string, space: In): StoredVector<In> | undefined
  /** By creation. */
  faceIdsAfter(id: string, limit: number): readonly string[]
  /** The same face, embedded again by another network. False when it is in that space already, or gone. */
  addTwin(faceId: string, embedding: Embedding): boolean
  /** The next faces after a number, rising, of which a picture is kept and nothing is in this space. */
  withoutTwin(space: Space, afterNumber: number, limit: number): readonly TwinlessFace[]
  coverage(space: Space): Coverage
  /** What stands for a face in its space; `undefined` when the face is unknown. */
  storedVector(id: string): StoredVector | undefined
  /** Nothing of what was deleted is left in an index, nor in its snapshot. Resolves when that is on the disk. */
  overwriteRemoved(): Promise<void>
  /**
   * The nearest subjects that are valid now, best first, at most `count`, each with its nearest face. Never another space's, and
   * with `group` never somebody who is not its member.
   */
  search<In extends Space>(
    space: In,
    vector: VectorOf<NoInfer<In>>,
    count: number,
    group?: string,
  ): Promise<readonly Candidate[]>
  /** Whom cameras took for whom, and should not again. */
  readonly impostors: Pick<Impostors, "add" | "get" | "of" | "delete">
  /** With how many faces a search compares; with `group` those of its members. People who are not valid now are counted, too. */
  facesSearched(space: Space, group?: string): number
  /** `search` with a face of the gallery, for others than its own subject. None when the face is gone. */
  lookAlikes(faceId: string, count: number): Promise<readonly Candidate[]>
  /** Pairs of people who are alike, over the whole space. Takes half a minute for 100,000 faces; others are answered meanwhile. */
  findAlike: FindAlike
  counts(): { readonly subjects: number; readonly faces: number; readonly spaces: readonly SpaceCount[] }
  indexStatus(): readonly IndexStatus[]
  /** Resolves when no index is being built, and what was built is saved. */
  indexesSaved(): Promise<void>
  /** Looks at every stored vector and searches for some hundred; takes seconds for 100,000 faces. */
  checkIndexes(): Promise<readonly IndexCheck[]>
  close(): Promise<void>
}

export interface IndexStatus {
  readonly space: Space
  readonly faces: number
  /** `loading`: answers are exact, and slower than they will be. `failed`: they come from the table. */
  readonly state: "ready" | "loading" | "failed"
  /** 0 to 1: how much of a graph that is being built is there. */
  readonly progress: number
  readonly variant: string
}
