import { z } from "zod"

/** Versions in the words of HTTP (RFC 9110, 8.8 and 13). */

const list = z
  .string()
  .max(1000)
  .regex(/^(\*|(W\/)?"[!#-~]*"( *, *(W\/)?"[!#-~]*")*)$/, 'an ETag with its quotes ("3"), several with commas between, or *')
  .optional()

export const ifMatchHeaders = z.object({
  "if-match": list.describe("only when this is still the ETag; else nothing is changed and the answer is 412"),
})

export const ifNoneMatchHeaders = z.object({
  "if-none-match": list.describe("answer 304 without a body while this is still the ETag"),
})

/** For `answerHeaders`. */
export const etagHeader = { etag: "the version, for If-Match and If-None-Match" } as const

interface Versioned {
  readonly version: number
}

export function etagOf({ version }: Versioned): string {
  return `"${version}"`
}

/** Absent: whatever is there. A weak tag never matches: it promises too little to overwrite by. */
export function ifMatch(tags: string | undefined): (present: Versioned) => boolean {
  return (present) => tags === undefined || tags === "*" || tagsOf(tags).includes(etagOf(present))
}

/** Whether the caller has this version already. */
export function isKnown(present: Versioned, tags: string | undefined): boolean {
  if (tags === undefined) return false
  return tags === "*" || tagsOf(tags).some((tag) => tag.replace(/^W\//, "") === etagOf(present))
}

function tagsOf(tags: string): string[] {
  return tags.split(",").map((tag) => tag.trim())
}
