import { z } from "zod"
import { groupsMax, type Metadata, metadataBytesMax, whyUnfit } from "../gallery/subject-details.ts"
import { externalId, groupNames, subjectName } from "../gallery/subject-fields.ts"
import type { ByteReader, createByteWriter } from "./bytes.ts"

/** What is known of a person beside the faces, as in the gallery (app/gallery/subject-details.ts). */
export interface PersonDetails {
  readonly name: string
  readonly externalId?: string | undefined
  readonly metadata?: Metadata | undefined
  readonly groups?: readonly string[] | undefined
  readonly validFromMs?: number | undefined
  readonly validUntilMs?: number | undefined
  readonly consentNote?: string | undefined
}

/** One bit for each field that may be absent, in the order in which they follow the name. */
const bits = { externalId: 1, metadata: 2, groups: 4, validFromMs: 8, validUntilMs: 16, consentNote: 32 } as const

const textBytesMax = 8 * 1024
const metadataDepthMax = 5

/** The same doors that a person passes who is enrolled here. */
const fields = z.strictObject({
  name: subjectName,
  externalId: externalId.optional(),
  groups: groupNames.optional(),
  validFromMs: z.int().min(0).optional(),
  validUntilMs: z.int().min(0).optional(),
  consentNote: z.string().min(1).max(2000).optional(),
})

export function writePerson(writer: ReturnType<typeof createByteWriter>, person: PersonDetails): void {
  const { name, externalId, metadata, groups, validFromMs, validUntilMs, consentNote } = person
  const present = { externalId, metadata, groups, validFromMs, validUntilMs, consentNote }
  const keys = Object.keys(bits) as (keyof typeof bits)[]
  writer.uint(
    keys.reduce((flags, key) => flags | (present[key] === undefined ? 0 : bits[key]), 0),
    1,
  )
  writer.text(name)
  if (externalId !== undefined) writer.text(externalId)
  if (metadata !== undefined) writer.text(JSON.stringify(metadata))
  if (groups !== undefined) {
    writer.varint(groups.length)
    for (const group of groups) writer.text(group)
  }
  if (validFromMs !== undefined) writer.varint(validFromMs)
  if (validUntilMs !== undefined) writer.varint(validUntilMs)
  if (consentNote !== undefined) writer.text(consentNote)
}

/** `undefined` for somebody whom the gallery would not take. */
export function readPerson(reader: ByteReader): PersonDetails | undefined {
  const flags = reader.uint(1)
  const has = (key: keyof typeof bits) => (flags & bits[key]) !== 0
  const name = reader.text(textBytesMax)
  const externalId = has("externalId") ? reader.text(textBytesMax) : undefined
  const json = has("metadata") ? reader.text(metadataBytesMax) : undefined
  const groups = has("groups") ? Array.from({ length: reader.bounded(groupsMax) }, () => reader.text(textBytesMax)) : undefined
  const validFromMs = has("validFromMs") ? reader.varint() : undefined
  const validUntilMs = has("validUntilMs") ? reader.varint() : undefined
  const consentNote = has("consentNote") ? reader.text(textBytesMax) : undefined
  const metadata = json === undefined ? undefined : parseMetadata(json)
  if (!reader.isSound() || flags > 63 || (json !== undefined && metadata === undefined)) return undefined
  const known = fields.safeParse({ name, externalId, groups, validFromMs, validUntilMs, consentNote })
  if (!known.success) return undefined
  const person = { ...known.data, ...(metadata && { metadata }) }
  return whyUnfit(person) === undefined ? person : undefined
}

function parseMetadata(json: string): Metadata | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    // It is no JSON, which is all that is asked here.
    return undefined
  }
  return typeof value === "object" && !Array.isArray(value) && isMetadata(value, metadataDepthMax)
    ? (value as Metadata)
    : undefined
}

function isMetadata(value: unknown, depthLeft: number): boolean {
  if (typeof value !== "object") return true
  if (value === null || depthLeft === 0) return false
  return Object.values(value).every((member) => isMetadata(member, depthLeft - 1))
}
