import sharp from "sharp"
import { nowTickMs } from "../../../app/base/ticks.ts"
import type { Answer } from "../../../app/inference/answer.ts"
import type { EnginePool } from "../../../app/inference/pool.ts"
import { groupPictures, type Picture } from "../../bench/support/pictures.ts"

/** A picture and what the processor says of it. */
export interface Reference {
  readonly picture: Picture
  readonly answer: Analysed
}

export type Analysed = Extract<Answer, { kind: "ok" }>

/** Wide enough for one face and what is around it, small enough for thousands of runs. */
const sidePx = 320
/** Nobody is refused for being late: how long it took is measured. */
const budgetMs = 30_000

export function ask(pool: Pick<EnginePool, "analyze">, picture: Uint8Array): Promise<Answer> {
  const options = { faceWidthPxMin: 40, facesMax: 20, embed: "all" } as const
  return pool.analyze({ picture, options, deadlineTickMs: nowTickMs() + budgetMs })
}

/** One picture for each face in the group photographs of a development package, each with the answer of engines on the processor. */
export async function referenceFaces(pool: Pick<EnginePool, "analyze">): Promise<Reference[]> {
  const references: Reference[] = []
  for (const { name, jpeg } of await groupPictures()) {
    const group = await ask(pool, jpeg)
    if (group.kind !== "ok") throw new Error(`${name}: ${JSON.stringify(group)}`)
    for (const [index, { box }] of group.faces.entries()) {
      const side = Math.round(Math.min(2 * box.width, group.image.width, group.image.height))
      const within = (centre: number, whole: number) => Math.round(Math.max(0, Math.min(whole - side, centre - side / 2)))
      const left = within(box.x + box.width / 2, group.image.width)
      const top = within(box.y + box.height / 2, group.image.height)
      const crop = sharp(jpeg).extract({ left, top, width: side, height: side }).resize(sidePx, sidePx)
      const picture = { name: `${name} ${index}`, jpeg: await crop.jpeg({ quality: 90 }).toBuffer() }
      const answer = await ask(pool, picture.jpeg)
      if (answer.kind === "ok" && answer.faces.length > 0) references.push({ picture, answer })
    }
  }
  return references
}

const overlapMin = 0.98
const cosineMin = 0.999

/** What is wrong with an answer, in words; `undefined` when it is the processor's within what half precision may change. */
export function difference({ faces }: Analysed, { answer: { faces: expected } }: Reference): string | undefined {
  if (faces.length !== expected.length) return `${faces.length} faces, not ${expected.length}`
  for (const [index, face] of faces.entries()) {
    const right = expected[index]!
    const overlap = overlapOf(face.box, right.box)
    if (!(overlap >= overlapMin)) return `the box of face ${index} overlaps by ${overlap}`
    const cosine = cosineOf(face.embedding, right.embedding)
    if (!(cosine >= cosineMin)) return `the vector of face ${index} has cosine ${cosine}`
  }
  return undefined
}

type Box = Analysed["faces"][number]["box"]

function overlapOf(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y)
  const both = Math.max(0, width) * Math.max(0, height)
  return both / (a.width * a.height + b.width * b.height - both)
}

/** Of unit vectors; NaN when one is missing or has another length. */
function cosineOf(a: Float32Array | undefined, b: Float32Array | undefined): number {
  if (a === undefined || b === undefined || a.length !== b.length) return Number.NaN
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0)
}
