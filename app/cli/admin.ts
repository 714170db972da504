import { existsSync } from "node:fs"
import { join } from "node:path"
import { Command } from "commander"
import { renewClaimCode } from "../access/claim.ts"
import { openKeys } from "../access/keys.ts"
import type { Result } from "../base/result.ts"
import type { Config } from "../config/config.ts"
import { dataFolderFiles, openDataFolder } from "../store/data-folder.ts"
import { type BoxOptions, folderWork, printJson } from "./command.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"

/** What is found out or made, how it is called as JSON, and what is said of it beside it. */
interface Work {
  readonly name: string
  readonly description: string
  readonly key: string
  readonly words: string
  run(context: CliContext, config: Config): Promise<Result<string>>
}

export function adminCommand(context: CliContext): Command {
  const command = new Command("admin").description("keys of this box; works on the machine itself alone")
  for (const work of [resetKey, claimCode, fingerprint]) command.addCommand(folderWork(context, work, doWork))
  return command
}

async function doWork(work: Work, context: CliContext, config: Config, options: BoxOptions): Promise<Outcome> {
  const done = await work.run(context, config)
  if (done.kind === "failed") return done
  if (options.json === true) printJson(context, { [work.key]: done.value })
  else {
    context.terminal.err(work.words)
    context.terminal.out(done.value)
  }
  return { kind: "yes" }
}

const resetKey: Work = {
  name: "reset-key",
  description: "make a new admin key and void the old one; a running box takes it at once",
  key: "adminKey",
  words: "New admin key; it is shown this once, and the box keeps only its hash:",
  run: ({ needs }, config) => needs.resetAdminKey(config),
}

const claimCode: Work = {
  name: "claim-code",
  description: "make a new one-time code for a box that nobody owns yet; a running box takes it at once",
  key: "claimCode",
  words: "Claim code, good for 15 minutes and 5 tries; whoever has it becomes the owner of the box at /setup:",
  async run(_, { dataFolder }) {
    // Opening would make it, and by this user, who may not be the box's.
    if (!existsSync(join(dataFolder, dataFolderFiles.database)))
      return { kind: "failed", why: `${dataFolder} is no data folder: start the box first, or name its folder with --data` }
    const opened = openDataFolder(dataFolder)
    if (opened.kind === "failed") return opened
    const renewed = renewClaimCode(opened.store, openKeys(opened.store))
    opened.store.close()
    return renewed
  },
}

const fingerprint: Work = {
  name: "fingerprint",
  description: "the SHA-256 fingerprint of the certificate that the running box shows over HTTPS",
  key: "fingerprint",
  words: "SHA-256 of the certificate, to be compared with what the browser shows:",
  async run(_, config) {
    const { shownCertificate } = await import("./shown-certificate.ts")
    return shownCertificate(config.http.tls)
  },
}
