import { rmSync } from "node:fs"
import { resolve } from "node:path"
import type { Command } from "commander"
import type { Unsealed } from "../backup/attach.ts"
import type { Manifest } from "../backup/file.ts"
import { checkBackup } from "../backup/make.ts"
import { restoreBackup } from "../backup/restore.ts"
import { isSealed, opensWithMaster, proveBackup, type Unsealing } from "../backup/sealing.ts"
import type { Result } from "../base/result.ts"
import type { Config } from "../config/config.ts"
import { findMasterKeys } from "../vault/master.ts"
import { readKeyFile, writeKeyFile } from "../vault/master-file.ts"
import { createMaterial } from "../vault/master-key.ts"
import { masterPlaces } from "../vault/open.ts"
import { type BoxOptions, end, jsonCommand, printJson, withConfig } from "./command.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"
import { askRecoveryKey, readRecoveryKey } from "./recovery-key.ts"
import { counted } from "./terminal.ts"

interface RestoreOptions extends BoxOptions {
  readonly replace?: boolean
  readonly check?: boolean
  readonly recoveryKeyFile?: string
}

export function restoreCommand(context: CliContext): Command {
  return jsonCommand("restore", "make the data folder of a backup; the box must be stopped")
    .argument("<file>", "what gatehouse backup wrote")
    .option("--replace", "put the gallery that is there aside and take its place")
    .option("--check", "only read the backup, and say whether it is whole")
    .option(
      "--recovery-key-file <file>",
      "the recovery key of the box that made it, - for standard input; else GATEHOUSE_RECOVERY_KEY, or it is asked for",
    )
    .option("--config <file>", "configuration file (GATEHOUSE_CONFIG)")
    .option("--data <folder>", "data folder (GATEHOUSE_DATA)")
    .action(async (file: string, options: RestoreOptions) =>
      end(
        context,
        options,
        withConfig(options, (config) =>
          options.check === true ? check(context, config, file, options) : run(context, config, file, options),
        ),
      ),
    )
}

async function check(context: CliContext, config: Config, file: string, options: RestoreOptions): Promise<Outcome> {
  const checked = await checkBackup(resolve(file))
  if (checked.kind === "failed") return checked
  const opened = isSealed(checked.value) ? await tryKeys(resolve(file), checked.value, config, options) : undefined
  if (opened?.kind === "failed") return opened
  if (options.json === true) printJson(context, { ...checked.value, ...(opened && { opensWith: opened.value }) })
  else {
    context.terminal.out(`${file} is whole: ${describe(checked.value)}`)
    if (opened !== undefined) context.terminal.out(wordsFor(opened.value))
  }
  return { kind: "yes" }
}

type OpensWith = Unsealing["by"] | "not_tried"

/** Nobody is asked for the recovery key: who wants to know whether it is the right one gives it. */
async function tryKeys(file: string, manifest: Manifest, config: Config, options: RestoreOptions): Promise<Result<OpensWith>> {
  const masters = findMasterKeys(masterPlaces(config.dataFolder, config.vault))
  if (masters.kind === "failed") return masters
  const given = readRecoveryKey(options.recoveryKeyFile)
  if (given.kind === "failed") return given
  const offered = masters.value.map(({ material }) => material)
  if (given.value === undefined && !(await opensWithMaster(file, manifest, offered))) return { kind: "ok", value: "not_tried" }
  // Who gives it wants to know of it.
  const keys = given.value === undefined ? { offered } : { offered: [], recoveryKey: () => given.value }
  const proven = await proveBackup(file, manifest, keys)
  return proven.kind === "failed" ? proven : { kind: "ok", value: proven.value.by }
}

function wordsFor(opensWith: OpensWith): string {
  switch (opensWith) {
    case "master_key":
      return "It is sealed, and opens with the master key of this machine"
    case "recovery_key":
      return "It is sealed, and opens with this recovery key"
    case "not_tried":
      return "It is sealed under another master key: whether it opens was not tried; give the recovery key with --recovery-key-file"
  }
}

async function run(context: CliContext, config: Config, file: string, options: RestoreOptions): Promise<Outcome> {
  const masters = findMasterKeys(masterPlaces(config.dataFolder, config.vault))
  if (masters.kind === "failed") return masters
  const given = readRecoveryKey(options.recoveryKeyFile)
  if (given.kind === "failed") return given
  const told = { replace: options.replace === true, backupsFolder: config.backup.folder }
  const restored = await restoreBackup(resolve(file), config.dataFolder, told, {
    offered: masters.value.map(({ material }) => material),
    recoveryKey: () => given.value ?? askRecoveryKey(),
    makeMaster: () => makeMaster(config),
  })
  if (restored.kind === "failed") return restored
  const { manifest, asideFolder, unsealed, hearsErasuresFirst } = restored.value
  if (options.json === true) printJson(context, { dataFolder: config.dataFolder, ...restored.value })
  else {
    context.terminal.out(`${config.dataFolder} holds ${describe(manifest)}`)
    if (unsealed !== undefined) context.terminal.out(describeKeys(unsealed, config))
    if (hearsErasuresFirst)
      context.terminal.out(
        "The box belongs to a site: it recognises nobody until it has heard from the hub who was erased since, or has left the site (gatehouse sync leave)",
      )
    if (asideFolder !== undefined)
      context.terminal.out(`What was there before lies in ${asideFolder}; delete it when it is not needed`)
  }
  return { kind: "yes" }
}

/** In the place that the configuration names; there is none yet. */
function makeMaster({ dataFolder, vault: { keyFile } }: Config): Result<Uint8Array> {
  if (keyFile === null) {
    const why =
      "this machine has no master key, and no place for one: name a file outside the data folder in vault.keyFile or GATEHOUSE_MASTER_KEY_FILE, which is made then, or give a systemd credential (docs/operations.md)"
    return { kind: "failed", why }
  }
  const material = createMaterial()
  const written = writeKeyFile(keyFile, material)
  if (written.kind === "failed") return written
  const read = readKeyFile(keyFile, dataFolder)
  if (read?.kind === "failed") rmSync(keyFile, { force: true })
  return read?.kind === "failed" ? read : { kind: "ok", value: material }
}

function describeKeys({ by, masterId, shredded }: Unsealed, { vault: { keyFile } }: Config): string {
  const opened = by === "master_key" ? "the master key of this machine" : "the recovery key, which stays as it is"
  const lies = keyFile === null ? "" : `, which is to be found in ${keyFile}`
  const gone = shredded === 0 ? "" : `; ${counted(shredded, "key")} had been taken out of it: who was erased is not in it`
  return `It was opened with ${opened}, and lies under the master key ${masterId} now${lies}${gone}`
}

function describe({
  rows,
  createdAtMs,
  program,
}: {
  rows: Readonly<Record<string, number>>
  createdAtMs: number
  program: string
}) {
  const { subjects = 0, faces = 0, sightings = 0 } = rows
  const held = `${counted(subjects, "person", "people")}, ${counted(faces, "face")}, ${counted(sightings, "sighting")}`
  return `${held}, of ${new Date(createdAtMs).toISOString()}, written by Gatehouse ${program}`
}
