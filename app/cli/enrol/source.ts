import { stat } from "node:fs/promises"
import type { Result } from "../../base/result.ts"
import { fileAt } from "../../enrolment/archive/bytes.ts"
import type { ArchiveLimits } from "../../enrolment/archive/limits.ts"
import { formatOf, openSource } from "../../enrolment/archive/open.ts"
import { folderSource, listPeople } from "../../enrolment/folder.ts"
import type { Source } from "../../enrolment/item.ts"
import { type PeopleDetails, type PeopleOptions, readPeopleOptions } from "./people-options.ts"

/** Whom a command line means: where they are read from, and what is said of all of them. */
export interface GivenPeople {
  readonly source: Source
  readonly items: number
  readonly details: PeopleDetails
}

/** @param people a folder, a zip or tar file, a file of lines; or `vectors`, a file of lines alone */
export async function openPeople(
  people: string | undefined,
  options: PeopleOptions & { readonly vectors?: string },
  limits: ArchiveLimits,
): Promise<Result<GivenPeople>> {
  const path = people ?? options.vectors
  if (path === undefined || (people !== undefined && options.vectors !== undefined))
    return { kind: "failed", why: "say either whom to enrol (a folder, a zip, tar or NDJSON file), or --vectors <file>" }
  const opened = await openAt(path, options, limits)
  if (opened.kind === "failed") return opened
  const survey = await opened.value.source.survey(new AbortController().signal)
  if (survey.kind === "failed") return { kind: "failed", why: `${path}: ${survey.why}` }
  return { kind: "ok", value: { ...opened.value, items: survey.items } }
}

async function openAt(
  path: string,
  options: PeopleOptions & { readonly vectors?: string },
  limits: ArchiveLimits,
): Promise<Result<Omit<GivenPeople, "items">>> {
  const isFile = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
  if (!isFile) {
    if (options.vectors !== undefined) return { kind: "failed", why: `${path} is not a file that can be read` }
    const people = await listPeople(path)
    if (people.kind === "failed") return people
    const details = readPeopleOptions(options, people.value.length)
    if (details.kind === "failed") return details
    return {
      kind: "ok",
      value: { source: folderSource(people.value, limits, details.value.externalId), details: details.value },
    }
  }
  const format = await formatOf(fileAt(path))
  if (format === undefined || (options.vectors !== undefined && format !== "ndjson")) {
    const wanted = options.vectors === undefined ? "a zip, tar or NDJSON file" : "a file of JSON lines (NDJSON)"
    return { kind: "failed", why: `${path} is, by its first bytes, not ${wanted}` }
  }
  if (options.externalId !== undefined)
    return { kind: "failed", why: "--external-id is one person's, of a folder; in a file of JSON lines each says its own" }
  const details = readPeopleOptions(options, 1)
  if (details.kind === "failed") return details
  return { kind: "ok", value: { source: openSource(format, fileAt(path), limits), details: details.value } }
}
