import type { Command } from "commander"
import { type BoxOptions, boxCommand, end, printJson, withConfig } from "./command.ts"
import type { PeopleOptions } from "./enrol/people-options.ts"
import { type EnrolledFile, enrolPeople } from "./enrol/run.ts"
import { openPeople } from "./enrol/source.ts"
import type { CliContext } from "./needs.ts"
import { withBox } from "./opened-box.ts"
import type { Outcome } from "./outcome.ts"
import { counted, formatTable, startProgress } from "./terminal.ts"

type EnrolOptions = BoxOptions & PeopleOptions & { readonly vectors?: string }

export function enrolCommand(context: CliContext): Command {
  return boxCommand("enrol", "enrol many people: a subfolder of pictures for each, in a folder, a zip or a tar file")
    .argument(
      "[people]",
      "<folder>/<name>/*.jpg, .png or .webp; the same in a zip or tar file; or JSON lines: { name, image: base64 }",
    )
    .option("--vectors <file>", "JSON lines of vectors made elsewhere: { name, embedding, space }")
    .option("--group <name...>", "groups that everybody enrolled becomes a member of")
    .option("--external-id <id>", "the id in another system, where the folder holds one person")
    .action(async (people: string | undefined, options: EnrolOptions) => end(context, options, run(context, people, options)))
}

async function run(context: CliContext, people: string | undefined, options: EnrolOptions): Promise<Outcome> {
  return withConfig(options, async (config) => {
    const { enrolments, http, recognition } = config
    const given = await openPeople(people, options, { imageBytesMax: http.imageBytesMax, itemsMax: enrolments.itemsMax })
    if (given.kind === "failed") return given
    return withBox(config, context.needs, async ({ gallery, analyze, thresholds, set }) => {
      const { enrolment, ...look } = recognition
      const { lookAlikes, checksums } = gallery
      const needs = { analyze, gallery, lookAlikes, thresholds, checksums, space: set.embedding.space }
      const enrolOptions = { ...look, ...enrolment, faces: "largest" as const, chips: enrolment.keepFaceImages }
      using progress = startProgress(context.terminal, "pictures", given.value.items)
      const { worked, files } = await enrolPeople(given.value, needs, enrolOptions, progress.step)
      if (options.json === true) printJson(context, { ...count(files), files })
      else context.terminal.out(toText(files))
      if (worked.kind === "broken") return { kind: "failed", why: `${worked.why}; what was read before is done` }
      return { kind: files.every(isThere) ? "yes" : "no" }
    })
  })
}

type ThereFile = Extract<EnrolledFile, { kind: "enrolled" | "duplicate" }>

const isThere = (file: EnrolledFile): file is ThereFile => file.kind === "enrolled" || file.kind === "duplicate"

function count(files: readonly EnrolledFile[]) {
  const there = files.filter(isThere)
  const enrolled = there.filter(({ kind }) => kind === "enrolled")
  return {
    subjects: new Set(enrolled.map((file) => file.subjectId)).size,
    enrolled: enrolled.length,
    duplicates: there.length - enrolled.length,
    refused: files.length - there.length,
  }
}

/** As many as somebody looks through; of more than these only those are listed of which there is something to say. */
const listedMax = 200

function toText(files: readonly EnrolledFile[]): string {
  const { subjects, enrolled, duplicates, refused } = count(files)
  const told = files.length <= listedMax ? files : files.filter((file) => !isThere(file) || file.note !== "")
  const rows = told.slice(0, listedMax).map((file) => [file.name, file.file, file.kind, isThere(file) ? file.note : file.why])
  const more = told.length > listedMax ? `\n… and ${told.length - listedMax} more; --json lists all` : ""
  const leftOut = refused > 0 ? `, ${counted(refused, "picture")} left out` : ""
  const before = duplicates > 0 ? `, ${duplicates} enrolled before` : ""
  const summary = `${counted(enrolled, "face")} of ${counted(subjects, "person", "people")} enrolled${before}${leftOut}`
  return rows.length === 0 ? summary : `${formatTable(["name", "picture", "result", ""], rows)}${more}\n\n${summary}`
}
