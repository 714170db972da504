import type { Row, Tables } from "../box.ts"
import { chipPart, type Entity, entityOf, idsOf } from "../entity.ts"
import { wins } from "../merge.ts"
import type { PersonDetails } from "../person.ts"
import type { SiteKeys } from "../sealing.ts"
import { personIn } from "./details.ts"

/**
 * What the records say of one person. The gallery of every box is the same function of them:
 *
 * - a person is there while there is a record of the person, or of a face that brings the person along
 * - details are those of the person's own record, else of the face that was written last
 * - a face is the person's whose record of it was written last
 */
export interface PersonRows {
  readonly entity: Entity
  /** The person's own. */
  readonly person: Row | undefined
  /** By the id of the face, with dashes; deleted ones too. */
  readonly faces: ReadonlyMap<string, Row>
  /** Of those faces, the rows of their chips. */
  readonly chips: ReadonlyMap<string, Row>
}

export function rowsOfPerson(tables: Tables, entity: Entity): PersonRows {
  const faces = new Map<string, Row>()
  const chips = new Map<string, Row>()
  for (const row of tables.below(entity)) {
    const [, faceId = "", part] = idsOf(row.record.entity)
    if (part === undefined) faces.set(faceId, row)
    else if (row.record.entity.endsWith(chipPart)) chips.set(faceId, row)
  }
  return { entity, person: tables.row(entity), faces, chips }
}

export const isPut = (row: Row | undefined): row is Row => row?.record.kind === "put"

export function isTold({ person, faces }: PersonRows): boolean {
  return isPut(person) || faces.values().some(isPut)
}

/** As other boxes know the person. `undefined` when no record that can be read says anything. */
export function toldDetails(
  keys: Pick<SiteKeys, "suite" | "siteKey">,
  { person, faces }: PersonRows,
): PersonDetails | undefined {
  if (isPut(person)) return personIn(keys, person.record)
  let newest: Row | undefined
  for (const row of faces.values()) if (isPut(row) && wins(row.record, newest?.record)) newest = row
  return newest && personIn(keys, newest.record)
}

/** Ids are those of the gallery, where each is a UUID. */
export function pathOf(...ids: readonly string[]): Entity {
  const entity = entityOf(...ids)
  if (entity === undefined) throw new Error(`no ids of the gallery: ${ids.join(" ")}`)
  return entity
}

export const pathOfChip = (subjectId: string, faceId: string): Entity => pathOf(subjectId, faceId, chipPart)
