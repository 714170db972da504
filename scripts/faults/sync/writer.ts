import type { SyncBox } from "./box.ts"
import type { People } from "./people.ts"

/** What a writer knows of somebody it enrolled: all of it was acknowledged by a box. */
export interface Person {
  readonly number: number
  readonly subjectId: string
  name: string
  /** Numbers of people whose vectors its faces have, by the id of the face; deleted ones are out. */
  readonly faces: Map<string, number>
  readonly deletedFaces: number[]
  erased: boolean
}

export interface Book {
  readonly people: Person[]
  readonly counts: Record<Operation | "retries", number>
  /** Answers that a writer had no use for, and how often. */
  readonly odd: Map<string, number>
}

type Operation = "enrol" | "addFace" | "rename" | "deleteFace" | "erase"

export const emptyBook = (): Book => ({
  people: [],
  counts: { enrol: 0, addFace: 0, rename: 0, deleteFace: 0, erase: 0, retries: 0 },
  odd: new Map(),
})

export interface WriterOptions {
  readonly boxes: readonly SyncBox[]
  readonly people: People
  readonly random: () => number
  /** Numbers nobody else takes. */
  readonly nextNumber: () => number
  readonly isOver: () => boolean
  readonly pauseMs: number
}

const retryMs = 100
/** A box that was killed needs some seconds; one that never answers again is a failed run. */
const answerMsMax = 120_000
/** So often a box is asked for something of another box that may not have reached it yet. */
const arrivalTries = 100
const lastFaceNumber = 1_000_000

/**
 * Somebody at a desk who does one thing after the other, at whatever box, and repeats each request until it is answered: with an
 * idempotency key where the API has one. What is in the book at the end was acknowledged.
 */
export async function write(book: Book, { boxes, people, random, nextNumber, isOver, pauseMs }: WriterOptions): Promise<void> {
  const mine: Person[] = []
  const anyBox = () => boxes[Math.floor(random() * boxes.length)]!
  const alive = () => mine.filter(({ erased }) => !erased)
  const oneOf = (people: readonly Person[]) => people[Math.floor(random() * people.length)]

  async function once(box: SyncBox, path: string, init: RequestInit): Promise<Response> {
    const giveUpTickMs = performance.now() + answerMsMax
    const idempotency = crypto.randomUUID()
    for (;;) {
      const headers = { ...Object.fromEntries(new Headers(init.headers)), "idempotency-key": idempotency }
      const answer = await box.ask(path, { ...init, headers, signal: AbortSignal.timeout(10_000) }).catch(() => undefined)
      // Said by a box that is stopping or starting, and by one that still does what was asked before it was asked again.
      if (answer !== undefined && answer.status < 500 && !(answer.status === 409 && answer.headers.has("retry-after")))
        return answer
      if (performance.now() > giveUpTickMs)
        throw new Error(
          `${box.name} ${path} is not answered: ${answer === undefined ? "no line" : `${answer.status} ${await answer.text()}`}`,
        )
      book.counts.retries++
      await Bun.sleep(retryMs)
    }
  }

  const json = (method: string, body?: unknown): RequestInit => ({
    method,
    ...(body !== undefined && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  })

  /** … of somebody who is there, as soon as word of it has reached the box. */
  async function arrived(
    box: SyncBox,
    path: string,
    init: RequestInit,
    wanted: readonly number[],
  ): Promise<Response | undefined> {
    for (let tries = 0; tries < arrivalTries; tries++) {
      const answer = await once(box, path, init)
      if (wanted.includes(answer.status)) return answer
      if (answer.status !== 404) {
        oddly(`${init.method} ${path.replaceAll(/[0-9a-f-]{36}/g, "…")}: ${answer.status} ${await answer.text()}`)
        return undefined
      }
      await Bun.sleep(retryMs)
    }
    oddly(
      `${init.method} ${path.replaceAll(/[0-9a-f-]{36}/g, "…")}: not found at ${box.name} for ${(arrivalTries * retryMs) / 1000} s`,
    )
    return undefined
  }

  function oddly(what: string): void {
    book.odd.set(what, (book.odd.get(what) ?? 0) + 1)
  }

  const vector = (number: number) => ({ embedding: Array.from(people.vectorOf(number)), space: people.space })

  async function enrol(): Promise<void> {
    const box = anyBox()
    const number = nextNumber()
    const made = await once(box, "/v1/subjects", json("POST", { name: people.nameOf(number) }))
    if (made.status !== 201) return oddly(`POST /v1/subjects: ${made.status} ${await made.text()}`)
    const { id } = (await made.json()) as { id: string }
    const person: Person = {
      number,
      subjectId: id,
      name: people.nameOf(number),
      faces: new Map(),
      deletedFaces: [],
      erased: false,
    }
    mine.push(person)
    book.people.push(person)
    await face(box, person, number)
    book.counts.enrol++
  }

  async function face(box: SyncBox, person: Person, number: number): Promise<boolean> {
    const answer = await arrived(box, `/v1/subjects/${person.subjectId}/faces`, json("POST", vector(number)), [201])
    if (answer === undefined) return false
    const { face } = (await answer.json()) as { face: { id: string } }
    person.faces.set(face.id, number)
    return true
  }

  async function addFace(person: Person): Promise<void> {
    if (await face(anyBox(), person, lastFaceNumber + nextNumber())) book.counts.addFace++
  }

  async function rename(person: Person): Promise<void> {
    const name = `${people.nameOf(person.number)}, the ${book.counts.rename}th to be renamed`
    if ((await arrived(anyBox(), `/v1/subjects/${person.subjectId}`, json("PATCH", { name }), [200])) === undefined) return
    person.name = name
    book.counts.rename++
  }

  async function deleteFace(person: Person): Promise<void> {
    const [first, ...more] = person.faces.keys()
    const id = more.at(-1)
    // A person keeps one, so that all can be asked for at the end.
    if (first === undefined || id === undefined) return
    const box = anyBox()
    // A box that has not heard of it says what one says that deleted it and was killed before it could answer.
    if ((await arrived(box, `/v1/subjects/${person.subjectId}/faces`, json("GET"), [200])) === undefined) return
    for (let tries = 0; tries < arrivalTries; tries++) {
      const listed = await once(box, `/v1/subjects/${person.subjectId}/faces`, json("GET"))
      if (((await listed.json()) as { items?: { id: string }[] }).items?.some((item) => item.id === id)) break
      await Bun.sleep(retryMs)
      if (tries === arrivalTries - 1) return oddly(`a face is not at ${box.name} after ${(arrivalTries * retryMs) / 1000} s`)
    }
    const answer = await once(box, `/v1/faces/${id}`, json("DELETE"))
    if (answer.status !== 204 && answer.status !== 404)
      return oddly(`DELETE /v1/faces: ${answer.status} ${await answer.text()}`)
    person.deletedFaces.push(person.faces.get(id)!)
    person.faces.delete(id)
    book.counts.deleteFace++
  }

  async function erase(person: Person): Promise<void> {
    if ((await arrived(anyBox(), `/v1/subjects/${person.subjectId}/erase`, json("POST"), [200, 202])) === undefined) return
    person.erased = true
    book.counts.erase++
  }

  while (!isOver()) {
    const draw = random()
    const isDeletion = draw >= 0.87 && draw < 0.93
    const person = oneOf(isDeletion ? alive().filter(({ faces }) => faces.size > 1) : alive())
    if (person === undefined || draw < 0.6) await enrol()
    else if (draw < 0.75) await addFace(person)
    else if (draw < 0.87) await rename(person)
    else if (isDeletion) await deleteFace(person)
    else await erase(person)
    await Bun.sleep(pauseMs)
  }
}
