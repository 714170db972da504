import type { NewSubject, Subject, SubjectsQuery } from "./gallery.ts"
import type { Metadata } from "./subject-details.ts"

/** A subject as its tables hold it. */
export interface SubjectRow {
  readonly id: string
  readonly name: string
  readonly externalId: string | null
  readonly metadata: string | null
  /** A JSON array. */
  readonly groups: string
  readonly validFromMs: number | null
  readonly validUntilMs: number | null
  readonly consentNote: string | null
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly version: number
  readonly faceCount: number
}

/** Every column of a `SubjectRow`. */
export const subjectColumns = `subjects.id, subjects.name, external_id as externalId, metadata, valid_from_ms as validFromMs,
  valid_until_ms as validUntilMs, consent_note as consentNote, version, created_at_ms as createdAtMs,
  updated_at_ms as updatedAtMs, (select count(*) from faces where faces.subject_id = subjects.id) as faceCount,
  (select json_group_array(name order by name) from subject_groups where subject_id = subjects.id) as groups`

export type Conditions = Pick<SubjectsQuery, "name" | "externalId" | "group">

/** Values in the order of `group`, `name`, `externalId`, then the id before and the number of rows. */
export function pageSql({ name, externalId, group }: Conditions): string {
  const inName = name === undefined ? "" : "subjects.name = ? and"
  const inExternalId = externalId === undefined ? "" : "external_id = ? and"
  // Within a group its own index leads (`cross join` keeps that order): a page costs its rows, however many people there are.
  return group === undefined
    ? `select ${subjectColumns} from subjects where ${inName} ${inExternalId} id > ? order by id limit ?`
    : `select ${subjectColumns} from subject_groups as member cross join subjects on subjects.id = member.subject_id
       where member.name = ? and ${inName} ${inExternalId} member.subject_id > ? order by member.subject_id limit ?`
}

/** In the order of the columns from `name` to `consent_note`. */
export function valuesOf({ name, externalId, metadata, validFromMs, validUntilMs, consentNote }: NewSubject) {
  const json = metadata === undefined ? null : JSON.stringify(metadata)
  return [name, externalId ?? null, json, validFromMs ?? null, validUntilMs ?? null, consentNote ?? null] as const
}

export function toSubject({
  externalId,
  metadata,
  groups,
  validFromMs,
  validUntilMs,
  consentNote,
  ...rest
}: SubjectRow): Subject {
  return {
    ...rest,
    ...(externalId === null ? {} : { externalId }),
    metadata: metadata === null ? {} : (JSON.parse(metadata) as Metadata),
    groups: JSON.parse(groups) as string[],
    ...(validFromMs === null ? {} : { validFromMs }),
    ...(validUntilMs === null ? {} : { validUntilMs }),
    ...(consentNote === null ? {} : { consentNote }),
  }
}
