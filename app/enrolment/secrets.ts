import { ownerOfSubject } from "../gallery/secrets.ts"
import type { Place, SealKey } from "../vault/seal.ts"
import type { TriedOpen, Vault } from "../vault/vault.ts"

/** What of a job only the vault reads, where it lies, and under whose key. */

/** Of the archive, and of what is told of nobody whom the gallery knows. It is made with the upload and goes with the report. */
export const jobOwners = "enrolment/"
export const ownerOfJob = (jobId: string): string => jobOwners + jobId

/** Whose key seals what is told of a person: their own, as soon as the gallery knows them. */
export function ownerOf(jobId: string, subjectId: string | null): string {
  return subjectId === null ? ownerOfJob(jobId) : ownerOfSubject(subjectId)
}

/** Whom somebody's archive names. */
export interface PersonDetails {
  readonly name: string
  readonly externalId?: string | undefined
}

/** What is told of an item in words. */
export interface ItemDetails {
  readonly file: string
  readonly why?: string | undefined
  /** Hex. */
  readonly sha256?: string | undefined
}

export const placeOfPerson = (number: number): Place => ({ table: "enrolment_people", column: "details", row: number })
export const placeOfItem = (job: number, position: number): Place => ({
  table: "enrolment_items",
  column: "details",
  row: `${job} ${position}`,
})
export const placeOfWhy = (job: number): Place => ({ table: "enrolments", column: "why", row: job })

export function sealJson(vault: Vault, owner: string, place: Place, value: PersonDetails | ItemDetails): Uint8Array {
  return vault.seal(owner, place, Buffer.from(JSON.stringify(value)))
}

/** Written by ourselves. Where it does not open, why not, in words that name the row. */
export function openJson<Value extends PersonDetails | ItemDetails>(
  vault: Vault,
  owner: string,
  place: Place,
  stored: Uint8Array,
): { readonly kind: "opened"; readonly value: Value } | Exclude<TriedOpen, { kind: "opened" }> {
  const tried = vault.tryOpen(owner, place, stored)
  if (tried.kind === "broken") return tried
  return { kind: "opened", value: JSON.parse(Buffer.from(tried.plain).toString()) as Value }
}

/** What an archive is sealed with while it waits; `undefined` where nothing is sealed. */
export function archiveKey(vault: Vault, jobId: string): SealKey | undefined {
  return vault.keyOf(ownerOfJob(jobId))
}
