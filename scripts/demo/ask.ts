import type { Box, Point } from "../../app/face/geometry.ts"
import type { BoxClient } from "./client.ts"

/** A person who is in the picture, and where. */
export interface Expected {
  readonly person: string
  /** Whether the box knows this person under this name. */
  readonly enrolled: boolean
  /** Middle of the face in pixels. */
  readonly at: Point
}

export interface Question {
  readonly photo: string
  readonly picture: Uint8Array
  readonly expected: readonly Expected[]
}

export interface AnsweredFace {
  readonly photo: string
  /** Absent for a face where nobody is. */
  readonly expected?: Expected
  /** Absent when the box found no face where the person is. */
  readonly box?: Box
  readonly decision: "match" | "uncertain" | "unknown" | "not found"
  /** The nearest subject, whatever the decision. */
  readonly name?: string
  readonly similarity?: number
  /** The whole picture's time in the box. */
  readonly ms: number
  /** An enrolled person got their name; anybody else got none. */
  readonly right: boolean
}

type Recognition = Awaited<ReturnType<BoxClient["recognize"]>>
type Face = Recognition["faces"][number]

export async function ask(client: BoxClient, { photo, picture, expected }: Question): Promise<readonly AnsweredFace[]> {
  const { faces, timingsMs } = await client.recognize(picture)
  const left = new Set(faces)
  const people = expected.map((person): AnsweredFace => {
    const face = [...left].find((candidate) => surrounds(candidate.box, person.at))
    if (face === undefined)
      return { photo, expected: person, decision: "not found", ms: timingsMs.total, right: !person.enrolled }
    left.delete(face)
    return { ...answerOf(face), photo, expected: person, ms: timingsMs.total, right: isRight(face, person) }
  })
  // Whoever else the box saw must not have been given a name.
  const others = [...left].map((face) => ({ ...answerOf(face), photo, ms: timingsMs.total, right: face.decision !== "match" }))
  return [...people, ...others]
}

function answerOf({ box, decision, candidates: [nearest] }: Face) {
  return nearest === undefined ? { box, decision } : { box, decision, name: nearest.name, similarity: nearest.similarity }
}

function isRight({ decision, match }: Face, { person, enrolled }: Expected): boolean {
  return enrolled ? decision === "match" && match?.name === person : decision !== "match"
}

export function surrounds({ x, y, width, height }: Box, [atX, atY]: Point): boolean {
  return atX >= x && atX <= x + width && atY >= y && atY <= y + height
}
