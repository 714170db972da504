import type { z } from "zod"
import { detectionAnswer, enrolmentAnswer, errorAnswer, recognitionAnswer, subjectAnswer } from "../../app/http/answers.ts"
import { systemAnswer } from "../../app/http/system-answers.ts"

/** What the demo asks of a box, over the same HTTP as any camera. */
export interface BoxClient {
  detect(picture: Uint8Array): Promise<z.output<typeof detectionAnswer>>
  recognize(picture: Uint8Array): Promise<z.output<typeof recognitionAnswer>>
  /** A new subject with one face for each picture; the reasons why pictures were refused. */
  enrol(name: string, pictures: readonly Uint8Array[]): Promise<readonly string[]>
  system(): Promise<z.output<typeof systemAnswer>>
}

export function createClient(url: string, key: string): BoxClient {
  const send = (path: string, init: RequestInit) =>
    fetch(`${url}${path}`, { ...init, headers: { ...init.headers, authorization: `Bearer ${key}` } })
  const ask = async <Schema extends z.ZodType>(schema: Schema, path: string, init: RequestInit): Promise<z.output<Schema>> => {
    const response = await send(path, init)
    if (!response.ok) throw new Error(`${init.method ?? "GET"} ${path} → ${response.status} ${await response.text()}`)
    return schema.parse(await response.json())
  }
  const post = (body: Uint8Array | string, type: string): RequestInit => ({
    method: "POST",
    // A view of shared memory is no body; none of ours is one.
    body: body as Uint8Array<ArrayBuffer> | string,
    headers: { "content-type": type },
  })
  const postPicture = (picture: Uint8Array) => post(picture, "application/octet-stream")

  return {
    // The demo's smallest faces are about 60 px wide; LFW's 90.
    detect: (picture) => ask(detectionAnswer, "/v1/detect?faceWidthPxMin=40", postPicture(picture)),
    recognize: (picture) => ask(recognitionAnswer, "/v1/recognize?faceWidthPxMin=40", postPicture(picture)),
    enrol: async (name, pictures) => {
      const subject = await ask(subjectAnswer, "/v1/subjects", post(JSON.stringify({ name }), "application/json"))
      const refusals: string[] = []
      for (const picture of pictures) {
        const response = await send(`/v1/subjects/${subject.id}/faces`, postPicture(picture))
        if (response.ok) enrolmentAnswer.parse(await response.json())
        else refusals.push(errorAnswer.parse(await response.json()).error.message)
      }
      return refusals
    },
    system: () => ask(systemAnswer, "/v1/system", {}),
  }
}
