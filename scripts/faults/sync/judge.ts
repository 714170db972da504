import { type Check, check } from "../support/verdict.ts"
import type { SyncBox } from "./box.ts"
import type { Holdings } from "./compare.ts"
import { type People, whoIs } from "./people.ts"
import type { Book, Person } from "./writer.ts"

/** Holds what a box has against what the writers were told. All boxes have the same by then. */
export function judgeHoldings(book: Book, holdings: Holdings): readonly Check[] {
  const living = book.people.filter(({ erased }) => !erased)
  const erased = book.people.filter((person) => person.erased)
  const faces = living.flatMap((person) => [...person.faces.keys()].map((id) => ({ id, person })))
  const lostPeople = living.filter(({ subjectId }) => !holdings.subjects.has(subjectId))
  const lostFaces = faces.filter(({ id, person }) => holdings.faces.get(id) !== person.subjectId)
  const renamed = living.filter(
    ({ subjectId, name }) => holdings.subjects.has(subjectId) && holdings.subjects.get(subjectId) !== name,
  )
  const back = erased.filter(({ subjectId }) => holdings.subjects.has(subjectId))
  const facesOfErased = [...holdings.faces.values()].filter((subjectId) => !holdings.subjects.has(subjectId)).length
  const more = holdings.subjects.size - (living.length - lostPeople.length) - back.length
  const moreFaces = holdings.faces.size - (faces.length - lostFaces.length)
  const named = (people: readonly Person[]) => (people.length === 0 ? "" : `, as ${people[0]?.subjectId}`)
  return [
    check(
      "0 acknowledged enrolments lost",
      `${lostPeople.length} of ${living.length} people, ${lostFaces.length} of ${faces.length} faces${named(lostPeople)}`,
      lostPeople.length === 0 && lostFaces.length === 0,
    ),
    check("0 there twice, none that nobody wrote", `${more} people and ${moreFaces} faces more`, more === 0 && moreFaces === 0),
    check(
      "the last name that was acknowledged counts",
      `${renamed.length} of ${living.length} otherwise${named(renamed)}`,
      renamed.length === 0,
    ),
    check(
      "who was erased stays so",
      `${back.length} of ${erased.length} are back${named(back)}, ${facesOfErased} faces are nobody's`,
      back.length === 0 && facesOfErased === 0,
    ),
  ]
}

/** Asks each box for each face there is to be, and for those that are not. */
export async function judgeSearches(book: Book, boxes: readonly SyncBox[], people: People, countMax: number): Promise<Check> {
  const wanted = book.people.flatMap((person) =>
    person.erased ? [] : [...person.faces.values()].map((number) => ({ number, person })),
  )
  const gone = book.people.flatMap((person) => [...person.deletedFaces, ...(person.erased ? person.faces.values() : [])])
  let [asked, wrong] = [0, 0]
  const each = Math.max(1, Math.ceil((wanted.length + gone.length) / countMax))
  for (const box of boxes) {
    for (const [i, { number, person }] of wanted.entries()) {
      if (i % each !== 0) continue
      asked++
      if ((await whoIs(box, people, number))?.subjectId !== person.subjectId) wrong++
    }
    for (const [i, number] of gone.entries()) {
      if (i % each !== 0) continue
      asked++
      if ((await whoIs(box, people, number)) !== undefined) wrong++
    }
  }
  return check("every box finds who is there, and nobody else", `${wrong} of ${asked} answers wrong`, wrong === 0)
}
