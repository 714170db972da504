import type { Store } from "../store/store.ts"

export interface FaceChange {
  readonly seq: number
  readonly faceNumber: number
  /** The face's vector; absent when it is gone by now, or does not open. */
  readonly vector: Uint8Array | null
}

/** As it is in the table. The last three are absent when the face is gone by now. */
export interface FaceChangeRow {
  readonly seq: number
  readonly faceNumber: number
  readonly id: string | null
  readonly subjectId: string | null
  readonly stored: Uint8Array | null
}

/** For whoever goes by people. */
export interface ChangeRow {
  readonly seq: number
  readonly entity: "subject" | "face"
  /** Of a face: `deleted` where it left this person, if only for another one; `changed` where the picture that was kept of it left. */
  readonly kind: "added" | "changed" | "deleted"
  readonly id: string
  /** Whose face it was then; absent in rows of older versions. */
  readonly subjectId: string | null
  /** A face that another network embedded again; of one that is gone by now it is not known. */
  readonly isTwin: 0 | 1
  readonly atMs: number
}

interface ChangedFace {
  readonly id: string
  readonly number: number
  /** Absent where nothing changes for an index. */
  readonly spaceNumber: number | null
  readonly subjectId: string
}

export type Changes = ReturnType<typeof openChanges>

/**
 * What happened to people and faces, in the order of commits. Written in the transaction of the change itself, so an index that
 * has followed up to a number holds exactly what the tables held then, whichever process made the change.
 */
export function openChanges(store: Store) {
  const insert = store.prepare(
    "insert into changes (entity, kind, entity_id, face_number, space_number, subject_id, at_ms) values (?, ?, ?, ?, ?, ?, ?)",
  )
  const selectLast = store.prepare<{ seq: number }>("select coalesce(max(seq), 0) as seq from changes")
  const selectAfter = store.prepare<ChangeRow>(`
    select seq, entity, changes.kind, entity_id as id, changes.subject_id as subjectId, at_ms as atMs, twin_of is not null as isTwin
    from changes left join faces on faces.number = changes.face_number where seq > ? order by seq limit ?`)
  const selectFaces = store.prepare<FaceChangeRow>(`
    select changes.seq, changes.face_number as faceNumber, faces.id, faces.subject_id as subjectId, faces.vector as stored
    from changes left join faces on faces.number = changes.face_number
    where changes.space_number = ? and changes.seq > ?
    order by changes.seq limit ?`)

  return {
    recordSubject: (kind: "added" | "changed" | "deleted", id: string, atMs: number) => {
      insert.run("subject", kind, id, null, null, id, atMs)
    },
    /** @param face with whose it is, or was until now */
    recordFace: (kind: "added" | "deleted", face: ChangedFace, atMs: number) => {
      insert.run("face", kind, face.id, face.number, face.spaceNumber, face.subjectId, atMs)
    },
    lastSeq: (): number => selectLast.get()?.seq ?? 0,
    /** What happened to anybody, twins included. */
    after: (seq: number, limit: number): readonly ChangeRow[] => selectAfter.all(seq, limit),
    facesSince: (spaceNumber: number, seq: number, limit: number): FaceChangeRow[] => selectFaces.all(spaceNumber, seq, limit),
  }
}
