import type { Log } from "../base/log.ts"
import type { Space } from "../face/embedding.ts"
import type { Place } from "../vault/seal.ts"
import type { Vault } from "../vault/vault.ts"
import type { Metadata, SubjectDetails } from "./subject-details.ts"

/** What of people and faces only the vault reads, where it lies, and under whose key. */

/** Of a subject: what names or describes the person. Everything else in the row is needed by some index. */
export interface SealedDetails extends Pick<SubjectDetails, "externalId" | "metadata" | "consentNote"> {
  readonly name: string
  /** The person's number in another system that somebody else has here, who came from another box: it is told to nobody. */
  readonly claimedExternalId?: string | undefined
}

/** A face as far as its vector's place is made of it. */
export interface FacePlace {
  readonly id: string
  readonly subjectId: string
  readonly space: Space
}

/** Whose key seals all that is about a person. It is made with the subject and leaves with it. */
export const ownerOfSubject = (subjectId: string): string => `subject/${subjectId}`

/** Where digests lie, for who looks up people by what is sealed. */
export const nameDigestColumn = "subjects.name"
export const externalIdDigestColumn = "subjects.external_id"
export const checksumDigestColumn = "face_sources.sha256"

const detailsPlace = (subjectId: string): Place => ({ table: "subjects", column: "details", row: subjectId })
/** With its space: a vector that is told to be of another one does not open. */
const vectorPlace = ({ id, space }: FacePlace): Place => ({ table: "faces", column: "vector", row: `${id} ${space}` })

export function sealDetails(vault: Vault, subjectId: string, details: SealedDetails): Uint8Array {
  const { name, externalId, metadata, consentNote, claimedExternalId } = details
  const json = Buffer.from(JSON.stringify({ name, externalId, metadata, consentNote, claimedExternalId }))
  return vault.seal(ownerOfSubject(subjectId), detailsPlace(subjectId), json)
}

/** Throws `BrokenSeal`. */
export function openDetails(vault: Vault, subjectId: string, stored: Uint8Array): SealedDetails {
  return parseDetails(vault.open(ownerOfSubject(subjectId), detailsPlace(subjectId), stored))
}

/** Written by ourselves; the schema's migration writes null for what is absent. */
export function parseDetails(json: Uint8Array): SealedDetails {
  const { name, externalId, metadata, consentNote, claimedExternalId } = JSON.parse(Buffer.from(json).toString()) as {
    readonly name: string
    readonly externalId?: string | null
    readonly metadata?: Metadata | null
    readonly consentNote?: string | null
    readonly claimedExternalId?: string
  }
  return {
    name,
    externalId: externalId ?? undefined,
    metadata: metadata ?? undefined,
    consentNote: consentNote ?? undefined,
    claimedExternalId,
  }
}

export function sealVector(vault: Vault, face: FacePlace, bytes: Uint8Array): Uint8Array {
  return vault.seal(ownerOfSubject(face.subjectId), vectorPlace(face), bytes)
}

/** Throws `BrokenSeal`. */
export function openVector(vault: Vault, face: FacePlace, stored: Uint8Array): Uint8Array {
  return vault.open(ownerOfSubject(face.subjectId), vectorPlace(face), stored)
}

/** So many refused rows are told, each once: with a wrong key or a broken disk it is all of them. */
const toldMax = 1000

export type Openers = ReturnType<typeof createOpeners>

/** For the ways on which one row that does not open must not stop the others: it is left out, and the log names it. */
export function createOpeners(vault: Vault, log: Pick<Log, "error">) {
  const told = new Set<string>()

  function opened(owner: string, place: Place, stored: Uint8Array): Uint8Array | undefined {
    const tried = vault.tryOpen(owner, place, stored)
    if (tried.kind === "opened") return tried.plain
    if (!told.has(tried.why) && told.size < toldMax) {
      told.add(tried.why)
      log.error({ why: tried.why }, "a stored value is refused, and left out")
    }
    return undefined
  }

  return {
    value: opened,
    vector: (face: FacePlace, stored: Uint8Array): Uint8Array | undefined =>
      opened(ownerOfSubject(face.subjectId), vectorPlace(face), stored),
    name(subjectId: string, stored: Uint8Array): string | undefined {
      const json = opened(ownerOfSubject(subjectId), detailsPlace(subjectId), stored)
      return json === undefined ? undefined : parseDetails(json).name
    },
  }
}
