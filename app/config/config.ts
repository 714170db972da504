import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { type ParseError, parse, printParseErrorCode } from "jsonc-parser"
import { z } from "zod"
import { backupOptions } from "../backup/options.ts"
import { telemetryOptions } from "../base/options.ts"
import { projectRoot } from "../base/paths.ts"
import { isCompiled, resourcesFolder } from "../base/resources/folder.ts"
import type { Result } from "../base/result.ts"
import { enrolmentsOptions } from "../enrolment/options.ts"
import { sightingsOptions } from "../events/options.ts"
import { httpOptions } from "../http/options.ts"
import { inferenceOptions } from "../inference/options.ts"
import { peopleOptions } from "../people/options.ts"
import { recognitionOptions } from "../pipeline/options.ts"
import { vaultOptions } from "../vault/options.ts"

/** `edge-config/*.jsonc`: every key is optional, an unknown one is an error. */
const configFile = z.strictObject({
  dataFolder: z.string().min(1).default("gatehouse-data"),
  http: httpOptions.prefault({}),
  inference: inferenceOptions.prefault({}),
  recognition: recognitionOptions.prefault({}),
  people: peopleOptions.prefault({}),
  enrolments: enrolmentsOptions.prefault({}),
  sightings: sightingsOptions.prefault({}),
  backup: backupOptions.prefault({}),
  vault: vaultOptions.prefault({}),
  telemetry: telemetryOptions.prefault({}),
})

const whole = z.string().regex(/^\d+$/, "a whole number").transform(Number)

/** Environment variables, stronger than the file. */
const environment = z.object({
  GATEHOUSE_DATA: z.string().min(1).optional(),
  GATEHOUSE_HOST: z.string().min(1).optional(),
  GATEHOUSE_PORT: whole.optional(),
  GATEHOUSE_MODEL_DIR: z.string().min(1).optional(),
  GATEHOUSE_ENGINES: z.union([z.literal("auto"), whole]).optional(),
  GATEHOUSE_MODEL_SET: z.string().min(1).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string().min(1).optional(),
  GATEHOUSE_MASTER_KEY_FILE: z.string().min(1).optional(),
  GATEHOUSE_ADMIN_KEY: z.string().min(16, "at least 16 characters").optional(),
})

export interface Config extends Readonly<z.output<typeof configFile>> {
  /** Absolute. */
  readonly dataFolder: string
  readonly modelsFolder: string
  /** Where weights may lie besides their manifests' folders. */
  readonly modelSearchFolders: readonly string[]
  readonly adminKey: string | undefined
}

/** What a command line may say; stronger than the environment. */
export interface ConfigOverrides {
  readonly configFile?: string | undefined
  readonly dataFolder?: string | undefined
  readonly host?: string | undefined
  readonly port?: string | undefined
  readonly engines?: string | undefined
  readonly modelSet?: string | undefined
}

/** What is parsed once is not worth compiling a schema for, which would take longer than the parsing. */
const once = { jitless: true } as const

/**
 * File, then environment, then command line → one frozen `Config`; or one report that names every wrong value and where it
 * stands. Nothing is opened before this succeeded.
 */
export function readConfig(
  overrides: ConfigOverrides,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Result<Config> {
  const told = environment.safeParse(
    definedOnly({
      ...env,
      GATEHOUSE_DATA: overrides.dataFolder ?? env.GATEHOUSE_DATA,
      GATEHOUSE_HOST: overrides.host ?? env.GATEHOUSE_HOST,
      GATEHOUSE_PORT: overrides.port ?? env.GATEHOUSE_PORT,
      GATEHOUSE_ENGINES: overrides.engines ?? env.GATEHOUSE_ENGINES,
      GATEHOUSE_MODEL_SET: overrides.modelSet ?? env.GATEHOUSE_MODEL_SET,
    }),
    once,
  )
  if (!told.success) return { kind: "failed", why: `environment or options: ${z.prettifyError(told.error)}` }

  const path = overrides.configFile ?? env.GATEHOUSE_CONFIG ?? join(resourcesFolder(), "edge-config/default.jsonc")
  const read = readFile(path)
  if (read.kind === "failed") return read
  const { GATEHOUSE_HOST: host, GATEHOUSE_PORT: port, GATEHOUSE_ENGINES: engines, GATEHOUSE_MODEL_SET: modelSet } = told.data
  const parsed = configFile.safeParse(
    merge(read.value, {
      dataFolder: told.data.GATEHOUSE_DATA,
      http: { host, port },
      inference: { engines, modelSet },
      vault: { keyFile: told.data.GATEHOUSE_MASTER_KEY_FILE },
      telemetry: { otlpEndpoint: told.data.OTEL_EXPORTER_OTLP_ENDPOINT },
    }),
    once,
  )
  if (!parsed.success)
    return { kind: "failed", why: `${path}, with environment and options applied:\n${z.prettifyError(parsed.error)}` }
  const modelFolder = told.data.GATEHOUSE_MODEL_DIR
  return {
    kind: "ok",
    value: Object.freeze({
      ...parsed.data,
      dataFolder: resolve(parsed.data.dataFolder),
      vault: { ...parsed.data.vault, keyFile: parsed.data.vault.keyFile && resolve(parsed.data.vault.keyFile) },
      modelsFolder: join(resourcesFolder(), "models"),
      modelSearchFolders: modelFolder !== undefined ? [resolve(modelFolder)] : neighbouringModels(),
      adminKey: told.data.GATEHOUSE_ADMIN_KEY,
    }),
  }
}

/** Weights beside the checkout. The compiled file looks nowhere that it was not told. */
function neighbouringModels(): readonly string[] {
  return isCompiled ? [] : [resolve(projectRoot, "../shared/models")].filter((folder) => existsSync(folder))
}

function readFile(path: string): Result<unknown> {
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
function merge(under: unknown, over: unknown): unknown {
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

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** An empty variable is an unset one: that is how people switch one off in a unit file. */
function definedOnly(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([key, value]): [string, string][] =>
      value === undefined || value === "" ? [] : [[key, value]],
    ),
  )
}
