import { z } from "zod"
import type { Result } from "../../base/result.ts"
import { newSubjectJson } from "../../http/subject-requests.ts"

/** What the command line says of the people it enrols, as it stands there. */
export interface PeopleOptions {
  readonly group?: readonly string[]
  readonly externalId?: string
}

/** The same, checked by the rules of the API. */
export interface PeopleDetails {
  readonly groups: readonly string[]
  readonly externalId?: string | undefined
}

const schema = z.object({ group: newSubjectJson.shape.groups, externalId: newSubjectJson.shape.externalId })

export function readPeopleOptions(options: PeopleOptions, people: number): Result<PeopleDetails> {
  const parsed = schema.safeParse(options)
  if (!parsed.success) return { kind: "failed", why: `options: ${z.prettifyError(parsed.error)}` }
  const { group = [], externalId } = parsed.data
  if (externalId !== undefined && people > 1)
    return { kind: "failed", why: `--external-id is one person's, and the folder holds ${people}; enrol them one by one` }
  return { kind: "ok", value: { groups: group, externalId } }
}
