import type { Command } from "commander"
import type { Hub } from "../../sync/hub.ts"
import { type BoxOptions, end, folderCommand, printJson } from "../command.ts"
import type { CliContext } from "../needs.ts"
import type { Outcome } from "../outcome.ts"
import { atHub, readAccessFile, withSync } from "./opened.ts"

type CreateOptions = BoxOptions & { readonly access: string }

export function createCommand(context: CliContext): Command {
  return folderCommand("create", "make the site of a hub, with this box as its first: it keeps the key that lets others in")
    .requiredOption("--access <file>", "of this box, as `gatehouse hub add-box` wrote it")
    .action((options: CreateOptions) => end(context, options, create(context, options)))
}

async function create(context: CliContext, options: CreateOptions): Promise<Outcome> {
  const access = await readAccessFile(options.access)
  if (access.kind === "failed") return access
  return withSync(options, ({ store, sync, suite }) =>
    atHub(access.value, async (hub) => {
      const taken = await whoHasIt(hub)
      if (taken !== undefined) return { kind: "failed", why: taken }
      const { createSite, openSite } = await import("../../sync/site/site.ts")
      const { openBoard } = await import("../../sync/site/board.ts")
      const { settings } = sync
      const made = createSite({ settings }, { access: access.value, suite, nowMs: Date.now() })
      if (made.kind === "failed") return made
      sync.enter(access.value.box)
      const needs = { settings, transact: store.transact }
      const site = openSite(needs)
      if (site === undefined) return { kind: "failed", why: "the site was taken away while it was made: run this again" }
      const published = await openBoard({ ...needs, site }).publish(hub)
      if (published.kind !== "published")
        context.terminal.err(`not told to the hub yet, the running box does: ${published.why}`)
      const { name, box, fingerprint } = site
      if (options.json === true) printJson(context, { site: name, box, fingerprint })
      else context.terminal.out(words(name, access.value.name, fingerprint))
      return { kind: "yes" }
    }),
  )
}

const words = (site: string, name: string, fingerprint: string) =>
  `the site ${site} (${fingerprint}) is made, and ${name} is its first box. It holds the site's authority: back it up, without it nobody can be let in or sent away.
Next, for each other box:
  gatehouse hub add-box gate-2                         where the hub's folder is; prints the box's 8 digits
  gatehouse sync invite --name gate-2 --box <8 digits> here; prints a token
  gatehouse sync join --access gate-2.json --token …   at that box, while this one runs`

const pageEntries = 500

/** Why the site cannot be made: somebody did already. */
async function whoHasIt(hub: Hub): Promise<string | undefined> {
  const { parseAnnouncement } = await import("../../sync/announcements.ts")
  for (let after = 0; ; ) {
    const page = await hub.read("announcements", after, pageEntries)
    if (page.kind === "unreachable") return page.why
    for (const entry of page.entries) {
      const parsed = entry.kind === "record" ? parseAnnouncement(entry.record.bytes) : undefined
      if (parsed?.kind === "parsed" && parsed.announcement.kind === "roster")
        return `the site ${parsed.announcement.site} was made already, by the box ${parsed.announcement.box}: \`gatehouse sync invite\` there lets this one in`
    }
    const last = page.entries.at(-1)
    if (last !== undefined) after = last.kind === "marker" ? last.marker.sequence : last.record.sequence
    if (page.isEnd) return undefined
  }
}
