import type { Command } from "commander"
import type { SiteReport } from "../../sync/link/report.ts"
import { type BoxOptions, configOf, end, folderCommand, printJson } from "../command.ts"
import type { CliContext } from "../needs.ts"
import type { Outcome } from "../outcome.ts"
import { counted, formatTable } from "../terminal.ts"
import { type OpenedMember, withSite } from "./opened.ts"

export function statusCommand(context: CliContext): Command {
  return folderCommand("status", "how this box gets on with its site: the hub, what waits, who was seen when").action(
    (options: BoxOptions) =>
      end(
        context,
        options,
        withSite(options, (opened) => status(context, options, opened)),
      ),
  )
}

/** The answer is no when something wants looking at. */
async function status(context: CliContext, options: BoxOptions, opened: OpenedMember): Promise<Outcome> {
  const report = await reportOf(options, opened)
  if (options.json === true) printJson(context, report)
  else context.terminal.out(textOf(report, Date.now()))
  return { kind: report.state === "connected" ? "yes" : "no" }
}

async function reportOf(options: BoxOptions, opened: OpenedMember): Promise<SiteReport> {
  const { reportOfFolder } = await import("../../sync/link/folder-report.ts")
  const { syncOptions } = await import("../../sync/options.ts")
  const config = configOf(options)
  return reportOfFolder(opened, config.kind === "ok" ? config.value.sync : syncOptions.parse({}))
}

function textOf(report: SiteReport, nowMs: number): string {
  const { state, why, hub, lag, outbox, held, open, erasures, sightings, boxes } = report
  const server = hub.server === undefined ? hub.servers.join(", ") : `${hub.server.address} (nats-server ${hub.server.version})`
  const lines = [
    `site      ${report.site}; this box is ${report.name} (${report.box}); key of epoch ${report.epoch}`,
    `hub       ${state}: ${server}${why === undefined ? "" : `\n          ${why}`}`,
    `behind    ${counted(lag.records, "record")}, ${Math.round(lag.seconds)} s${hub.talkedAtMs === undefined ? "" : `; talked ${ago(hub.talkedAtMs, nowMs)}`}`,
    `outbox    ${counted(outbox.records, "record")}, ${counted(outbox.erasures, "erasure")}${outbox.doubtful === 0 ? "" : `; ${outbox.doubtful} more that the hub has to show again`}`,
    `holds     ${counted(held.faces, "face")}, ${counted(held.people, "person of its own record", "people of their own record")}, ${counted(held.erased, "erasure")}`,
    `erased    ${erasures.confirmed} of ${erasures.total} confirmed by every box`,
    ...erasures.waiting
      .slice(0, waitingShown)
      .map(
        ({ subjectId, confirmedBy, of, missing }) =>
          `          ${subjectId}: ${confirmedBy} of ${of}, not by ${missing.join(", ")}`,
      ),
    `open      ${counted(open.conflicts, "conflict")}, ${counted(open.fromTheFuture, "version")} from the future, ${open.refused} refused${open.conflicts + open.fromTheFuture + open.refused === 0 ? "" : ": gatehouse sync conflicts"}`,
    ...(sightings.enabled ? [`sightings ${sightings.dropped} left before the hub had them`] : []),
    ...(report.isTakingStock ? ["          who was here before the box joined is being recorded"] : []),
    ...(report.mustReadErasures ? ["          restored: nobody is recognised until all erasures were read"] : []),
  ]
  const rows = boxes.map(({ name, box, isThis, isRevoked, seenAtMs, version, outbox: waits }) => [
    isThis ? `${name} *` : name,
    box,
    isRevoked ? "revoked" : seenAtMs === undefined ? "not heard of" : ago(seenAtMs, nowMs),
    version ?? "",
    waits ?? "",
  ])
  return `${lines.join("\n")}\n\n${formatTable(["box", "in records", "last seen", "version", "outbox"], rows)}`
}

const waitingShown = 5

function ago(atMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1000))
  if (seconds < 120) return `${seconds} s ago`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min ago` : new Date(atMs).toISOString()
}
