import type { Also, Gallery, Subject } from "../gallery/gallery.ts"
import type { PersonKey, Refusal } from "./item.ts"

export type FoundPerson =
  | { readonly kind: "known"; readonly subject: Subject }
  /** Somebody new. */
  | { readonly kind: "nobody" }
  | PersonRefusal

export type PersonRefusal = {
  readonly kind: Extract<Refusal, "ambiguous_name" | "not_added">
  readonly why: string
}

/** The people a job enrols, in the gallery. */
export interface People {
  /** By the external id where one is given, else by name. Nothing is written. */
  find(person: PersonKey): FoundPerson
  /** Makes somebody known a member of the job's groups, too; nothing is written where they are. */
  join(subject: Subject): { readonly kind: "known"; readonly subject: Subject } | PersonRefusal
  /** @param also runs in the transaction that adds the person */
  add(person: PersonKey, also: Also): { readonly kind: "known"; readonly subject: Subject } | PersonRefusal
}

/** Two are enough to know that a name is not one person's. */
const namesakesMax = 2

export function createPeople(
  gallery: Pick<Gallery, "subjects" | "addSubject" | "updateSubject">,
  groups: readonly string[],
): People {
  return {
    find({ name, externalId }) {
      const asked = externalId === undefined ? { name } : { externalId }
      const [first, second] = gallery.subjects({ limit: namesakesMax, ...asked }).items
      if (second !== undefined) {
        const why = "several people in the gallery are called so; rename them, say their externalId, or enrol by subject id"
        return { kind: "ambiguous_name", why }
      }
      return first === undefined ? { kind: "nobody" } : { kind: "known", subject: first }
    },

    join(subject) {
      const joined = new Set([...subject.groups, ...groups])
      if (joined.size === subject.groups.length) return { kind: "known", subject }
      const updated = gallery.updateSubject(subject.id, { groups: [...joined] })
      if (updated.kind === "updated") return { kind: "known", subject: updated.subject }
      return { kind: "not_added", why: updated.kind === "unfit" ? updated.why : "the person was deleted meanwhile" }
    },

    add({ name, externalId }, also) {
      const added = gallery.addSubject({ name, externalId, groups }, also)
      if (added.kind === "added") return { kind: "known", subject: added.subject }
      return { kind: "not_added", why: added.kind === "unfit" ? added.why : `the external id is that of ${added.subjectId}` }
    },
  }
}
