import type { z } from "zod"
import { recognitionAnswer, subjectAnswer } from "../../app/http/answers.ts"
import { systemAnswer } from "../../app/http/system-answers.ts"
import type { DemoBox } from "../demo/box.ts"
import type { Pictures } from "./pictures.ts"

export type RecognizedFace = z.output<typeof recognitionAnswer>["faces"][number]

/** What one box said to the questions that every box is asked. */
export interface Transcript {
  readonly provider: string
  readonly models: string
  /** How the index addon was compiled, which tells the processor family. */
  readonly indexVariant: string
  /** From left to right; with vectors. */
  readonly jpeg: readonly RecognizedFace[]
  readonly webp: readonly RecognizedFace[]
  /** What it drew: the recorded frame with boxes and names, and a small picture of it, as JPEG. */
  readonly drawn: Uint8Array
  readonly thumbnail: Uint8Array
  /** Seconds each step took, by its name. */
  readonly seconds: Readonly<Record<string, number>>
}

export const enrolledName = "Wilma"

/** So long an emulated processor may look at one picture; the API allows no more. */
const deadlineMs = 60_000

/** Enrols a person, recognises her in two pictures, has the recorded frame drawn. Throws what a box answers instead. */
export async function ask(box: DemoBox, { first, second, webp }: Pictures): Promise<Transcript> {
  const seconds: Record<string, number> = {}
  const timed = async <Value>(name: string, work: Promise<Value>): Promise<Value> => {
    const startedMs = performance.now()
    const value = await work
    seconds[name] = (performance.now() - startedMs) / 1000
    return value
  }
  const send = async (path: string, body?: string | Uint8Array, type = "application/octet-stream"): Promise<Response> => {
    const response = await fetch(`${box.url}${path}`, {
      headers: { authorization: `Bearer ${box.key}`, "content-type": type, "x-deadline-ms": String(deadlineMs) },
      // A view of shared memory is no body; none of ours is one.
      ...(body !== undefined && { method: "POST", body: body as Uint8Array<ArrayBuffer> | string }),
      signal: AbortSignal.timeout(2 * deadlineMs),
    })
    if (!response.ok) throw new Error(`${path} → ${response.status} ${await response.text()}`)
    return response
  }
  const recognise = async (picture: Uint8Array) => {
    const path = "/v1/recognize?include=embedding&faceWidthPxMin=60&camera=door"
    const answer = recognitionAnswer.parse(await (await send(path, picture)).json())
    return { ...answer, faces: answer.faces.toSorted((a, b) => a.box.x - b.box.x) }
  }

  const subject = await send("/v1/subjects", JSON.stringify({ name: enrolledName }), "application/json")
  const { id } = subjectAnswer.parse(await subject.json())
  await timed("enrol", send(`/v1/subjects/${id}/faces`, first))
  const jpeg = await timed("recognise", recognise(second))
  const fromWebp = await timed("recognise WebP", recognise(webp))
  const frame = `/v1/sightings/${jpeg.sightingId}`
  const drawn = await timed("draw", send(`${frame}/snapshot.jpg?annotate=true`).then(jpegBytes))
  const thumbnail = await timed("thumbnail", send(`${frame}/thumbnail.jpg`).then(jpegBytes))
  const system = systemAnswer.parse(await (await send("/v1/system")).json())
  return {
    provider: system.runtime?.provider ?? "none",
    models: JSON.stringify(system.models),
    indexVariant: system.index[0]?.variant ?? "none",
    jpeg: jpeg.faces,
    webp: fromWebp.faces,
    drawn,
    thumbnail,
    seconds,
  }
}

async function jpegBytes(response: Response): Promise<Uint8Array> {
  const bytes = await response.bytes()
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) throw new Error(`${response.url} is no JPEG`)
  return bytes
}
