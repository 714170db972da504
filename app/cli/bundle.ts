import { Command } from "commander"
import { unreachable } from "../base/assert.ts"
import type { ImportedFile, Inspected } from "../sync/bundle/bundles.ts"
import type { ExportedBundle, ReadReceipt } from "../sync/bundle/folder.ts"
import type { BundleHeader } from "../sync/bundle/format.ts"
import { type BoxOptions, end, folderCommand, jsonCommand, printJson, withConfig } from "./command.ts"
import type { CliContext, OpenedBundles } from "./needs.ts"
import type { Outcome } from "./outcome.ts"
import { counted } from "./terminal.ts"

interface ExportOptions extends BoxOptions {
  readonly to: string
  readonly for?: string
  readonly full?: boolean
}

interface InspectOptions extends BoxOptions {
  readonly check?: boolean
}

/** The gallery of a site on a stick, where no line reaches. The box may go on running. */
export function bundleCommand(context: CliContext): Command {
  return new Command("bundle")
    .description("carry the gallery of a site from box to box on a stick")
    .addCommand(exportCommand(context))
    .addCommand(importCommand(context))
    .addCommand(inspectCommand(context))
}

function exportCommand(context: CliContext): Command {
  const command = folderCommand(
    "export",
    "write what this box knows of its site into a bundle; takes the receipts that lie there",
  )
    .requiredOption("--to <folder>", "where to: the stick")
    .option("--for <box>", "a box by its name: only what it has not confirmed by a receipt")
    .option("--full", "all of it, for whoever comes; also without --for")
  return command.action(async (options: ExportOptions) => {
    const work = async (bundles: OpenedBundles): Promise<Outcome> => {
      if (options.full === true && options.for !== undefined)
        return { kind: "failed", why: "--for a box is what that box lacks, and --full is all: say one of them" }
      const exported = await bundles.exportTo(options.to, options.for)
      if (exported.kind !== "exported") return { kind: "failed", why: exported.why }
      if (options.json === true) printJson(context, exported)
      else for (const line of exportLines(exported)) context.terminal.out(line)
      return { kind: "yes" }
    }
    await end(context, options, withBundles(context, options, work))
  })
}

function importCommand(context: CliContext): Command {
  return folderCommand("import", "take what is in a bundle, and lay a receipt beside it; a second time nothing changes")
    .argument("<file>", "the bundle")
    .action(async (file: string, options: BoxOptions) => {
      const work = async (bundles: OpenedBundles): Promise<Outcome> => {
        const imported = await bundles.importFile(file)
        if (imported.kind === "busy" || imported.kind === "stopped") return { kind: "failed", why: imported.why }
        // Of a failure `end` prints its own document, and there is to be one.
        if (options.json === true && imported.kind === "imported") printJson(context, imported)
        if (options.json !== true) for (const line of importLines(file, imported)) context.terminal.out(line)
        if (imported.kind === "not_taken") return { kind: "failed", why: `${file} is not taken: ${imported.refusal.why}` }
        return { kind: imported.refused.length === 0 && imported.missing === undefined ? "yes" : "no" }
      }
      await end(context, options, withBundles(context, options, work))
    })
}

function inspectCommand(context: CliContext): Command {
  return jsonCommand("inspect", "say what a bundle is; without --check nothing of it is proved, and no box is needed")
    .argument("<file>", "the bundle")
    .option("--check", "prove all of it with the keys of this box, and take nothing")
    .option("--config <file>", "configuration file (GATEHOUSE_CONFIG)")
    .option("--data <folder>", "data folder (GATEHOUSE_DATA)")
    .action(async (file: string, options: InspectOptions) => {
      const work = async (bundles: OpenedBundles) => told(context, file, options, await bundles.inspect(file))
      await end(
        context,
        options,
        options.check === true ? withBundles(context, options, work) : toldHeader(context, file, options),
      )
    })
}

async function toldHeader(context: CliContext, file: string, options: InspectOptions): Promise<Outcome> {
  const { inspectHeader } = await import("../sync/bundle/bundles.ts")
  const read = await inspectHeader(file)
  if (read.kind !== "header") return { kind: "failed", why: `${file}: ${read.why}` }
  if (options.json === true) printJson(context, { header: read.header })
  else {
    for (const line of headerLines(read.header)) context.terminal.out(line)
    context.terminal.out("This is what it says of itself; --check proves it with the keys of this box")
  }
  return { kind: "yes" }
}

function told(context: CliContext, file: string, options: InspectOptions, inspected: Inspected): Outcome {
  if (inspected.kind !== "whole") return { kind: "failed", why: `${file}: ${inspected.why}` }
  if (options.json === true) printJson(context, inspected)
  const { header, records, refused } = inspected
  if (options.json !== true) {
    for (const line of headerLines(header)) context.terminal.out(line)
    context.terminal.out(
      `${counted(records, "record")}, all as they were written${refused === 0 ? "" : `; ${refused} of them this box does not believe, or cannot read yet`}`,
    )
  }
  return { kind: refused === 0 ? "yes" : "no" }
}

function headerLines({
  site,
  exporterName,
  exporter,
  receiver,
  since,
  through,
  createdAtMs,
  epoch,
  suite,
  id,
  program,
}: BundleHeader): string[] {
  const whose = receiver === undefined ? "everything that box knows" : `what the box ${receiver} had not confirmed`
  return [
    `Bundle ${id} of the site ${site}: ${whose}`,
    `written by ${exporterName} (${exporter}) with gatehouse ${program}, ${new Date(createdAtMs).toISOString()} by its clock`,
    `changes ${since + 1} to ${through}, sealed by ${suite} under the site's key of epoch ${epoch}`,
  ]
}

function exportLines({ file, records, bytes, header, receipts }: Extract<ExportedBundle, { kind: "exported" }>): string[] {
  const what = header.since === 0 ? "everything" : `what changed since change ${header.since}`
  return [
    ...receipts.flatMap((receipt) => receiptLines(receipt, header.exporter.slice(0, 8))),
    `${file}: ${counted(records, "record")} (${what}), ${size(bytes)}`,
    `There: gatehouse bundle import <stick>/${file.slice(file.lastIndexOf("/") + 1)}; it leaves a receipt on the stick, for the next export here`,
  ]
}

const size = (bytes: number) => (bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`)

/** Nothing of receipts for other boxes: the stick goes on to them. */
function receiptLines(receipt: ReadReceipt, box: string): string[] {
  switch (receipt.kind) {
    case "confirmed":
      return [`${receipt.file}: ${receipt.receiverName} has all up to change ${receipt.through}`]
    case "not_ours":
      return receipt.exporter.startsWith(box)
        ? [`${receipt.file}: of the time before this box was restored, and of no use now`]
        : []
    case "not_believed":
      return [`${receipt.file}: not believed, ${receipt.why}`]
    default:
      return unreachable(receipt)
  }
}

function importLines(file: string, imported: Extract<ImportedFile, { kind: "imported" | "not_taken" }>): string[] {
  const { changed, known, refused } = imported
  const lines = [`${file}: ${counted(changed, "record")} new, ${known} known before`]
  for (const { kind, count, why } of refused) lines.push(`${counted(count, "record")} refused (${kind}): ${why}`)
  if (imported.kind === "not_taken") {
    if (changed + known > 0) lines.push("What came before the trouble is here; import it again, and it goes on from there")
    return lines
  }
  if (imported.wasKnown && changed === 0) lines.push("This box had taken all of it before: nothing changed")
  if (imported.missing !== undefined)
    lines.push(
      `${imported.header.exporterName} believes that this box has all up to change ${imported.missing.upTo}, and it has up to ${imported.missing.after}: take the receipt back, or a bundle of everything (--full)`,
    )
  if (imported.receiptFile?.kind === "ok")
    lines.push(`${imported.receiptFile.value}: the receipt, for the next export at ${imported.header.exporterName}`)
  else if (imported.receiptFile !== undefined)
    lines.push(`Without a receipt the next bundle has all of it again: ${imported.receiptFile.why}`)
  return lines
}

function withBundles(
  { needs }: CliContext,
  options: BoxOptions,
  work: (bundles: OpenedBundles) => Promise<Outcome>,
): Promise<Outcome> {
  return withConfig(options, async (config): Promise<Outcome> => {
    const opened = await needs.openBundles(config)
    if (opened.kind !== "ok") return opened
    try {
      return await work(opened.value)
    } finally {
      await opened.value.close()
    }
  })
}
