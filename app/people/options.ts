import { z } from "zod"

const days = z.number().positive().max(36_500)

/** How long what is held of people stays. Sightings have options of their own. */
export const peopleOptions = z.strictObject({
  /** Pictures of enrolled faces leave at this age; the faces stay, and cannot be embedded again by another network. */
  chipsAgeMaxDays: days.nullable().default(null),
  /** A person who is not valid any more for so many days is erased, as if asked for: with a receipt, and for ever. */
  eraseAfterEndDays: z.number().min(0).max(36_500).nullable().default(null),
  /** So long a merge or a split can be undone. */
  undoDays: days.default(30),
})
export type PeopleOptions = z.output<typeof peopleOptions>
