/**
 * What a record is about, as a path of one to three ids: a person, something of that person (a face, a template that was refused),
 * and a part of it (its chip, its vector in another space). Each id is 16 bytes as 32 hexadecimal digits, and `.` stands between
 * them, so that a path is also the end of a subject at the hub. An erasure of a path absorbs all that lies at it and below.
 */
export type Entity = string & { readonly __brand: "Entity" }

export const entityDepthMax = 3
const idPattern = /^[0-9a-f]{32}$/

/** The part of a face that is its chip. Vectors in other spaces have the digest of the space's name. */
export const chipPart = "00000000000000000000000000000001"

/**
 * @param ids UUIDs with or without their dashes, the person's first
 * @returns `undefined` when one is no id, or there are none or more than three
 */
export function entityOf(...ids: readonly string[]): Entity | undefined {
  const plain = ids.map((id) => id.replaceAll("-", "").toLowerCase())
  if (plain.length < 1 || plain.length > entityDepthMax || !plain.every((id) => idPattern.test(id))) return undefined
  return plain.join(".") as Entity
}

/** Whether it is a path as `entityOf` writes it. A member of the site can write at the hub whatever lies below its subjects. */
export function isEntity(key: string): key is Entity {
  const ids = key.split(".")
  return ids.length <= entityDepthMax && ids.every((id) => idPattern.test(id))
}

/** The ids of the path as UUIDs, with dashes. */
export function idsOf(entity: Entity): readonly string[] {
  return entity.split(".").map((id) => id.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"))
}

/** The paths above this one, the nearest first; none above a person. */
export function above(entity: Entity): readonly Entity[] {
  if (entity.length === idLength) return none
  const person = entity.slice(0, idLength) as Entity
  return entity.length === 2 * idLength + 1 ? [person] : [entity.slice(0, 2 * idLength + 1) as Entity, person]
}

const idLength = 32
const none: readonly Entity[] = []

/** Whether the second lies strictly below the first. */
export function isBelow(entity: Entity, other: Entity): boolean {
  return other.length > entity.length && other.startsWith(entity) && other[entity.length] === "."
}
