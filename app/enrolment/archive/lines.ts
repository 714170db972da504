import { z } from "zod"
import { externalId, subjectName } from "../../gallery/subject-fields.ts"
import { base64Picture, vectorFields } from "../../pipeline/given.ts"
import type { Content, Item, Refusal, Source, Survey, Told } from "../item.ts"
import { chunksOf, type OpenFile } from "./bytes.ts"
import { type ArchiveLimits, tooLargePicture, whyTooMany } from "./limits.ts"

const person = { name: subjectName.optional(), externalId: externalId.optional() }

/** One line of a file of people: a picture or a vector, and whose. */
export const personLine = z
  .union([z.strictObject({ ...person, image: base64Picture }), z.strictObject({ ...person, ...vectorFields })])
  .refine(({ name, externalId: id }) => name !== undefined || id !== undefined, "it has neither a name nor an externalId")

/** A vector of 4096 numbers in decimal, with everything else a line may say. */
const lineOverheadBytes = 128 * 1024

const lineBreak = 0x0a

/** A file of JSON objects, one a line (NDJSON): `personLine`. Empty lines are left aside. */
export function linesSource(file: OpenFile, limits: ArchiveLimits): Source {
  const lineBytesMax = Math.ceil(limits.imageBytesMax / 3) * 4 + lineOverheadBytes

  return {
    async survey(signal): Promise<Survey> {
      let items = 0
      for await (const _ of linesOf(file, 0)) {
        if (signal.aborted) return { kind: "failed", why: "it was told to stop" }
        items += 1
        if (items > limits.itemsMax) return { kind: "failed", why: whyTooMany(limits) }
      }
      return items === 0 ? { kind: "failed", why: "there is no line in it" } : { kind: "ok", items }
    },

    async *items(isDone): AsyncGenerator<Told> {
      let position = 0
      for await (const { number, text } of linesOf(file, lineBytesMax)) {
        if (!isDone(position)) yield { kind: "item", position, file: `line ${number}`, ...readLine(text, limits) }
        position += 1
      }
    },
  }
}

function readLine(text: Uint8Array | undefined, limits: ArchiveLimits): Pick<Item, "person" | "content"> {
  if (text === undefined) return refusedLine("image_too_large", "the line is longer than one with the largest picture can be")
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text))
  } catch (error) {
    // TypeError: not UTF-8. RangeError: nested so deeply that the parser's own stack ended.
    if (!(error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError)) throw error
    return refusedLine("bad_line", "it is not JSON in UTF-8")
  }
  const parsed = personLine.safeParse(json)
  if (!parsed.success) return refusedLine("bad_line", z.prettifyError(parsed.error).replaceAll(/\s+/g, " "))
  const { name, externalId: id } = parsed.data
  return { person: { name: name ?? id ?? "", externalId: id }, content: contentOf(parsed.data, limits) }
}

function contentOf(line: z.output<typeof personLine>, limits: ArchiveLimits): Content {
  if (!("image" in line)) return { kind: "vector", given: { values: line.embedding, space: line.space } }
  const bytes = line.image
  return bytes.length > limits.imageBytesMax ? tooLargePicture(bytes.length, limits) : { kind: "picture", bytes }
}

function refusedLine(reason: Refusal, why: string): Pick<Item, "person" | "content"> {
  return { person: undefined, content: { kind: "refused", reason, why } }
}

interface Line {
  /** From 1 on, as editors count. */
  readonly number: number
  /** Absent when it is longer than allowed. */
  readonly text: Uint8Array | undefined
}

/** Lines that are not empty. Of a longer one no more than `bytesMax` is ever held. */
async function* linesOf(file: OpenFile, bytesMax: number): AsyncGenerator<Line> {
  let number = 1
  let parts: Uint8Array[] = []
  let bytes = 0
  let isEmpty = true

  const take = (part: Uint8Array) => {
    isEmpty &&= part.every(isBlank)
    bytes += part.length
    if (bytes <= bytesMax) parts.push(part)
    else parts = []
  }
  const line = (): Line => ({ number, text: bytes > bytesMax ? undefined : Buffer.concat(parts) })

  for await (const chunk of chunksOf(file)) {
    let from = 0
    for (let at = chunk.indexOf(lineBreak); at >= 0; at = chunk.indexOf(lineBreak, from)) {
      take(chunk.subarray(from, at))
      if (!isEmpty) yield line()
      number += 1
      parts = []
      bytes = 0
      isEmpty = true
      from = at + 1
    }
    take(chunk.subarray(from))
  }
  if (!isEmpty) yield line()
}

const isBlank = (byte: number) => byte === 0x20 || byte === 0x09 || byte === 0x0d
