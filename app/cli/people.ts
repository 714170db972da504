import { createWriteStream } from "node:fs"
import { pipeline } from "node:stream/promises"
import { Command } from "commander"
import type { Erased } from "../people/people.ts"
import { type BoxOptions, end, jsonCommand, printJson, withConfig } from "./command.ts"
import type { CliContext, OpenedPeople } from "./needs.ts"
import type { Outcome } from "./outcome.ts"
import { counted } from "./terminal.ts"

interface ExportOptions extends BoxOptions {
  readonly out?: string
}

interface EraseOptions extends BoxOptions {
  readonly receipt?: string
}

/** A backup that is being made reads for minutes, and somebody at a terminal can wait. */
const eraseWaitMs = 15 * 60_000

export function peopleCommand(context: CliContext): Command {
  return new Command("people")
    .description("what one person may ask for: to be told everything, and to be forgotten")
    .addCommand(exportCommand(context))
    .addCommand(eraseCommand(context))
    .addCommand(erasuresCommand(context))
    .addCommand(forgetCommand(context), { hidden: true })
}

function exportCommand(context: CliContext): Command {
  return folderCommand("export", "write everything held of a person into a zip; other people in it are covered")
    .argument("<id>", "of the subject")
    .option("--out <file>", "where to; person-<id>.zip when not said. It must not be there yet")
    .action(async (id: string, options: ExportOptions) => {
      const work = async (people: OpenedPeople): Promise<Outcome> => {
        const zip = people.export(id)
        if (zip === undefined) return noSubject(id)
        const file = options.out ?? `person-${id}.zip`
        await pipeline(zip, createWriteStream(file, { flags: "wx", mode: 0o600 }))
        if (options.json === true) printJson(context, { file })
        else context.terminal.out(`${file} holds everything this box has of ${id}`)
        return { kind: "yes" }
      }
      await end(context, options, withPeople(context, options, work))
    })
}

function eraseCommand(context: CliContext): Command {
  return folderCommand("erase", "erase people from everything the box holds, its backups too; there is no way back")
    .argument("<ids...>", "of the subjects")
    .option("--receipt <file>", "where the signed receipts go, a line each; they are kept on the box as well")
    .action(async (ids: string[], options: EraseOptions) => {
      const work = async (people: OpenedPeople): Promise<Outcome> => {
        const erased = await Promise.all(ids.map((id) => people.erase(id, eraseWaitMs)))
        const receipts = erased.flatMap((one) => (one.kind === "erased" ? [one.erasure.receipt] : []))
        if (options.receipt !== undefined)
          await Bun.write(options.receipt, receipts.map((receipt) => `${JSON.stringify(receipt)}\n`).join(""))
        if (options.json === true) printJson(context, erased)
        else for (const [i, one] of erased.entries()) context.terminal.out(wordsOf(ids[i] ?? "", one))
        return erased.every(({ kind }) => kind === "erased") ? { kind: "yes" } : { kind: "no" }
      }
      await end(context, options, withPeople(context, options, work))
    })
}

function erasuresCommand(context: CliContext): Command {
  return folderCommand("erasures", "who was erased, by ids that are nobody's any more").action(async (options: BoxOptions) => {
    const work = async (people: OpenedPeople): Promise<Outcome> => {
      const erasures = people.erasures()
      if (options.json === true) printJson(context, erasures)
      else
        for (const { subjectId, askedAtMs, receipt } of erasures)
          context.terminal.out(
            `${subjectId}  asked ${new Date(askedAtMs).toISOString()}, ${receipt === undefined ? "not gone everywhere yet" : `gone ${new Date(receipt.body.erasedAtMs).toISOString()}`}`,
          )
      if (erasures.length === 0 && options.json !== true) context.terminal.out("nobody was erased")
      return { kind: "yes" }
    }
    await end(context, options, withPeople(context, options, work))
  })
}

interface ForgetOptions extends BoxOptions {
  readonly shelf?: string
}

/** Told by the box, which goes on meanwhile. */
function forgetCommand(context: CliContext): Command {
  return folderCommand("forget-in-backups", "write backups that are not sealed anew without those who were erased")
    .option("--shelf <folder>", "where the backups lie")
    .action(async (options: ForgetOptions) => {
      const work = withConfig(options, async ({ dataFolder, backup }): Promise<Outcome> => {
        printJson(context, await context.needs.forgetInBackups(dataFolder, options.shelf ?? backup.folder))
        return { kind: "yes" }
      })
      await end(context, options, work)
    })
}

function folderCommand(name: string, description: string): Command {
  return jsonCommand(name, description)
    .option("--config <file>", "configuration file (GATEHOUSE_CONFIG)")
    .option("--data <folder>", "data folder (GATEHOUSE_DATA)")
}

function withPeople(
  { needs }: CliContext,
  options: BoxOptions,
  work: (people: OpenedPeople) => Promise<Outcome>,
): Promise<Outcome> {
  return withConfig(options, async (config): Promise<Outcome> => {
    const opened = await needs.openPeople(config)
    if (opened.kind !== "ok") return opened
    try {
      return await work(opened.value)
    } finally {
      await opened.value.close()
    }
  })
}

function noSubject(id: string): Outcome {
  return { kind: "failed", why: `there is no subject ${id} in this data folder: GET /v1/subjects lists them` }
}

function wordsOf(id: string, erased: Erased): string {
  switch (erased.kind) {
    case "no_subject":
      return `${id}: nobody of this id is here`
    case "pending":
      return `${id}: nobody finds this person any more; not gone everywhere yet (${erased.why}), and the box goes on with it`
    case "erased": {
      const { rows, backups, copiesLeft } = erased.erasure.receipt.body
      const total = Object.values(rows).reduce((sum, count) => sum + count, 0)
      const left = [...backups.left, ...copiesLeft]
      const rest = left.length === 0 ? "" : `; may still hold the person, delete it by hand: ${left.join(", ")}`
      return `${id}: erased, ${counted(total, "row")} beside the person's own${rest}`
    }
  }
}
