import type { Command } from "commander"
import { type BoxOptions, end, folderCommand, printJson } from "../command.ts"
import type { CliContext } from "../needs.ts"
import type { Outcome } from "../outcome.ts"
import { type OpenedMember, withSite } from "./opened.ts"

type ConflictsOptions = BoxOptions & { readonly done?: string }

const listedMax = 200

export function conflictsCommand(context: CliContext): Command {
  return folderCommand("conflicts", "list what waits for a person: conflicts, versions from the future, what was not believed")
    .option("--done <entry>", "somebody has looked at it: the number of a conflict, or the path of a version from the future")
    .action((options: ConflictsOptions) =>
      end(
        context,
        options,
        withSite(options, (opened) =>
          options.done === undefined ? list(context, options, opened) : settle(options.done, opened),
        ),
      ),
    )
}

async function list(context: CliContext, options: BoxOptions, { sync, site }: OpenedMember): Promise<Outcome> {
  const { stampMs } = await import("../../sync/stamp.ts")
  const conflicts = sync.conflicts.list(listedMax)
  const fromTheFuture = sync.fromTheFuture
    .list(listedMax)
    .map(({ entity, stamp, origin, atMs }) => ({ entity, writtenAtMs: stampMs(stamp), box: origin.slice(0, 8), atMs }))
  const refused = sync.refused(listedMax)
  const nameOf = (box: string) => site.member(box)?.name ?? box
  if (options.json === true) printJson(context, { conflicts, fromTheFuture, refused })
  else {
    for (const { id, kind, subjectId, otherId } of conflicts)
      context.terminal.out(`${id}  ${wordsOfConflict[kind]}: ${subjectId} goes without, ${otherId} has it`)
    for (const { entity, writtenAtMs, box } of fromTheFuture)
      context.terminal.out(`${entity}  written ${new Date(writtenAtMs).toISOString()}, says ${nameOf(box)}: look at its clock`)
    for (const { stream, sequence, kind, why } of refused) context.terminal.out(`${stream} ${sequence}  ${kind}: ${why}`)
    if (conflicts.length + fromTheFuture.length + refused.length === 0) context.terminal.out("nothing waits")
  }
  return { kind: "yes" }
}

const wordsOfConflict = {
  external_id: "two people with one number in another system",
  face: "a face that two boxes gave to two people",
} as const

async function settle(entry: string, { sync }: OpenedMember): Promise<Outcome> {
  const { entityOf } = await import("../../sync/entity.ts")
  const entity = entityOf(...entry.split("."))
  const isSettled = entity === undefined ? sync.conflicts.resolve(Number(entry)) : sync.fromTheFuture.resolve(entity)
  if (isSettled) return { kind: "yes" }
  return { kind: "failed", why: `${entry} is not in the list: \`gatehouse sync conflicts\` shows what is` }
}
