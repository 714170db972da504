import type { Gallery, Subject } from "../../gallery/gallery.ts"
import type { Enrolment } from "../../pipeline/enrol.ts"
import { explain } from "../explain.ts"
import { readPicture } from "../picture-file.ts"
import { counted } from "../terminal.ts"
import type { PersonFolder } from "./people.ts"

export type EnrolledFile = { readonly name: string; readonly file: string } & (
  | { readonly kind: "enrolled"; readonly subjectId: string; readonly faceId: string; readonly note: string }
  | { readonly kind: Exclude<Enrolment["kind"], "enrolled"> | "unreadable" | "ambiguous_name"; readonly why: string }
)

/** Two people for each of four engines: enough to keep them at work, few enough to wait in their queue. */
const peopleAtOnce = 8

/** Enrols everybody, in the order of the list. A new subject of whom no picture was good enough does not stay behind empty. */
export async function enrolFolder(
  people: readonly PersonFolder[],
  gallery: Pick<Gallery, "subjectsNamed" | "createSubject" | "deleteSubject">,
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
    const known = gallery.subjectsNamed(name)
    const [first, second] = known
    if (second !== undefined) {
      const why = `${known.length} people in the gallery are called so; rename them, or enrol over HTTP by subject id`
      return files.map((file) => ({ name, file, kind: "ambiguous_name", why }))
    }
    const subject = first ?? gallery.createSubject(name)
    const enrolled: EnrolledFile[] = []
    for (const file of files) {
      enrolled.push({ name, file, ...(await enrolFile(file, subject)) })
      done()
    }
    if (first === undefined && !enrolled.some((file) => file.kind === "enrolled")) gallery.deleteSubject(subject.id)
    return enrolled
  }

  async function enrolFile(file: string, subject: Subject) {
    const picture = await readPicture(file)
    if (picture.kind === "failed") return { kind: "unreadable" as const, why: picture.why }
    const enrolment = await enrolPicture(picture.value, subject.id)
    if (enrolment.kind !== "enrolled") return { kind: enrolment.kind, why: explain(enrolment) }
    const ignored = enrolment.ignoredFaces.length
    const note = ignored === 0 ? "" : `${counted(ignored, "smaller face")} ignored`
    return { kind: enrolment.kind, subjectId: subject.id, faceId: enrolment.face.id, note }
  }
}
