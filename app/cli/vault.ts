import { existsSync } from "node:fs"
import { join } from "node:path"
import { Command } from "commander"
import { silentLog } from "../base/log.ts"
import { type OpenedFolder, openBoxFolder } from "../box/open.ts"
import { makeRecoveryKey, needsRecoveryKey } from "../box/recovery.ts"
import { rotateMasterKey } from "../box/rotate.ts"
import type { Config } from "../config/config.ts"
import { dataFolderFiles } from "../store/data-folder.ts"
import { openVaultRows } from "../store/vault-rows.ts"
import { writeKeyFile } from "../vault/master-file.ts"
import { createMaterial } from "../vault/master-key.ts"
import { masterPlaces } from "../vault/open.ts"
import { type BoxOptions, end, folderWork, type JsonOption, jsonCommand, printJson } from "./command.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"
import { counted, startProgress } from "./terminal.ts"

/** What is done with an opened folder; its result is printed as JSON, or as `words` says it. */
interface Work {
  readonly name: string
  readonly description: string
  run(context: CliContext, folder: OpenedFolder, config: Config): Promise<Outcome | Told>
}

interface Told {
  readonly kind: "told"
  readonly result: object
  readonly words: string
}

export function vaultCommand(context: CliContext): Command {
  const command = new Command("vault").description("how the data folder is sealed, and its keys")
  for (const work of [statusWork, rotateWork, recoveryWork]) command.addCommand(folderWork(context, work, doWork))
  return command.addCommand(makeKeyCommand(context))
}

async function doWork(work: Work, context: CliContext, config: Config, options: BoxOptions): Promise<Outcome> {
  const database = join(config.dataFolder, dataFolderFiles.database)
  // Opening would make it.
  if (!existsSync(database))
    return { kind: "failed", why: `${database} is not there: give the data folder of the box with --data or GATEHOUSE_DATA` }
  const opened = openBoxFolder(config, { log: silentLog, seals: false })
  if (opened.kind !== "ok") return opened
  try {
    const ended = await work.run(context, opened.value, config)
    if (ended.kind !== "told") return ended
    if (options.json === true) printJson(context, ended.result)
    else context.terminal.out(ended.words)
    return { kind: "yes" }
  } finally {
    opened.value.store.close()
  }
}

const statusWork: Work = {
  name: "status",
  description: "whether it is sealed, under which master key, and what a thief of the disk could read",
  async run(_, folder) {
    const { store, vault } = folder
    const { exposure } = vault
    if (vault.sealed === undefined)
      return { kind: "told", result: { sealed: false, exposure }, words: wordsOf(exposure, "not sealed") }
    const rows = openVaultRows(store)
    const { current, retired } = vault.sealed.masters()
    const left = retired.reduce((sum, { id }) => sum + rows.wrappedCount(id), 0)
    const result = {
      sealed: true,
      suite: vault.suite.name,
      by: vault.suite.by,
      masterId: current.id,
      keys: rows.wrappedCount(current.id) + left,
      recoveryKey: !needsRecoveryKey(folder),
      rotation: retired[0] === undefined ? null : { retiredId: retired[0].id, keysLeft: left },
      exposure,
    }
    const lines = [
      `sealed by the suite ${result.suite} (${result.by}), ${counted(result.keys, "key")} under the master key ${result.masterId}`,
      result.recoveryKey ? "a recovery key has been given out" : "no recovery key yet: gatehouse vault recovery shows one",
      ...(result.rotation === null
        ? []
        : [`a rotation is under way, ${counted(left, "key")} left: gatehouse vault rotate ends it`]),
    ]
    return { kind: "told", result, words: wordsOf(exposure, lines.join("\n")) }
  },
}

function wordsOf({ text, remedy }: OpenedFolder["vault"]["exposure"], first: string): string {
  return [first, text, ...(remedy === undefined ? [] : [`→ ${remedy}`])].join("\n")
}

const rotateWork: Work = {
  name: "rotate",
  description: "give it another master key, while the box runs; run it again after an interruption",
  async run({ terminal }, folder, config) {
    using progress = startProgress(terminal, "keys", openVaultRows(folder.store).wrappedCount(masterIdOf(folder)))
    let shown = 0
    const rotated = await rotateMasterKey(folder, masterPlaces(config.dataFolder, config.vault), (done) => {
      for (; shown < done; shown++) progress.step()
    })
    if (rotated.kind === "failed") return rotated
    const { masterId, retiredId, keys, resumed } = rotated.value
    const again = resumed ? "the rotation that was interrupted is done: " : ""
    const words = `${again}${counted(keys, "key")} lie under the master key ${masterId} now. Nothing needs ${retiredId} any more but backups that were made before; those open with the recovery key too`
    return { kind: "told", result: rotated.value, words }
  },
}

function masterIdOf({ vault }: OpenedFolder): string {
  return vault.sealed?.masters().current.id ?? ""
}

const recoveryWork: Work = {
  name: "recovery",
  description: "show a new recovery key, this once: backups from now on open with it alone, and no longer with the one before",
  async run({ terminal }, folder) {
    const made = makeRecoveryKey(folder)
    if (made.kind === "failed") return made
    terminal.err(recoveryWords)
    return { kind: "told", result: { recoveryKey: made.value }, words: made.value }
  },
}

/** Said before the key itself. */
export const recoveryWords =
  "Recovery key; it is shown this once. Write it on paper and keep it apart from the box: with it alone a backup opens on another machine"

function makeKeyCommand(context: CliContext): Command {
  return jsonCommand("make-key", "make a master key in a new file that only this user can read")
    .argument("<file>", "outside the data folder, better on another disk; vault.keyFile names it then")
    .action(async (file: string, options: JsonOption) => {
      const written = writeKeyFile(file, createMaterial())
      if (written.kind === "ok") {
        if (options.json === true) printJson(context, { file })
        else context.terminal.out(`${file}: a master key; name it in vault.keyFile or GATEHOUSE_MASTER_KEY_FILE`)
      }
      await end(context, options, written.kind === "failed" ? written : { kind: "yes" })
    })
}
