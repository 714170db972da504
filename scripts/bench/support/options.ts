import { type ParseArgsConfig, parseArgs } from "node:util"
import { z } from "zod"
import type { Result } from "../../../app/base/result.ts"

export type OptionsTable = NonNullable<ParseArgsConfig["options"]>

/** `--seconds 60 --unloaded-seconds 5` → what `schema` makes of `{ seconds: "60", unloadedSeconds: "5" }`. */
export function readOptions<Schema extends z.ZodType>(
  argv: readonly string[],
  table: OptionsTable,
  schema: Schema,
): Result<z.output<Schema>> {
  try {
    const { values } = parseArgs({ args: [...argv], options: table, allowPositionals: false })
    const told = Object.fromEntries(Object.entries(values).map(([name, value]) => [toCamelCase(name), value]))
    const parsed = schema.safeParse(told)
    if (parsed.success) return { kind: "ok", value: parsed.data }
    return { kind: "failed", why: z.prettifyError(parsed.error) }
  } catch (error) {
    // parseArgs words it for the person who typed: an unknown option, a missing value.
    return { kind: "failed", why: error instanceof Error ? error.message : String(error) }
  }
}

function toCamelCase(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** Ends the program with the reason and how it is used; exit code 2 as everywhere in the program. */
export function optionsOrExit<Value>(read: Result<Value>, usage: string): Value {
  if (read.kind === "ok") return read.value
  console.error(`${read.why}\n\n${usage}`)
  process.exit(2)
}

export const positive = z.coerce.number().positive()
export const count = z.coerce.number().pipe(z.int().min(1))
export const notNegative = z.coerce.number().min(0)
