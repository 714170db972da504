import { z } from "zod"
import { groupsMax } from "./subject-details.ts"
import { nameCharactersMax } from "./subjects.ts"

/** What a person may be called, whichever door the name comes through. What holds between several fields is the gallery's to judge. */

/** Letters that would break a line, a terminal or a log of whoever shows the text; lone surrogates cannot be stored. */
const unprintable = /[\p{Cc}\p{Cs}\u2028\u2029]/u
export const isPrintable = (text: string) => !unprintable.test(text)
export const unprintableWords = "no control characters and no broken Unicode"

export const subjectName = z
  .string()
  .trim()
  .normalize()
  .min(1, "a name has at least one letter")
  .max(nameCharactersMax)
  .refine(isPrintable, `a name holds ${unprintableWords}`)

export const externalId = z
  .string()
  .min(1)
  .max(200)
  .refine(isPrintable, `an external id holds ${unprintableWords}`)
  .describe("the person's id in another system; no two people share one")

const groupName = z
  .string()
  .trim()
  .normalize()
  .min(1)
  .max(64)
  .refine(isPrintable, `the name of a group holds ${unprintableWords}`)

export const groupNames = z.array(groupName).max(groupsMax)
