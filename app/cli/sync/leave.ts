import type { Command } from "commander"
import { type BoxOptions, end, folderCommand, printJson } from "../command.ts"
import type { CliContext } from "../needs.ts"
import type { Outcome } from "../outcome.ts"
import { counted } from "../terminal.ts"
import { atHub, type OpenedMember, withSite } from "./opened.ts"

type LeaveOptions = BoxOptions & { readonly force?: boolean }

export function leaveCommand(context: CliContext): Command {
  return folderCommand("leave", "take this box out of its site; the people it knows stay here")
    .option("--force", "also when the hub cannot be told, or has not everything that was done here")
    .action((options: LeaveOptions) =>
      end(
        context,
        options,
        withSite(options, (opened) => leave(context, options, opened)),
      ),
    )
}

async function leave(context: CliContext, options: LeaveOptions, { site, board, sync }: OpenedMember): Promise<Outcome> {
  const { name } = site
  const others = site.members().filter(({ box, standing }) => box !== site.box && standing.kind === "member")
  if (site.isHolder() && others.length > 0)
    return {
      kind: "failed",
      why: `this box holds the authority of the site ${name}, and ${counted(others.length, "box", "boxes")} would stay without: send them away first, or have one take it over (docs/sync.md)`,
    }
  const { erasures, records } = sync.counts().due
  const due = erasures + records
  if (due > 0 && options.force !== true)
    return {
      kind: "failed",
      why: `the hub has not got ${counted(due, "record")} of this box yet: let it run until \`gatehouse sync status\` says 0, or say --force and they stay here alone`,
    }
  if (site.standing() === "member") {
    board.sayLeave()
    const told = await atHub(site.access, async (hub) => {
      const published = await board.publish(hub)
      return published.kind === "published" ? { kind: "yes" } : { kind: "failed", why: published.why }
    })
    if (told.kind !== "yes" && options.force !== true) {
      const why = "why" in told ? told.why : "no answer"
      return { kind: "failed", why: `the hub was not told (${why}): try again, or say --force and have the box revoked` }
    }
  }
  sync.leave()
  if (options.json === true) printJson(context, { left: name })
  else
    context.terminal.out(
      `this box has left the site ${name}; the people it knows stay here.\nNext, where the hub's folder is: gatehouse hub remove-box ${site.boxName}`,
    )
  return { kind: "yes" }
}
