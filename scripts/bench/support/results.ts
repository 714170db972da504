import { mkdir, readFile, writeFile } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { z } from "zod"
import type { Result } from "../../../app/base/result.ts"
import { machineSchema } from "./machine.ts"

/**
 * One quantity of a run, with a value for each repetition inside it: round after round, so that two files taken in alternation
 * can be compared pair by pair.
 */
export const figureSchema = z.strictObject({
  name: z.string(),
  unit: z.enum(["ms", "1/s", "share", "ratio", "MB", "MB/min", "count"]),
  better: z.enum(["lower", "higher"]),
  /** Whether a regression of it fails `compare`: p99, error rate, throughput. */
  gated: z.boolean(),
  values: z.array(z.number()).min(1),
})
export type Figure = z.output<typeof figureSchema>

/** What was promised and what came out. */
export const targetSchema = z.strictObject({ what: z.string(), wanted: z.string(), measured: z.string(), met: z.boolean() })
export type Target = z.output<typeof targetSchema>

/** What every benchmark writes. `details` belong to the benchmark named by `kind`. */
export const resultSchema = z.strictObject({
  kind: z.enum(["recognise", "peers", "load", "models", "search", "sealed", "writes", "jitter"]),
  startedAt: z.iso.datetime(),
  machine: machineSchema,
  options: z.record(z.string(), z.unknown()),
  figures: z.array(figureSchema),
  targets: z.array(targetSchema),
  details: z.unknown(),
})
export type BenchResult = z.output<typeof resultSchema>

export async function writeResult(path: string, result: BenchResult): Promise<string> {
  const file = resolve(path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, `${JSON.stringify(resultSchema.parse(result), null, 1)}\n`)
  return file
}

export async function readResult(path: string): Promise<Result<BenchResult>> {
  try {
    const parsed = resultSchema.safeParse(JSON.parse(await readFile(path, "utf8")))
    if (parsed.success) return { kind: "ok", value: parsed.data }
    return { kind: "failed", why: `${path} is no result of a benchmark:\n${z.prettifyError(parsed.error)}` }
  } catch (error) {
    return { kind: "failed", why: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}` }
  }
}

export function printTargets(targets: readonly Target[]): void {
  for (const { what, wanted, measured, met } of targets)
    console.log(`${met ? "met    " : "MISSED "} ${what}: ${measured} (wanted ${wanted})`)
}
