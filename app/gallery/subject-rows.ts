import type { Vault } from "../vault/vault.ts"
import type { NewSubject, Subject, SubjectsQuery } from "./gallery.ts"
import { externalIdDigestColumn, nameDigestColumn, openDetails, sealDetails } from "./secrets.ts"

/** A subject as its tables hold it. */
export interface SubjectRow {
  readonly id: string
  readonly details: Uint8Array
  /** A JSON array. */
  readonly groups: string
  readonly validFromMs: number | null
  readonly validUntilMs: number | null
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly version: number
  readonly faceCount: number
}

/** Every column of a `SubjectRow`. */
export const subjectColumns = `subjects.id, details, valid_from_ms as validFromMs, valid_until_ms as validUntilMs, version,
  created_at_ms as createdAtMs, updated_at_ms as updatedAtMs, (select count(*) from faces where faces.subject_id = subjects.id)
  - (select count(*) from faces where faces.subject_id = subjects.id and twin_of is not null) as faceCount,
  (select json_group_array(name order by name) from subject_groups where subject_id = subjects.id) as groups`

export type Conditions = Pick<SubjectsQuery, "name" | "externalId" | "group">

/** Values in the order of `group`, then the digests of `name` and `externalId`, the id before and the number of rows. */
export function pageSql({ name, externalId, group }: Conditions): string {
  const inName = name === undefined ? "" : "name_digest = ? and"
  const inExternalId = externalId === undefined ? "" : "external_id_digest = ? and"
  // Within a group its own index leads (`cross join` keeps that order): a page costs its rows, however many people there are.
  return group === undefined
    ? `select ${subjectColumns} from subjects where ${inName} ${inExternalId} id > ? order by id limit ?`
    : `select ${subjectColumns} from subject_groups as member cross join subjects on subjects.id = member.subject_id
       where member.name = ? and ${inName} ${inExternalId} member.subject_id > ? order by member.subject_id limit ?`
}

/** Finds people by the whole of a name. */
export const nameDigest = (vault: Vault, name: string): Uint8Array => vault.digest(nameDigestColumn, name)
export const externalIdDigest = (vault: Vault, externalId: string): Uint8Array =>
  vault.digest(externalIdDigestColumn, externalId)

/** In the order of the columns `details`, `name_digest`, `external_id_digest`, `valid_from_ms`, `valid_until_ms`. */
export function valuesOf(vault: Vault, id: string, subject: NewSubject, claimedExternalId?: string) {
  const { name, externalId, validFromMs, validUntilMs } = subject
  const digests = [nameDigest(vault, name), externalId === undefined ? null : externalIdDigest(vault, externalId)] as const
  return [
    sealDetails(vault, id, { ...subject, claimedExternalId }),
    ...digests,
    validFromMs ?? null,
    validUntilMs ?? null,
  ] as const
}

/** Throws `BrokenSeal`. */
export function toSubject(vault: Vault, { details, groups, validFromMs, validUntilMs, ...rest }: SubjectRow): Subject {
  const { name, externalId, metadata = {}, consentNote } = openDetails(vault, rest.id, details)
  return {
    ...rest,
    name,
    ...(externalId === undefined ? {} : { externalId }),
    metadata,
    groups: JSON.parse(groups) as string[],
    ...(validFromMs === null ? {} : { validFromMs }),
    ...(validUntilMs === null ? {} : { validUntilMs }),
    ...(consentNote === undefined ? {} : { consentNote }),
  }
}
