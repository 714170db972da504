import type { Command } from "commander"
import { enrol } from "../pipeline/enrol.ts"
import { type BoxOptions, boxCommand, end, printJson, withConfig } from "./command.ts"
import { type EnrolledFile, enrolFolder } from "./enrol/folder.ts"
import { listPeople } from "./enrol/people.ts"
import { type PeopleOptions, readPeopleOptions } from "./enrol/people-options.ts"
import type { CliContext } from "./needs.ts"
import { withBox } from "./opened-box.ts"
import type { Outcome } from "./outcome.ts"
import { counted, formatTable, startProgress } from "./terminal.ts"

export function enrolCommand(context: CliContext): Command {
  return boxCommand("enrol", "enrol everybody in a folder that holds a subfolder of pictures for each person")
    .argument("<folder>", "<folder>/<name>/*.jpg, .png or .webp; a person of that name in the gallery gets the new faces")
    .option("--group <name...>", "groups that everybody enrolled becomes a member of")
    .option("--external-id <id>", "the id in another system, where the folder holds one person")
    .action(async (folder: string, options: BoxOptions & PeopleOptions) => end(context, options, run(context, folder, options)))
}

async function run(context: CliContext, folder: string, options: BoxOptions & PeopleOptions): Promise<Outcome> {
  const people = await listPeople(folder)
  if (people.kind === "failed") return people
  const details = readPeopleOptions(options, people.value.length)
  if (details.kind === "failed") return details
  return withConfig(options, (config) =>
    withBox(config, context.needs, async ({ gallery, analyze, thresholds, set }) => {
      const { enrolment, ...look } = config.recognition
      const { subject, addFace, lookAlikes } = gallery
      const needs = { analyze, subject, addFace, lookAlikes, thresholds, space: set.embedding.space }
      const enrolOptions = { ...look, ...enrolment, faces: "largest" as const, chips: enrolment.keepFaceImages }
      using progress = startProgress(context.terminal, "pictures", people.value.flatMap((person) => person.files).length)
      const files = await enrolFolder(
        people.value,
        details.value,
        gallery,
        (picture, id) => enrol(picture, id, needs, enrolOptions),
        progress.step,
      )
      if (options.json === true) printJson(context, { ...count(files), files })
      else context.terminal.out(toText(files))
      return { kind: files.every((file) => file.kind === "enrolled") ? "yes" : "no" }
    }),
  )
}

function count(files: readonly EnrolledFile[]) {
  const enrolled = files.filter((file) => file.kind === "enrolled")
  return {
    subjects: new Set(enrolled.map((file) => file.name)).size,
    enrolled: enrolled.length,
    refused: files.length - enrolled.length,
  }
}

function toText(files: readonly EnrolledFile[]): string {
  const rows = files.map((file) => [file.name, file.file, file.kind, file.kind === "enrolled" ? file.note : file.why])
  const { subjects, enrolled, refused } = count(files)
  const leftOut = refused > 0 ? `, ${counted(refused, "picture")} left out` : ""
  const summary = `${counted(enrolled, "face")} of ${counted(subjects, "person", "people")} enrolled${leftOut}`
  return `${formatTable(["name", "picture", "result", ""], rows)}\n\n${summary}`
}
