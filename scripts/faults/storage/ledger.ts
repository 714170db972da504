import { Database } from "bun:sqlite"
import { faultsOf } from "./dump.ts"

/** What the ledger asks of a box. */
export interface Asked {
  ask(path: string, init?: RequestInit): Promise<Response>
}

/** `cut`: no answer came. `refused`: anything but 2xx. Neither says whether it was done. */
export type Told = "acknowledged" | "refused" | "cut"

export const operations = ["enrol", "rename", "see", "remove", "unsee"] as const
export type Operation = (typeof operations)[number]

/** What a box has to hold after whatever happened to it. */
export interface Verdict {
  /** Acknowledged and not there, or deleted and there again. */
  readonly lost: readonly string[]
  /** Rows that nobody wrote so, and what SQLite itself finds wrong. */
  readonly damaged: readonly string[]
}

interface Person {
  readonly id: string
  readonly number: number
  /** Those it may have by now: one, unless a change was never answered. */
  names: string[]
  /** All that were ever asked for, in their order. */
  readonly asked: string[]
  /** `unknown` while a request about it is on its way, and for ever if none came back. */
  face: "none" | "there" | "unknown"
  state: "there" | "gone" | "unknown"
  busy: boolean
}

/** What was acknowledged at one moment. */
export interface Mark {
  readonly people: readonly Person[]
  readonly seen: readonly SeenOne[]
}

interface SeenOne {
  readonly id: string
  state: "there" | "gone" | "unknown"
}

/**
 * A client that writes down what a box acknowledged, outside of it. Any number of them may be at work at once on one ledger.
 * @param space in which it enrols vectors, each made from the person's number, so that every row can be told right from wrong
 * @param picture a JPEG with a face
 */
export function createLedger(space: string, picture: () => Uint8Array<ArrayBuffer>) {
  const dimension = Number(space.slice(space.lastIndexOf("/") + 1))
  const people: Person[] = []
  const seen: SeenOne[] = []
  let nextNumber = 1
  let acknowledged = 0
  /** 2xx by operation. */
  const counts: Record<Operation, number> = { enrol: 0, rename: 0, see: 0, remove: 0, unsee: 0 }

  async function enrol(box: Asked): Promise<Told> {
    const number = nextNumber++
    const created = await send(box, "POST", "/v1/subjects", { name: nameOf(number, 0) })
    if (created.told !== "acknowledged") return created.told
    const { id } = created.json as { id: string }
    const person: Person = {
      id,
      number,
      names: [nameOf(number, 0)],
      asked: [nameOf(number, 0)],
      face: "unknown",
      state: "there",
      busy: true,
    }
    people.push(person)
    const added = await send(box, "POST", `/v1/subjects/${id}/faces`, { embedding: vectorOf(number, dimension), space })
    person.face = added.told === "acknowledged" ? "there" : "unknown"
    person.busy = false
    return added.told
  }

  async function rename(box: Asked): Promise<Told> {
    const person = free(people)
    if (person === undefined) return enrol(box)
    person.busy = true
    const name = nameOf(person.number, nextNumber++)
    person.names.push(name)
    person.asked.push(name)
    const { told } = await send(box, "PATCH", `/v1/subjects/${person.id}`, { name })
    if (told === "acknowledged") person.names = [name]
    person.busy = false
    return told
  }

  async function remove(box: Asked): Promise<Told> {
    const person = free(people)
    if (person === undefined) return enrol(box)
    person.busy = true
    person.state = "unknown"
    const { told } = await send(box, "DELETE", `/v1/subjects/${person.id}`)
    if (told === "acknowledged") person.state = "gone"
    person.busy = false
    return told
  }

  async function see(box: Asked): Promise<Told> {
    const body = { body: picture(), headers: { "content-type": "image/jpeg" } }
    const { told, json } = await answerOf(() => box.ask("/ingest/door", { method: "POST", ...body }))
    const id = (json as { sightingId?: string } | undefined)?.sightingId
    if (told === "acknowledged" && id !== undefined) seen.push({ id, state: "there" })
    return told
  }

  async function unsee(box: Asked): Promise<Told> {
    const one = seen.find(({ state }) => state === "there")
    if (one === undefined) return see(box)
    one.state = "unknown"
    const { told } = await send(box, "DELETE", `/v1/sightings/${one.id}`)
    if (told === "acknowledged") one.state = "gone"
    return told
  }

  const acts = { enrol, rename, see, remove, unsee }

  return {
    /** Never throws: a box that is gone answers nothing. */
    async act(operation: Operation, box: Asked): Promise<Told> {
      const told = await acts[operation](box)
      if (told === "acknowledged") {
        counts[operation]++
        acknowledged++
      }
      return told
    },

    acknowledged: () => acknowledged,
    counts: () => ({ ...counts }),

    /** What it is now, for `checkCopy`. */
    mark: (): Mark => structuredClone({ people, seen }),

    /** Holds a copy, taken at some moment since `mark`, against what had been acknowledged by then. */
    checkCopy(mark: Mark, databasePath: string): Verdict {
      using database = new Database(databasePath, { readonly: true })
      const peopleNow = new Map(people.map((person) => [person.id, person]))
      const seenNow = new Map(seen.map((one) => [one.id, one]))
      // What has changed since may be in the copy in either state.
      const settled = <State extends "there" | "gone" | "unknown">(then: State, now: State | undefined) =>
        then === now ? then : "unknown"
      const due = mark.people.map((person) => {
        const now = peopleNow.get(person.id)
        // Renamed twice meanwhile, somebody may be in the copy under the name in between.
        const since = now?.asked.slice(person.asked.length) ?? []
        return { ...person, state: settled(person.state, now?.state), names: [...person.names, ...since] }
      })
      const dueSeen = mark.seen.map((one) => ({ ...one, state: settled(one.state, seenNow.get(one.id)?.state) }))
      return { lost: lostIn(database, due, dueSeen), damaged: [...faultsOf(databasePath), ...wrongRows(database, dimension)] }
    },

    /** Holds a database against what was acknowledged. A box may be running on it. */
    check(databasePath: string): Verdict {
      using database = new Database(databasePath, { readonly: true })
      database.run("pragma busy_timeout = 5000")
      return { lost: lostIn(database, people, seen), damaged: [...faultsOf(databasePath), ...wrongRows(database, dimension)] }
    },
  }
}
export type Ledger = ReturnType<typeof createLedger>

function free(people: readonly Person[]): Person | undefined {
  const settled = people.filter(({ state, face, busy }) => state === "there" && face === "there" && !busy)
  return settled[Math.floor(settled.length / 2)]
}

function lostIn(database: Database, people: readonly Person[], seen: readonly SeenOne[]): string[] {
  const rows = read<{ id: string; name: string; faces: number }>(
    database,
    `select id, ${nameColumn} as name, (select count(*) from faces where subject_id = subjects.id) as faces from subjects`,
  )
  const present = new Map(rows.map((row) => [row.id, row]))
  const pictures = read<{ id: string; bytes: number | null; jpeg: number | null }>(
    database,
    `select id, snapshot_bytes as bytes, length(jpeg) as jpeg
     from sightings left join sighting_snapshots on sighting_number = number`,
  )
  const recorded = new Map(pictures.map((row) => [row.id, row]))
  const lost: string[] = []
  for (const { id, number, names, face, state } of people) {
    const row = present.get(id)
    if (state === "gone" && row !== undefined) lost.push(`person ${number} was deleted and is there again`)
    if (state !== "there") continue
    if (row === undefined) lost.push(`person ${number}`)
    else if (!names.includes(row.name)) lost.push(`person ${number} is called ${row.name}, not ${names.join(" or ")}`)
    else if (face === "there" && row.faces !== 1) lost.push(`person ${number} has ${row.faces} faces`)
  }
  for (const { id, state } of seen) {
    const row = recorded.get(id)
    if (state === "gone" && row !== undefined) lost.push(`sighting ${id} was deleted and is there again`)
    if (state === "there" && row === undefined) lost.push(`sighting ${id}`)
    if (state === "there" && row !== undefined && row.bytes !== row.jpeg) lost.push(`the picture of sighting ${id}`)
  }
  return lost
}

/** Each face has to be the one of its person's number, and each picture a JPEG of the length it says. */
function wrongRows(database: Database, dimension: number): string[] {
  const faces = read<{ name: string; vector: Uint8Array }>(
    database,
    `select ${nameColumn} as name, vector from faces join subjects on subjects.id = subject_id
     where ${nameColumn} glob 'Person [0-9]*, change *'`,
  )
  const wrong: string[] = []
  for (const { name, vector } of faces) {
    const expected = vectorOf(Number(/^Person (\d+)/.exec(name)?.[1]), dimension)
    const stored = new Float32Array(vector.slice().buffer)
    const length = Math.hypot(...expected)
    if (stored.length !== dimension || expected.some((value, at) => Math.abs(value / length - stored[at]!) > 1e-6))
      wrong.push(`the vector of ${name}`)
  }
  const pictures = read<{ id: string }>(
    database,
    "select id from sightings join sighting_snapshots on sighting_number = number where length(jpeg) <> snapshot_bytes or hex(substr(jpeg, 1, 2)) <> 'FFD8'",
  )
  const [totals] = read<{ off: number }>(
    database,
    `select (select count(*) from sightings) <> sightings or
       (select coalesce(sum(snapshot_bytes), 0) from sightings) <> snapshot_bytes as off from sighting_totals`,
  )
  return [
    ...wrong,
    ...pictures.map(({ id }) => `the picture of sighting ${id}`),
    ...(totals?.off === 0 ? [] : ["the totals of the sightings"]),
  ]
}

/** The boxes here have no master key, so what they know of a person stands there in the clear. */
const nameColumn = "json_extract(cast(details as text), '$.name')"

const nameOf = (number: number, change: number) => `Person ${number}, change ${change}`

/** Stands for one person alone, the same each time. */
function vectorOf(number: number, dimension: number): number[] {
  let state = (number + 1) * 2_654_435_761
  return Array.from({ length: dimension }, () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 0x9e37_79b9) >>> 0
    return state / 2 ** 32 - 0.5
  })
}

interface Answered {
  readonly told: Told
  readonly json?: unknown
}

function send(box: Asked, method: string, path: string, body?: unknown): Promise<Answered> {
  const json = body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }
  return answerOf(() => box.ask(path, { method, ...json }))
}

async function answerOf(ask: () => Promise<Response>): Promise<Answered> {
  try {
    const response = await ask()
    const text = await response.text()
    if (!response.ok) return { told: "refused" }
    return { told: "acknowledged", json: text === "" ? undefined : JSON.parse(text) }
  } catch {
    // A connection that was cut, before the answer or in the middle of it: nothing is acknowledged.
    return { told: "cut" }
  }
}

function read<Row>(database: Database, sql: string): Row[] {
  using statement = database.prepare<Row, []>(sql)
  return statement.all()
}

/** The space in which a box's engines embed. */
export async function spaceOf(box: Asked): Promise<string> {
  const { models } = (await (await box.ask("/v1/system")).json()) as { models: { space: string } }
  return models.space
}
