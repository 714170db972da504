import { z } from "zod"
import { type Asked, ask, type Target } from "../support/client.ts"
import { asNeverSeen, type Picture } from "../support/pictures.ts"
import type { Operation } from "./options.ts"

/** What each operation of the mix asks. */
export interface Operations {
  /** @param caller a number that tells callers, and so cameras, apart */
  prepare(operation: Operation, caller: number): Asked
}

/** Loose: a box of another build may say more. */
const embeddings = z.object({ faces: z.array(z.object({ embedding: z.array(z.number()), space: z.string() })) })

/** Looks at the first picture once: a search needs somebody's vector. */
export async function openOperations(target: Target, pictures: readonly Picture[], cameras: number): Promise<Operations> {
  const [first] = pictures
  if (first === undefined) throw new Error("no picture to ask about")
  const jpeg = (path: string, picture: Picture): Asked => ({
    path,
    body: asNeverSeen(picture),
    contentType: "image/jpeg",
  })
  const answer = await ask(target, jpeg("/v1/embed", first), 20_000)
  if (!answer.accepted) throw new Error(`POST /v1/embed answered ${answer.status} ${answer.text}`)
  const [face] = embeddings.parse(JSON.parse(answer.text)).faces
  if (face === undefined) throw new Error(`no face was found in ${first.name}: give a picture with one (--picture)`)
  const search: Asked = {
    path: "/v1/search",
    body: JSON.stringify({ embedding: face.embedding, space: face.space, k: 5 }),
    contentType: "application/json",
  }
  let turn = 0
  const nextPicture = () => pictures[turn++ % pictures.length] ?? first

  return {
    prepare(operation, caller) {
      switch (operation) {
        case "recognise":
          return jpeg("/v1/recognize", nextPicture())
        case "ingest":
          return jpeg(`/ingest/bench-${caller % cameras}`, nextPicture())
        case "search":
          return search
      }
    },
  }
}
