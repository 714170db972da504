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
  assert(typeof value !== "number" || Number.isSafeInteger(value), "a number that is signed is a whole one")
  assert(typeof value !== "string" || value.isWellFormed(), "a text that is signed is Unicode")
  return JSON.stringify(value)
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
