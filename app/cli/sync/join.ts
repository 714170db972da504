import { readFileSync } from "node:fs"
import type { Command } from "commander"
import { type BoxOptions, end, folderCommand, printJson } from "../command.ts"
import type { CliContext } from "../needs.ts"
import type { Outcome } from "../outcome.ts"
import { atHub, countOf, readAccessFile, withSync } from "./opened.ts"

type JoinOptions = BoxOptions & { readonly access: string; readonly token: string; readonly wait: string }

export function joinCommand(context: CliContext): Command {
  return folderCommand("join", "make this box a member of a site; its first box has to run meanwhile")
    .requiredOption("--access <file>", "of this box, as `gatehouse hub add-box` wrote it")
    .requiredOption("--token <token>", "that `gatehouse sync invite` printed for this box; - reads it from standard input")
    .option("--wait <seconds>", "for the answer", "60")
    .action((options: JoinOptions) => end(context, options, join(context, options)))
}

const lookEveryMs = 500

async function join(context: CliContext, options: JoinOptions): Promise<Outcome> {
  const seconds = countOf("--wait", options.wait)
  if (seconds.kind === "failed") return seconds
  const access = await readAccessFile(options.access)
  if (access.kind === "failed") return access
  const token = options.token === "-" ? readFileSync(0, "utf8") : options.token
  return withSync(options, async ({ sync }) => {
    const { joinSite, readTokenFor } = await import("../../sync/site/join.ts")
    const { settings } = sync
    const read = readTokenFor(settings, access.value, token)
    if (read.kind === "failed") return read
    return atHub(access.value, async (hub) => {
      const untilMs = performance.now() + seconds.value * 1000
      const again = async () => {
        await Bun.sleep(lookEveryMs)
        return performance.now() < untilMs
      }
      const joined = await joinSite({ settings, hub, access: access.value, token, nowMs: Date.now, again })
      if (joined.kind === "failed") return joined
      sync.enter(joined.value.box)
      const { site, name, members } = joined.value
      if (options.json === true) printJson(context, joined.value)
      else
        context.terminal.out(
          `this box is ${name} of the site ${site} now, one of ${members}. While it runs, it fetches who is known there and gives whom it knows.`,
        )
      return { kind: "yes" }
    })
  })
}
