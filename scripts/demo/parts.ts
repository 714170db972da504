import { readFile } from "node:fs/promises"
import { basename } from "node:path"
import sharp from "sharp"
import type { PersonFolder } from "../../app/enrolment/folder.ts"
import type { Box, Point } from "../../app/face/geometry.ts"
import { alter, alterations, sizeOf } from "./alter.ts"
import { type Question, surrounds } from "./ask.ts"
import type { BoxClient } from "./client.ts"
import { demoPhotos, readDemoPhoto } from "./people.ts"

/** Around the face on each side, as part of its width: what a passport photograph shows, and no neighbour. */
const cropMargin = 0.35

/** Enrols the known people of the demo photographs from crops of the originals; asks with altered copies of the whole pictures. */
export async function demoQuestions(client: BoxClient): Promise<readonly Question[]> {
  const questions: Question[] = []
  for (const [i, { file, people }] of demoPhotos.entries()) {
    const original = await readDemoPhoto(file)
    const { width, height } = await sizeOf(original)
    for (const { name, at, enrolled } of people)
      if (enrolled) await enrolFaceAt(client, name, original, [at[0] * width, at[1] * height])
    const alteration = alterations[i % alterations.length]
    if (alteration === undefined) continue
    const { picture, place } = await alter(original, alteration)
    const expected = people.map(({ name, enrolled, at }) => ({ person: name, enrolled, at: place(at) }))
    questions.push({ photo: file, picture, expected })
  }
  return questions
}

export interface LfwPeople {
  /** With at least two photographs. */
  readonly known: readonly PersonFolder[]
  readonly strangers: readonly PersonFolder[]
}

/** By name, the first with two photographs or more, and as many of those with one. */
export function chooseLfw(people: readonly PersonFolder[], count: number): LfwPeople {
  return {
    known: people.filter((person) => person.files.length > 1).slice(0, count),
    strangers: people.filter((person) => person.files.length === 1).slice(0, count),
  }
}

/** Enrols the first photograph of each known person and asks with the second, and with a photograph of each stranger. */
export async function lfwQuestions(client: BoxClient, { known, strangers }: LfwPeople): Promise<readonly Question[]> {
  for (const { name, files } of known) {
    const picture = await readFile(files[0] ?? "")
    await enrolFaceAt(client, name, picture, await middleOf(picture))
  }
  return Promise.all([
    ...known.map(({ name, files }) => askInTheMiddle(name, files[1] ?? "", true)),
    ...strangers.map(({ name, files }) => askInTheMiddle(name, files[0] ?? "", false)),
  ])
}

/** Enrols all photographs of each person but the last, and asks with that for the largest face. */
export async function folderQuestions(client: BoxClient, people: readonly PersonFolder[]): Promise<readonly Question[]> {
  const questions: Question[] = []
  for (const { name, files } of people) {
    const pictures = await Promise.all(files.slice(0, -1).map((file) => readFile(file)))
    tellRefusals(name, await client.enrol(name, pictures))
    const last = files.at(-1) ?? ""
    const picture = await readFile(last)
    const { faces } = await client.detect(picture)
    const largest = faces.toSorted((a, b) => b.box.width - a.box.width)[0]
    const at = largest === undefined ? await middleOf(picture) : middleOfBox(largest.box)
    questions.push({ photo: `${name}/${basename(last)}`, picture, expected: [{ person: name, enrolled: true, at }] })
  }
  return questions
}

/** Enrols the one face at a point, cropped from the picture as a person would do it who knows who is meant. */
async function enrolFaceAt(client: BoxClient, name: string, picture: Uint8Array, at: Point): Promise<void> {
  const { faces } = await client.detect(picture)
  const face = faces.find(({ box }) => surrounds(box, at))
  if (face === undefined) tellRefusals(name, ["no face found where this person is"])
  else tellRefusals(name, await client.enrol(name, [await cropAround(picture, face.box)]))
}

/** Whoever could not be enrolled will not be named, and the demo ends with 1. */
function tellRefusals(name: string, refusals: readonly string[]): void {
  for (const refusal of refusals) console.log(`${name} could not be enrolled from a picture: ${refusal}`)
}

/** LFW's faces stand in the middle. */
async function askInTheMiddle(person: string, file: string, enrolled: boolean): Promise<Question> {
  const picture = await readFile(file)
  return { photo: basename(file), picture, expected: [{ person, enrolled, at: await middleOf(picture) }] }
}

async function middleOf(picture: Uint8Array): Promise<Point> {
  const { width, height } = await sizeOf(picture)
  return [width / 2, height / 2]
}

function middleOfBox({ x, y, width, height }: Box): Point {
  return [x + width / 2, y + height / 2]
}

async function cropAround(picture: Uint8Array, box: Box): Promise<Buffer> {
  const { width, height } = await sizeOf(picture)
  const margin = box.width * cropMargin
  const left = Math.max(0, Math.round(box.x - margin))
  const top = Math.max(0, Math.round(box.y - margin))
  const right = Math.min(width, Math.round(box.x + box.width + margin))
  const bottom = Math.min(height, Math.round(box.y + box.height + margin))
  return sharp(picture)
    .extract({ left, top, width: right - left, height: bottom - top })
    .jpeg({ quality: 92 })
    .toBuffer()
}
