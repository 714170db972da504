import { writeFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { zipSync } from "fflate"
import { packTar } from "modern-tar"
import { fileAt } from "../../app/enrolment/archive/bytes.ts"
import type { ArchiveLimits } from "../../app/enrolment/archive/limits.ts"
import { type Format, openSource } from "../../app/enrolment/archive/open.ts"
import type { Item, Survey } from "../../app/enrolment/item.ts"
import { paint } from "../support/painted.ts"
import { tempFolder } from "../support/shared.ts"

/** Path in the archive → what lies there, in this order. */
export type Packed = Readonly<Record<string, Uint8Array>>

/** A painted picture for each path, of the person whose folder it lies in. */
export function pictures(...paths: readonly string[]): Packed {
  return Object.fromEntries(paths.map((path) => [path, paint({ person: path.split("/").at(-2) ?? path })]))
}

/** Stored when `level` is 0. */
export function zipOf(files: Packed, level: 0 | 6 = 6): Uint8Array<ArrayBuffer> {
  return new Uint8Array(zipSync({ ...files }, { level }))
}

export function tarOf(files: Packed): Promise<Uint8Array<ArrayBuffer>> {
  return packTar(
    Object.entries(files).map(([name, body]) => ({ header: { name, size: body.length, type: "file" as const }, body })),
  )
}

export async function gzippedTarOf(files: Packed): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(gzipSync(await tarOf(files)))
}

export function linesOf(...lines: readonly unknown[]): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"))
}

export interface ReadArchive {
  readonly survey: Survey
  readonly items: readonly Item[]
  /** Why it could not be read to its end. */
  readonly broken: string | undefined
}

/** Walks an archive as a job does. */
export async function readArchive(
  format: Format,
  bytes: Uint8Array,
  isDone: (position: number) => boolean = () => false,
  limits: ArchiveLimits = { imageBytesMax: 10_000, itemsMax: 100 },
): Promise<ReadArchive> {
  using folder = tempFolder()
  const path = folder.file("archive")
  writeFileSync(path, bytes)
  const source = openSource(format, fileAt(path), limits)
  const survey = await source.survey(new AbortController().signal)
  const items: Item[] = []
  if (survey.kind === "failed") return { survey, items, broken: undefined }
  for await (const told of source.items(isDone)) {
    if (told.kind === "broken") return { survey, items, broken: told.why }
    const { kind: _, ...item } = told
    items.push(item)
  }
  return { survey, items, broken: undefined }
}
