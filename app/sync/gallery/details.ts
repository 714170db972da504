import type { ExchangedPerson } from "../../gallery/exchange.ts"
import type { NewSubject } from "../../gallery/gallery.ts"
import { unlessBroken } from "../../vault/broken.ts"
import { type Content, encodeContent, parseContent } from "../content.ts"
import type { PersonDetails } from "../person.ts"
import type { SyncRecord } from "../record.ts"
import { openKept, type SiteKeys } from "../sealing.ts"

/**
 * What the gallery knows of a person, in the form in which it is told. A number in another system that somebody else has here is the
 * person's all the same, for other boxes.
 */
export function detailsOf({ subject, claimedExternalId }: ExchangedPerson): PersonDetails {
  const { name, metadata, groups, validFromMs, validUntilMs, consentNote } = subject
  const externalId = subject.externalId ?? claimedExternalId
  return {
    name,
    ...(externalId !== undefined && { externalId }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
    ...(groups.length > 0 && { groups }),
    ...(validFromMs !== undefined && { validFromMs }),
    ...(validUntilMs !== undefined && { validUntilMs }),
    ...(consentNote !== undefined && { consentNote }),
  }
}

/** … and in the form in which the gallery takes it. */
export function subjectOf(person: PersonDetails): NewSubject {
  return { ...person, groups: [...new Set(person.groups ?? [])].sort() }
}

/** What is told of a person twice is told in the same bytes. */
export function isSamePerson(a: PersonDetails, b: PersonDetails): boolean {
  return encodePerson(a).equals(encodePerson(b))
}

export function encodePerson(person: PersonDetails): Buffer {
  return Buffer.from(encodeContent({ about: "person", person: { ...person, groups: sortedGroups(person) } }))
}

function sortedGroups({ groups }: PersonDetails): readonly string[] | undefined {
  return groups === undefined || groups.length === 0 ? undefined : [...new Set(groups)].sort()
}

/** What a record says that is kept here; `undefined` without the site's key of its time, and for one that was damaged on the disk. */
export function contentOf(keys: Pick<SiteKeys, "suite" | "siteKey">, record: SyncRecord): Content | undefined {
  const bytes = unlessBroken(() => openKept(keys, record.bytes))
  return bytes && parseContent(bytes)
}

/** … of its person: of itself, or beside a face. */
export function personIn(keys: Pick<SiteKeys, "suite" | "siteKey">, record: SyncRecord): PersonDetails | undefined {
  const content = contentOf(keys, record)
  return content === undefined || content.about === "chip" ? undefined : content.person
}
