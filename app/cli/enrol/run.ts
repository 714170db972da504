import { type EnrolItemNeeds, type EnrolItemOptions, enrolItem } from "../../enrolment/enrol-item.ts"
import type { Item, Outcome } from "../../enrolment/item.ts"
import type { Ledger } from "../../enrolment/ledger.ts"
import { createPeople } from "../../enrolment/people.ts"
import { type Worked, workOff } from "../../enrolment/work.ts"
import type { Gallery } from "../../gallery/gallery.ts"
import { counted } from "../terminal.ts"
import type { GivenPeople } from "./source.ts"

export type EnrolledFile = { readonly name: string; readonly file: string } & (
  | { readonly kind: "enrolled" | "duplicate"; readonly subjectId: string; readonly faceId: string; readonly note: string }
  | { readonly kind: Exclude<Outcome["kind"], "enrolled" | "duplicate" | "stopped">; readonly why: string }
)

export type RunNeeds = Omit<EnrolItemNeeds, "people" | "ledger" | "gallery"> & {
  readonly gallery: Pick<Gallery, "subjects" | "addSubject" | "updateSubject" | "addFace">
}

/** Two pictures for each of four engines: enough to keep them at work, few enough to wait in their queue. */
const atOnce = 8

/** Enrols everybody, and tells of all of them in the order of the source. A command that is run again does nothing twice. */
export async function enrolPeople(
  { source, details }: Pick<GivenPeople, "source" | "details">,
  needs: RunNeeds,
  options: Omit<EnrolItemOptions, "signal">,
  done: () => void,
): Promise<{ readonly worked: Worked; readonly files: readonly EnrolledFile[] }> {
  const { signal } = new AbortController()
  const files: EnrolledFile[] = []
  const ledger: Ledger = {
    isDone: () => false,
    personAdded: () => undefined,
    enrolled: () => undefined,
    settled(item, outcome) {
      files[item.position] = toFile(item, outcome)
      done()
    },
  }
  const itemNeeds = { ...needs, people: createPeople(needs.gallery, details.groups), ledger }
  const worked = await workOff(source, ledger, (item) => enrolItem(item, itemNeeds, { ...options, signal }), atOnce, signal)
  // Where it broke off, some before that may be missing.
  return { worked, files: files.filter((file) => file !== undefined) }
}

function toFile({ person, file }: Item, outcome: Exclude<Outcome, { kind: "stopped" }>): EnrolledFile {
  const name = person?.name ?? ""
  switch (outcome.kind) {
    case "enrolled": {
      const { subjectId, faceId, ignoredFaces, lookAlikes } = outcome
      const near = lookAlikes.map((one) => `looks like ${one.name} (${one.similarity.toFixed(2)}, ${one.decision})`)
      const note = [...(ignoredFaces === 0 ? [] : [`${counted(ignoredFaces, "smaller face")} ignored`]), ...near].join("; ")
      return { name, file, kind: "enrolled", subjectId, faceId, note }
    }
    case "duplicate":
      return {
        name,
        file,
        kind: "duplicate",
        subjectId: outcome.subjectId,
        faceId: outcome.faceId,
        note: "was enrolled before",
      }
    default:
      return { name, file, kind: outcome.kind, why: outcome.why }
  }
}
