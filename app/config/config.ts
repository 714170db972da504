import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import { z } from "zod"
import { accessOptions } from "../access/options.ts"
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
import { syncOptions } from "../sync/options.ts"
import { vaultOptions } from "../vault/options.ts"
import { isRecord, merge, readJsoncFile } from "./jsonc-file.ts"
import { detectProfile, type Profile, profileChoice } from "./profile.ts"

/** `edge-config/*.jsonc`: every key is optional, an unknown one is an error. */
const configFile = z.strictObject({
  profile: profileChoice.default("auto"),
  dataFolder: z.string().min(1).default("gatehouse-data"),
  http: httpOptions.prefault({}),
  access: accessOptions.prefault({}),
  inference: inferenceOptions.prefault({}),
  recognition: recognitionOptions.prefault({}),
  people: peopleOptions.prefault({}),
  enrolments: enrolmentsOptions.prefault({}),
  sightings: sightingsOptions.prefault({}),
  backup: backupOptions.prefault({}),
  sync: syncOptions.prefault({}),
  vault: vaultOptions.prefault({}),
  telemetry: telemetryOptions.prefault({}),
})

const whole = z.string().regex(/^\d+$/, "a whole number").transform(Number)

/** Environment variables, stronger than the file. */
const environment = z.object({
  GATEHOUSE_PROFILE: profileChoice.optional(),
  GATEHOUSE_DATA: z.string().min(1).optional(),
  GATEHOUSE_HOST: z.string().min(1).optional(),
  GATEHOUSE_PORT: whole.optional(),
  GATEHOUSE_MODEL_DIR: z.string().min(1).optional(),
  GATEHOUSE_ENGINES: z.union([z.literal("auto"), whole]).optional(),
  GATEHOUSE_MODEL_SET: z.string().min(1).optional(),
  GATEHOUSE_ORT_LIB: z.string().min(1).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string().min(1).optional(),
  GATEHOUSE_MASTER_KEY_FILE: z.string().min(1).optional(),
  GATEHOUSE_CLAIM: accessOptions.shape.claim.unwrap().optional(),
  GATEHOUSE_ADMIN_KEY: z.string().min(16, "at least 16 characters").optional(),
})

export interface Config extends Readonly<Omit<z.output<typeof configFile>, "profile">> {
  readonly profile: Profile
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
  readonly profile?: string | undefined
  readonly dataFolder?: string | undefined
  readonly host?: string | undefined
  readonly port?: string | undefined
  readonly engines?: string | undefined
  readonly modelSet?: string | undefined
}

/** What is parsed once is not worth compiling a schema for, which would take longer than the parsing. */
const once = { jitless: true } as const

/**
 * Defaults, then the machine's profile, then the owner's file, environment, and command line → one frozen `Config`; or one report
 * that names every wrong value and where it stands. Nothing is opened before this succeeded.
 */
export function readConfig(
  overrides: ConfigOverrides,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Result<Config> {
  const told = environment.safeParse(
    definedOnly({
      ...env,
      GATEHOUSE_PROFILE: overrides.profile ?? env.GATEHOUSE_PROFILE,
      GATEHOUSE_DATA: overrides.dataFolder ?? env.GATEHOUSE_DATA,
      GATEHOUSE_HOST: overrides.host ?? env.GATEHOUSE_HOST,
      GATEHOUSE_PORT: overrides.port ?? env.GATEHOUSE_PORT,
      GATEHOUSE_ENGINES: overrides.engines ?? env.GATEHOUSE_ENGINES,
      GATEHOUSE_MODEL_SET: overrides.modelSet ?? env.GATEHOUSE_MODEL_SET,
    }),
    once,
  )
  if (!told.success) return { kind: "failed", why: `environment or options: ${z.prettifyError(told.error)}` }

  const ownersFile = overrides.configFile ?? (env.GATEHOUSE_CONFIG || serviceFile(env))
  const path = ownersFile ?? shippedFile("default")
  const read = readJsoncFile(path)
  if (read.kind === "failed") return read
  const profile = chooseProfile(overrides.profile, told.data.GATEHOUSE_PROFILE, read.value)
  const settings = withProfile(profile, read.value, ownersFile !== undefined)
  if (settings.kind === "failed") return settings
  const { GATEHOUSE_HOST: host, GATEHOUSE_PORT: port, GATEHOUSE_ENGINES: engines, GATEHOUSE_MODEL_SET: modelSet } = told.data
  const parsed = configFile.safeParse(
    merge(settings.value, {
      dataFolder: told.data.GATEHOUSE_DATA,
      http: { host, port },
      inference: { engines, modelSet, ortLibrary: told.data.GATEHOUSE_ORT_LIB },
      access: { claim: told.data.GATEHOUSE_CLAIM },
      vault: { keyFile: told.data.GATEHOUSE_MASTER_KEY_FILE },
      telemetry: { otlpEndpoint: told.data.OTEL_EXPORTER_OTLP_ENDPOINT },
    }),
    once,
  )
  if (!parsed.success)
    return {
      kind: "failed",
      why: `${path}, with profile ${profile.name}, environment and options applied:\n${z.prettifyError(parsed.error)}`,
    }
  const modelFolder = told.data.GATEHOUSE_MODEL_DIR
  return {
    kind: "ok",
    value: Object.freeze({
      ...parsed.data,
      profile,
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

/** Where a service has it: systemd names the folder for `ConfigurationDirectory=`. Nobody needs to have put one there. */
function serviceFile(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const folder = env.CONFIGURATION_DIRECTORY?.split(":")[0]
  if (folder === undefined || folder === "") return undefined
  const path = join(folder, "config.jsonc")
  return existsSync(path) ? path : undefined
}

function shippedFile(profile: Profile["name"]): string {
  return join(resourcesFolder(), `edge-config/${profile}.jsonc`)
}

/** The strongest word counts; nobody's word, or `auto`, lets the machine be looked at. */
function chooseProfile(option: string | undefined, environment: string | undefined, file: unknown): Profile {
  const words = [
    { word: environment, chosenBy: option === undefined ? "environment" : "option" },
    { word: isRecord(file) ? file.profile : undefined, chosenBy: "file" },
  ] as const
  const said = words.find(({ word }) => word !== undefined)
  // A wrong word in the file is for the schema to report.
  const parsed = profileChoice.safeParse(said?.word)
  if (said === undefined || !parsed.success || parsed.data === "auto") return { ...detectProfile(), chosenBy: "detection" }
  const by = { option: "by --profile", environment: "by GATEHOUSE_PROFILE", file: "in the configuration file" }
  return { name: parsed.data, chosenBy: said.chosenBy, reason: `chosen ${by[said.chosenBy]}` }
}

/**
 * The profile goes over the shipped defaults and below the owner's file.
 * @param isOwners whether `settings` are the owner's, or else the shipped defaults
 */
function withProfile({ name }: Profile, settings: unknown, isOwners: boolean): Result<unknown> {
  if (name === "default") return { kind: "ok", value: settings }
  const read = readJsoncFile(shippedFile(name))
  if (read.kind === "failed") return read
  return { kind: "ok", value: isOwners ? merge(read.value, settings) : merge(settings, read.value) }
}

/** An empty variable is an unset one: that is how people switch one off in a unit file. */
function definedOnly(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([key, value]): [string, string][] =>
      value === undefined || value === "" ? [] : [[key, value]],
    ),
  )
}
