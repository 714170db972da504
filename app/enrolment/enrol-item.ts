import { unreachable } from "../base/assert.ts"
import type { Gallery, NewFace, Subject } from "../gallery/gallery.ts"
import { type EnrolNeeds, type EnrolOptions, findFace } from "../pipeline/enrol.ts"
import { explain } from "../pipeline/explain.ts"
import { lookAlikesOf } from "../pipeline/look-alikes.ts"
import { readVector } from "../pipeline/vector.ts"
import type { Checksums } from "./checksums.ts"
import { type Content, checksumOf, type Item, type Outcome, type PersonKey } from "./item.ts"
import type { Ledger } from "./ledger.ts"
import type { People } from "./people.ts"

export interface EnrolItemNeeds extends Pick<EnrolNeeds, "analyze" | "lookAlikes" | "thresholds" | "space"> {
  readonly gallery: Pick<Gallery, "addFace">
  readonly people: People
  readonly checksums: Checksums
  readonly ledger: Pick<Ledger, "personAdded" | "enrolled">
}

/** `signal`: once it is aborted nothing more is written. */
export type EnrolItemOptions = EnrolOptions & { readonly signal: AbortSignal }

type ReadContent =
  | { readonly kind: "found"; readonly face: Omit<NewFace, "subjectId">; readonly ignoredFaces: number }
  | NotRead
type NotRead = Exclude<Outcome, { kind: "enrolled" | "duplicate" }>

/**
 * One item, from what was read of it to a face on disk. A person nobody knew is added when the first good face of theirs is there,
 * so that nobody stays behind without one. What is already enrolled costs no engine.
 */
export async function enrolItem(item: Item, needs: EnrolItemNeeds, options: EnrolItemOptions): Promise<Outcome> {
  const { person, content } = item
  if (content.kind === "refused") return { kind: content.reason, why: content.why }
  if (person === undefined) return { kind: "no_person", why: "nobody says whose it is" }
  const checksum = checksumOf(content)
  const before = needs.people.find(person)
  if (before.kind === "ambiguous_name" || before.kind === "not_added") return before
  if (before.kind === "known") {
    const twin = twinOf(before.subject, checksum, needs)
    if (twin !== undefined) return twin
  }

  const read = await readContent(content, needs, options)
  if (options.signal.aborted) return { kind: "stopped" }
  if (read.kind === "found") return enrolFound(item, person, checksum, read, needs)
  return before.kind === "known" && "why" in read ? { ...read, subjectId: before.subject.id } : read
}

/** From here to the face on disk nothing is waited for: what was looked up still holds when it is written. */
async function enrolFound(
  item: Item,
  person: PersonKey,
  checksum: Uint8Array,
  { face, ignoredFaces }: Extract<ReadContent, { kind: "found" }>,
  needs: EnrolItemNeeds,
): Promise<Outcome> {
  const { gallery, people, checksums, ledger } = needs
  const present = people.find(person)
  if (present.kind === "ambiguous_name" || present.kind === "not_added") return present
  // The same picture twice in one archive, and both were in the engines' hands at once.
  const twin = present.kind === "known" ? twinOf(present.subject, checksum, needs) : undefined
  if (twin !== undefined) return twin
  const joined =
    present.kind === "known" ? people.join(present.subject) : people.add(person, (id) => ledger.personAdded(item, id))
  if (joined.kind !== "known") return joined

  const subjectId = joined.subject.id
  const added = gallery.addFace({ subjectId, ...face }, (faceId) => {
    checksums.record(faceId, checksum)
    ledger.enrolled(item, { subjectId, faceId, checksum })
  })
  switch (added.kind) {
    case "added": {
      const lookAlikes = await lookAlikesOf(added.face.id, needs)
      return { kind: "enrolled", subjectId, faceId: added.face.id, ignoredFaces, lookAlikes }
    }
    case "no_subject":
      return { kind: "not_added", why: "the person was deleted meanwhile" }
    case "bad_vector":
      return { kind: "bad_vector", why: added.why, subjectId }
    default:
      return unreachable(added)
  }
}

/** The person has a face of this very picture: all there is to do is to make them a member of the groups. */
function twinOf(subject: Subject, checksum: Uint8Array, { people, checksums, space }: EnrolItemNeeds): Outcome | undefined {
  const faceId = checksums.find(subject.id, space, checksum)
  if (faceId === undefined) return undefined
  const joined = people.join(subject)
  return joined.kind === "known" ? { kind: "duplicate", subjectId: subject.id, faceId } : joined
}

async function readContent(
  content: Exclude<Content, { kind: "refused" }>,
  needs: Pick<EnrolItemNeeds, "analyze" | "space">,
  options: EnrolItemOptions,
): Promise<ReadContent> {
  if (content.kind === "vector") {
    const read = readVector(content.given, needs.space)
    return read.kind === "ok" ? { kind: "found", face: { ...read.embedding, source: "vector" }, ignoredFaces: 0 } : read
  }
  const found = await findFace(content.bytes, needs, options)
  switch (found.kind) {
    case "found":
      return { ...found, ignoredFaces: found.ignoredFaces.length }
    case "refused":
      return { kind: found.reason, why: found.why }
    case "no_face":
    case "several_faces":
    case "low_quality":
      return { kind: found.kind, why: explain(found) }
    case "abandoned":
      return { kind: "stopped" }
    case "overloaded":
    case "unavailable":
    case "expired":
    case "superseded":
      return { kind: "unavailable", why: explain(found) }
    default:
      return unreachable(found)
  }
}
