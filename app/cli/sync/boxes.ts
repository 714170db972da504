import type { Command } from "commander"
import type { Member } from "../../sync/site/roster.ts"
import { type BoxOptions, end, folderCommand, printJson } from "../command.ts"
import type { CliContext } from "../needs.ts"
import type { Outcome } from "../outcome.ts"
import { formatTable } from "../terminal.ts"
import { countOf, type OpenedMember, whyNotYet, withSite } from "./opened.ts"

type InviteOptions = BoxOptions & { readonly name: string; readonly box: string; readonly hours: string }

export function inviteCommand(context: CliContext): Command {
  return folderCommand("invite", "print a token by which one box may join, once; at the box that made the site")
    .requiredOption("--name <name>", "what the box will be called: small letters, digits and dashes")
    .requiredOption("--box <digits>", "the 8 hexadecimal digits that `gatehouse hub add-box` printed for it")
    .option("--hours <count>", "how long the token holds", "24")
    .action((options: InviteOptions) => end(context, options, inviteOne(context, options)))
}

async function inviteOne(context: CliContext, options: InviteOptions): Promise<Outcome> {
  const hours = countOf("--hours", options.hours)
  if (hours.kind === "failed") return hours
  return withSite(options, async (opened) => {
    const whyNot = whyNotYet(opened)
    if (whyNot !== undefined) return whyNot
    const { invite } = await import("../../sync/site/authority.ts")
    const { site } = opened
    const { name, box } = options
    const invited = invite(site, { name, box, lastsMs: hours.value * 3600 * 1000, nowMs: Date.now() })
    if (invited.kind === "failed") return invited
    if (options.json === true) printJson(context, invited.value)
    else {
      context.terminal.err(
        `For ${name} (${box}), once, until ${new Date(invited.value.expiresAtMs).toISOString()}; a token given out for it before is void. At that box, while this one runs:\n  gatehouse sync join --access ${name}.json --token <token>`,
      )
      context.terminal.out(invited.value.token)
    }
    return { kind: "yes" }
  })
}

export function revokeCommand(context: CliContext): Command {
  return folderCommand("revoke", "send a box away: what it writes counts no more, and it cannot read what comes")
    .argument("<name>", "of the box, or its 8 hexadecimal digits")
    .action((name: string, options: BoxOptions) => end(context, options, revokeOne(context, name, options)))
}

function revokeOne(context: CliContext, name: string, options: BoxOptions): Promise<Outcome> {
  return withSite(options, async (opened) => {
    const whyNot = whyNotYet(opened)
    if (whyNot !== undefined) return whyNot
    const { revoke } = await import("../../sync/site/authority.ts")
    const { site } = opened
    const revoked = revoke(site, name, Date.now())
    if (revoked.kind === "failed") return revoked
    const { box, name: called } = revoked.value
    if (options.json === true) printJson(context, { box, name: called, epoch: site.epoch() })
    else
      context.terminal.out(
        `${called} (${box}) is revoked, and the site's key is that of epoch ${site.epoch()} from now on; the running box tells the others. What ${called} has read stays read.
Next, so that the hub does not let it in any more, where the hub's folder is:
  gatehouse hub remove-box ${called}`,
      )
    return { kind: "yes" }
  })
}

export function boxesCommand(context: CliContext): Command {
  return folderCommand("boxes", "list who belongs to the site, as this box knows it").action((options: BoxOptions) =>
    end(
      context,
      options,
      withSite(options, (opened) => list(context, options, opened)),
    ),
  )
}

function list(context: CliContext, options: BoxOptions, { site, board }: OpenedMember): Outcome {
  const statuses = board.statuses()
  const boxes = site.members().map(({ box, name, joinedAtMs, standing }) => ({
    box,
    name,
    standing: standing.kind,
    isThis: box === site.box,
    isHolder: box === site.roster().holder,
    joinedAt: new Date(joinedAtMs).toISOString(),
    endedAt: standing.kind === "member" ? null : new Date(standing.atMs).toISOString(),
    heardAt: saidAt(statuses.get(box)?.atMs),
  }))
  if (options.json === true) {
    printJson(context, { site: site.name, fingerprint: site.fingerprint, epoch: site.epoch(), boxes })
    return { kind: "yes" }
  }
  const rows = boxes.map((box) => [box.name, box.box, wordsOf(box), box.joinedAt, box.heardAt ?? ""])
  context.terminal.out(formatTable(["box", "at the hub", "is", "joined", "heard of last"], rows))
  return { kind: "yes" }
}

const saidAt = (atMs: number | undefined) => (atMs === undefined ? null : new Date(atMs).toISOString())

function wordsOf({
  standing,
  isThis,
  isHolder,
}: {
  standing: Member["standing"]["kind"]
  isThis: boolean
  isHolder: boolean
}): string {
  return [standing, ...(isThis ? ["this box"] : []), ...(isHolder ? ["lets others in"] : [])].join(", ")
}
