import { assert } from "../base/assert.ts"

/** Numbers are whole ones, so that every language writes them alike. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/**
 * The one way to write a value (RFC 8785): no blanks, keys in the order of their UTF-16 code units. Two programs that agree on a
 * value agree on its bytes, and so on its signature.
 */
export function canonicalJson(value: Json): string {
  if (isList(value)) return `[${value.map(canonicalJson).join(",")}]`
  if (value !== null && typeof value === "object") {
    const keys = Object.keys(value).sort()
    return `{${keys.map((key) => `${canonicalJson(key)}:${canonicalJson(value[key] ?? null)}`).join(",")}}`
  }
  assert(isSignable(value), "numbers that are signed are whole ones, and texts are Unicode")
  return JSON.stringify(value)
}

/** Whether there is one way to write it; what somebody else hands us need not have one. */
export function isSignable(value: Json): boolean {
  if (isList(value)) return value.every(isSignable)
  if (value !== null && typeof value === "object")
    return Object.entries(value).every(([key, member]) => key.isWellFormed() && isSignable(member))
  return typeof value === "number" ? Number.isSafeInteger(value) : typeof value !== "string" || value.isWellFormed()
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
