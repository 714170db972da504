import { readFileSync } from "node:fs"
import { type ParseError, parse, printParseErrorCode } from "jsonc-parser"
import type { Result } from "../base/result.ts"

/** A file of JSON with comments; a failure names it, and the line where it goes wrong. */
export function readJsoncFile(path: string): Result<unknown> {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (error) {
    return {
      kind: "failed",
      why: `cannot read the configuration ${path}: ${error instanceof Error ? error.message : String(error)}`,
    }
  }
  const errors: ParseError[] = []
  const value: unknown = parse(text, errors, { allowTrailingComma: true })
  const first = errors[0]
  if (first === undefined) return { kind: "ok", value: value ?? {} }
  const line = text.slice(0, first.offset).split("\n").length
  return { kind: "failed", why: `${path}, line ${line}: ${printParseErrorCode(first.error)}; the file is JSON with comments` }
}

/** Lays the defined parts of `over` on `under`; anything that is no object is for the schema to judge. */
export function merge(under: unknown, over: unknown): unknown {
  if (over === undefined) return under
  if (!isRecord(over)) return over
  const base = under === undefined ? {} : under
  if (!isRecord(base)) return base
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const laid = merge(base[key], value)
    if (laid !== undefined) merged[key] = laid
  }
  return merged
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
