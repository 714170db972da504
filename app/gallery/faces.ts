import { assert } from "../base/assert.ts"
import { type Embedding, type Space, spaceDimension, toUnit, type VectorOf } from "../face/embedding.ts"
import type { Quality } from "../face/quality.ts"
import type { Store, Transaction } from "../store/store.ts"
import type { Vault } from "../vault/vault.ts"
import type { Changes } from "./changes.ts"
import type { Chips } from "./chips.ts"
import type { AddedFace, Also, GalleryFace, NewFace, Page, PageQuery, SpaceCount } from "./gallery.ts"
import { pageOf, rowsMax } from "./page.ts"
import { type Openers, openVector, sealVector } from "./secrets.ts"

/** A face that still exists, with its person's present name and the time in which the person is recognised. */
export interface NamedFace {
  readonly faceId: string
  readonly subjectId: string
  readonly name: string
  readonly validFromMs: number | null
  readonly validUntilMs: number | null
}

/** A stored vector with its space and its person. */
export interface StoredVector<In extends Space = Space> {
  readonly subjectId: string
  readonly space: In
  readonly vector: Uint8Array
}

/** A face that can be embedded again. */
export interface TwinlessFace {
  readonly number: number
  readonly id: string
}

/** How much of the gallery is in a space. */
export interface Coverage {
  readonly faces: number
  readonly covered: number
}

/** A hundred bytes each. Most faces near an asked one are of people who are listed already, and need not be read. */
const subjectIdsKept = 100_000

interface FaceRow {
  readonly id: string
  readonly subjectId: string
  readonly space: Space
  readonly source: "picture" | "vector"
  readonly quality: string | null
  readonly hasImage: 0 | 1
  readonly createdAtMs: number
}

interface FaceKey {
  readonly id: string
  readonly subjectId: string
  readonly number: number
  readonly spaceNumber: number
  readonly space: Space
}

type NamedRow = Omit<NamedFace, "name"> & { readonly details: Uint8Array }

export type Faces = ReturnType<typeof openFaces>

/** `changed` is called after the commit, once for each space that a transaction touched. */
export function openFaces(
  store: Store,
  vault: Vault,
  openers: Openers,
  changes: Changes,
  chips: Chips,
  wallClockMs: () => number,
  changed: (space: Space) => void,
) {
  const selectSubject = store.prepare("select 1 from subjects where id = ?")
  const insertSpace = store.prepare("insert into spaces (name) values (?) on conflict do nothing")
  const selectSpace = store.prepare<{ number: number }>("select number from spaces where name = ?")
  const selectSpaces = store.prepare<SpaceCount>(`
    select spaces.name as space, count(faces.number) as faces
    from spaces left join faces on faces.space_number = spaces.number group by spaces.number order by spaces.number`)
  const insert = store.prepare<{ number: number }>(`
    insert into faces (id, subject_id, space_number, vector, source, quality, created_at_ms, twin_of)
    values (?, ?, ?, ?, ?, ?, ?, ?) returning number`)
  const columns = `faces.id, subject_id as subjectId, spaces.name as space, source, quality, created_at_ms as createdAtMs,
    exists (select 1 from face_chips where face_number = faces.number) as hasImage`
  const selectOne = store.prepare<FaceRow>(
    `select ${columns} from faces join spaces on spaces.number = space_number where faces.id = ? and twin_of is null`,
  )
  const selectOf = store.prepare<FaceRow>(`
    select ${columns} from faces join spaces on spaces.number = space_number
    where subject_id = ? and faces.id > ? and twin_of is null order by faces.id limit ?`)
  const touch = store.prepare("update subjects set updated_at_ms = ?, version = version + 1 where id = ?")
  const keyColumns = "faces.id, subject_id as subjectId, faces.number, space_number as spaceNumber, spaces.name as space"
  const selectKeys = store.prepare<FaceKey>(
    `select ${keyColumns} from faces join spaces on spaces.number = space_number where subject_id = ?`,
  )
  // A face before its twins.
  const selectWithTwins = store.prepare<FaceKey>(`
    select ${keyColumns} from faces join spaces on spaces.number = space_number
    where (faces.id = ?1 and twin_of is null) or twin_of = ?1 order by twin_of is not null`)
  const remove = store.prepare("delete from faces where number = ?")
  const selectTwinless = store.prepare<TwinlessFace>(`
    select number, id from face_chips join faces on number = face_number
    where face_number > ? and twin_of is null and space_number <> ?
      and not exists (select 1 from faces as twin where twin.twin_of = faces.id and twin.space_number = ?)
    order by face_number limit ?`)
  // Counted over indexes: the rows themselves are long.
  const selectCoverage = store.prepare<Coverage>(`
    select (select count(*) from faces) - (select count(*) from faces where twin_of is not null) as faces,
      (select count(*) from faces where space_number = ?) as covered`)
  const selectIdsAfter = store.prepare<{ id: string }>(
    "select id from faces where id > ? and twin_of is null order by id limit ?",
  )
  const selectTwins = store.prepare<{ twins: number }>("select count(*) as twins from faces where twin_of is not null")
  const selectNamed = store.prepare<NamedRow>(`
    select coalesce(twin_of, faces.id) as faceId, subject_id as subjectId, details, valid_from_ms as validFromMs, valid_until_ms as validUntilMs
    from faces join subjects on subjects.id = subject_id where number = ?`)
  const selectSubjectId = store.prepare<{ subjectId: string }>("select subject_id as subjectId from faces where number = ?")
  /** A number is never used again, and a face that is moved to another person is taken out. */
  const subjectIds = new Map<number, string>()
  const selectVector = store.prepare<StoredVector>(`
    select subject_id as subjectId, spaces.name as space, vector
    from faces join spaces on spaces.number = space_number where id = ?`)

  function deleteAll(keys: readonly FaceKey[], transaction: Transaction, atMs: number): void {
    for (const key of keys) {
      remove.run(key.number)
      subjectIds.delete(key.number)
      changes.recordFace("deleted", key, atMs)
    }
    for (const space of new Set(keys.map((key) => key.space))) transaction.afterCommit(() => changed(space))
  }

  function numberOf(space: Space): number {
    const known = selectSpace.get(space)
    if (known !== undefined) return known.number
    insertSpace.run(space)
    return selectSpace.get(space)?.number ?? 0
  }

  /** In the caller's transaction. The person is there, and nothing has this id. */
  function insertNow(
    face: NewFace & { readonly id: string; readonly createdAtMs: number },
    atMs: number,
    transaction: Transaction,
  ): void {
    const { id, subjectId, space, source, createdAtMs } = face
    const quality = face.quality === undefined ? null : JSON.stringify(face.quality)
    const spaceNumber = numberOf(space)
    const vector = sealVector(vault, { id, subjectId, space }, toBytes(face.vector))
    const row = insert.get(id, subjectId, spaceNumber, vector, source, quality, createdAtMs, null)
    assert(row !== undefined, "a new face has a number")
    if (face.chip !== undefined) chips.add({ number: row.number, id, subjectId }, face.chip)
    touch.run(atMs, subjectId)
    changes.recordFace("added", { id, number: row.number, spaceNumber, subjectId }, atMs)
    transaction.afterCommit(() => changed(space))
  }

  /** In the caller's transaction. False when there is no such face. */
  function deleteNow(id: string, transaction: Transaction): boolean {
    const keys = selectWithTwins.all(id)
    const [key] = keys
    if (key === undefined) return false
    const atMs = wallClockMs()
    deleteAll(keys, transaction, atMs)
    touch.run(atMs, key.subjectId)
    return true
  }

  return {
    insertNow,
    deleteNow,

    add(face: NewFace, also?: Also): AddedFace {
      const dimension = spaceDimension(face.space)
      if (face.vector.length !== dimension) {
        return {
          kind: "bad_vector",
          why: `${face.space} has vectors of ${dimension} numbers, this one has ${face.vector.length}`,
        }
      }
      const unit = toUnit(face.vector)
      if (unit === undefined) return { kind: "bad_vector", why: "the vector has no direction: it is zero or not finite" }
      return store.transact<AddedFace>((transaction) => {
        if (selectSubject.get(face.subjectId) === undefined) return { kind: "no_subject" }
        const id = Bun.randomUUIDv7()
        const createdAtMs = wallClockMs()
        insertNow({ ...face, id, vector: unit, createdAtMs }, createdAtMs, transaction)
        also?.(id)
        const { subjectId, space, source } = face
        const hasImage = face.chip !== undefined
        return { kind: "added", face: withQuality({ id, subjectId, space, source, hasImage, createdAtMs }, face.quality) }
      })
    },

    get(id: string): GalleryFace | undefined {
      const row = selectOne.get(id)
      return row === undefined ? undefined : toFace(row)
    },

    /** `undefined` when the subject is unknown. */
    of(subjectId: string, { limit, after = "" }: PageQuery): Page<GalleryFace> | undefined {
      const rows = selectOf.all(subjectId, after, rowsMax(limit))
      if (rows.length === 0 && selectSubject.get(subjectId) === undefined) return undefined
      return pageOf(rows.map(toFace), limit)
    },

    delete: (id: string): boolean => store.transact<boolean>((transaction) => deleteNow(id, transaction)),

    deleteAllOf(subjectId: string, transaction: Transaction, atMs: number): void {
      deleteAll(selectKeys.all(subjectId), transaction, atMs)
    },

    /** They are another person's from now on; called after the commit. */
    moved(numbers: readonly number[]): void {
      for (const number of numbers) subjectIds.delete(number)
    },

    /**
     * The same face in another network's space. False when there is one already, or the face is gone: nothing is written then.
     * Throws where the vector is none of that space.
     */
    addTwin(faceId: string, { space, vector }: Embedding): boolean {
      assert(vector.length === spaceDimension(space), "a vector has the length of its space")
      const unit = toUnit(vector)
      assert(unit !== undefined, "an engine's vector has a direction")
      return store.transact<boolean>((transaction) => {
        const spaceNumber = numberOf(space)
        const present = selectWithTwins.all(faceId)
        const [face] = present
        if (face === undefined || present.some((one) => one.spaceNumber === spaceNumber)) return false
        const id = Bun.randomUUIDv7()
        const createdAtMs = wallClockMs()
        const sealed = sealVector(vault, { id, subjectId: face.subjectId, space }, toBytes(unit))
        const row = insert.get(id, face.subjectId, spaceNumber, sealed, "picture", null, createdAtMs, faceId)
        assert(row !== undefined, "a new face has a number")
        changes.recordFace("added", { id, number: row.number, spaceNumber, subjectId: face.subjectId }, createdAtMs)
        transaction.afterCommit(() => changed(space))
        return true
      })
    },

    /** The next faces, rising, of which a picture is kept and nothing is in this space. */
    withoutTwin(space: Space, afterNumber: number, limit: number): readonly TwinlessFace[] {
      const spaceNumber = selectSpace.get(space)?.number ?? 0
      return selectTwinless.all(afterNumber, spaceNumber, spaceNumber, limit)
    },

    coverage(space: Space): Coverage {
      const spaceNumber = selectSpace.get(space)?.number ?? 0
      const row = selectCoverage.get(spaceNumber)
      assert(row !== undefined, "a count has a row")
      return row
    },

    /** How many rows are twins: what is told of numbers of faces leaves them out. */
    twins: (): number => selectTwins.get()?.twins ?? 0,

    spaces: (): readonly SpaceCount[] => selectSpaces.all(),
    spaceNumber: (space: Space): number | undefined => selectSpace.get(space)?.number,
    /** Whose face it is, or was; `undefined` when it is unknown. */
    subjectIdOf(number: number): string | undefined {
      const known = subjectIds.get(number)
      if (known !== undefined) return known
      const subjectId = selectSubjectId.get(number)?.subjectId
      if (subjectId === undefined) return undefined
      const oldest = subjectIds.keys().next().value
      if (subjectIds.size >= subjectIdsKept && oldest !== undefined) subjectIds.delete(oldest)
      subjectIds.set(number, subjectId)
      return subjectId
    },
    /** `undefined` for a face that is gone, and for one of somebody whose seal is broken: a search names neither. */
    named(number: number): NamedFace | undefined {
      const row = selectNamed.get(number)
      if (row === undefined) return undefined
      const { details, ...face } = row
      const name = openers.name(face.subjectId, details)
      return name === undefined ? undefined : { ...face, name }
    },
    /** Of a face or of its twin, whichever is in this space. Throws `BrokenSeal`. */
    vectorIn<In extends Space>(faceId: string, space: In): StoredVector<In> | undefined {
      const key = selectWithTwins.all(faceId).find((one) => one.space === space)
      const stored = key && this.vectorOf(key.id)
      return stored && { ...stored, space }
    },
    /** The next faces after an id, by creation. */
    idsAfter: (id: string, limit: number): readonly string[] => selectIdsAfter.all(id, limit).map((row) => row.id),
    /** Throws `BrokenSeal`. */
    vectorOf(id: string): StoredVector | undefined {
      const row = selectVector.get(id)
      return row && { ...row, vector: openVector(vault, { id, ...row }, row.vector) }
    },
  }
}

function toFace({ quality, hasImage, ...rest }: FaceRow): GalleryFace {
  const face = { ...rest, hasImage: hasImage === 1 }
  return withQuality(face, quality === null ? undefined : (JSON.parse(quality) as Quality))
}

function withQuality(face: Omit<GalleryFace, "quality">, quality: Quality | undefined): GalleryFace {
  return quality === undefined ? face : { ...face, quality }
}

/** Float32, little-endian, which is the order of every processor we run on. */
function toBytes(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)
}

/** A copy: bytes from SQLite need not lie on a multiple of four. Not by `slice`, of which a Buffer has another idea. */
export function toVector(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer)
}

export function vectorOf<In extends Space>({ vector }: StoredVector<In>): VectorOf<In> {
  return toVector(vector)
}
