import type { Gallery, Subject } from "../../gallery/gallery.ts"
import type { Enrolment } from "../../pipeline/enrol.ts"
import { explain } from "../explain.ts"
import { readPicture } from "../picture-file.ts"
import { counted } from "../terminal.ts"
import type { PersonFolder } from "./people.ts"
import type { PeopleDetails } from "./people-options.ts"

export type EnrolledFile = { readonly name: string; readonly file: string } & (
  | { readonly kind: "enrolled"; readonly subjectId: string; readonly faceId: string; readonly note: string }
  | { readonly kind: Exclude<Enrolment["kind"], "enrolled"> | PersonRefusal | "unreadable"; readonly why: string }
)

/** `not_added`: the gallery refuses what the options say of the person. */
type PersonRefusal = "ambiguous_name" | "not_added"

type FoundPerson =
  | { readonly kind: "known" | "new"; readonly subject: Subject }
  | { readonly kind: PersonRefusal; readonly why: string }

/** Two people for each of four engines: enough to keep them at work, few enough to wait in their queue. */
const peopleAtOnce = 8

/** Enrols everybody, in the order of the list. A new subject of whom no picture was good enough does not stay behind empty. */
export async function enrolFolder(
  people: readonly PersonFolder[],
  details: PeopleDetails,
  gallery: Pick<Gallery, "subjects" | "addSubject" | "updateSubject" | "deleteSubject">,
  enrolPicture: (picture: Uint8Array, subjectId: string) => Promise<Enrolment>,
  done: () => void,
): Promise<readonly EnrolledFile[]> {
  const results: (readonly EnrolledFile[])[] = []
  const left = people.entries()
  const enrolFromQueue = async () => {
    for (const [i, person] of left) results[i] = await enrolPerson(person)
  }
  await Promise.all(Array.from({ length: peopleAtOnce }, enrolFromQueue))
  return results.flat()

  async function enrolPerson({ name, files }: PersonFolder): Promise<readonly EnrolledFile[]> {
    const found = findPerson(name)
    if (!("subject" in found)) return files.map((file) => ({ name, file, ...found }))
    const enrolled: EnrolledFile[] = []
    for (const file of files) {
      enrolled.push({ name, file, ...(await enrolFile(file, found.subject)) })
      done()
    }
    if (found.kind === "new" && !enrolled.some((file) => file.kind === "enrolled")) gallery.deleteSubject(found.subject.id)
    return enrolled
  }

  /** By the external id where one is given, else by name; somebody new gets a subject, somebody known joins the groups. */
  function findPerson(name: string): FoundPerson {
    const { externalId, groups } = details
    const known = gallery.subjects({ limit: 1000, ...(externalId === undefined ? { name } : { externalId }) }).items
    const [first, second] = known
    if (second !== undefined) {
      const why = `${known.length} people in the gallery are called so; rename them, or enrol over HTTP by subject id`
      return { kind: "ambiguous_name", why }
    }
    if (first === undefined) {
      const added = gallery.addSubject({ name, ...details })
      if (added.kind === "added") return { kind: "new", subject: added.subject }
      return { kind: "not_added", why: added.kind === "unfit" ? added.why : `the external id is that of ${added.subjectId}` }
    }
    const joined = new Set([...first.groups, ...groups])
    if (joined.size === first.groups.length) return { kind: "known", subject: first }
    const updated = gallery.updateSubject(first.id, { groups: [...joined] })
    if (updated.kind === "updated") return { kind: "known", subject: updated.subject }
    return { kind: "not_added", why: updated.kind === "unfit" ? updated.why : "the person was deleted meanwhile" }
  }

  async function enrolFile(file: string, subject: Subject) {
    const picture = await readPicture(file)
    if (picture.kind === "failed") return { kind: "unreadable" as const, why: picture.why }
    const enrolment = await enrolPicture(picture.value, subject.id)
    if (enrolment.kind !== "enrolled") return { kind: enrolment.kind, why: explain(enrolment) }
    const ignored = enrolment.ignoredFaces.length
    const lookAlikes = enrolment.lookAlikes.map(
      (one) => `looks like ${one.name} (${one.similarity.toFixed(2)}, ${one.decision})`,
    )
    const note = [...(ignored === 0 ? [] : [`${counted(ignored, "smaller face")} ignored`]), ...lookAlikes].join("; ")
    return { kind: enrolment.kind, subjectId: subject.id, faceId: enrolment.face.id, note }
  }
}
