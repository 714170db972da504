import { externalIdDigest, nameDigest } from "../gallery/subject-rows.ts"
import type { Store } from "../store/store.ts"
import { readHeader } from "../vault/seal.ts"
import type { Sealer } from "../vault/sealing.ts"
import type { Vault } from "../vault/vault.ts"
import { ownerOf, ownerOfJob, type PersonDetails, placeOfItem, placeOfPerson, placeOfWhy } from "./secrets.ts"

interface PersonRow {
  readonly number: number
  readonly jobId: string
  readonly subjectId: string | null
  readonly details: Uint8Array
}

interface ItemRow {
  readonly job: number
  readonly jobId: string
  readonly position: number
  readonly subjectId: string | null
  readonly details: Uint8Array
}

/** Seal what reports said before there was a master key. After the gallery's: people have their keys then. */
export function enrolmentSealers(store: Store, vault: Vault): readonly Sealer[] {
  return [peopleSealer(store, vault), itemsSealer(store, vault), endsSealer(store, vault)]
}

function peopleSealer(store: Store, vault: Vault): Sealer {
  const selectPage = store.prepare<PersonRow>(`
    select person.number, enrolments.id as jobId, subject_id as subjectId, details
    from enrolment_people as person join enrolments on enrolments.number = enrolment_number
    where person.number > ? order by person.number limit ?`)
  const update = store.prepare(
    "update enrolment_people set details = ?, name_digest = ?, external_id_digest = ? where number = ?",
  )
  let done = 0
  return sealerOf(store, "enrolment_people", {
    page: (rowsMax) => selectPage.all(done, rowsMax),
    stored: ({ details }) => details,
    passed: ({ number }) => {
      done = number
    },
    seal({ number, jobId, subjectId, details }) {
      const { name, externalId } = JSON.parse(Buffer.from(details).toString()) as PersonDetails
      const owner = ownerOf(jobId, subjectId)
      vault.ensureKey(owner)
      const externalDigest = externalId === undefined ? null : externalIdDigest(vault, externalId)
      update.run(vault.seal(owner, placeOfPerson(number), details), nameDigest(vault, name), externalDigest, number)
    },
  })
}

function itemsSealer(store: Store, vault: Vault): Sealer {
  const selectPage = store.prepare<ItemRow>(`
    select item.enrolment_number as job, enrolments.id as jobId, position, person.subject_id as subjectId, item.details
    from enrolment_items as item join enrolments on enrolments.number = item.enrolment_number
    left join enrolment_people as person on person.number = person_number
    where (item.enrolment_number, position) > (?, ?) order by item.enrolment_number, position limit ?`)
  const update = store.prepare("update enrolment_items set details = ? where enrolment_number = ? and position = ?")
  let done: readonly [number, number] = [0, -1]
  return sealerOf(store, "enrolment_items", {
    page: (rowsMax) => selectPage.all(...done, rowsMax),
    stored: ({ details }) => details,
    passed: ({ job, position }) => {
      done = [job, position]
    },
    seal({ job, jobId, position, subjectId, details }) {
      const owner = ownerOf(jobId, subjectId)
      vault.ensureKey(owner)
      update.run(vault.seal(owner, placeOfItem(job, position), details), job, position)
    },
  })
}

function endsSealer(store: Store, vault: Vault): Sealer {
  const selectPage = store.prepare<{ number: number; id: string; why: Uint8Array }>(
    "select number, id, why from enrolments where number > ? and why is not null order by number limit ?",
  )
  const update = store.prepare("update enrolments set why = ? where number = ?")
  let done = 0
  return sealerOf(store, "enrolments", {
    page: (rowsMax) => selectPage.all(done, rowsMax),
    stored: ({ why }) => why,
    passed: ({ number }) => {
      done = number
    },
    seal({ number, id, why }) {
      vault.ensureKey(ownerOfJob(id))
      update.run(vault.seal(ownerOfJob(id), placeOfWhy(number), why), number)
    },
  })
}

interface SealerParts<Row> {
  /** The next rows after the one that was passed last. */
  page(rowsMax: number): readonly Row[]
  stored(row: Row): Uint8Array
  passed(row: Row): void
  seal(row: Row): void
}

/** Passes over what a process that was killed has sealed. */
function sealerOf<Row>(store: Store, table: string, { page, stored, passed, seal }: SealerParts<Row>): Sealer {
  return {
    table,
    step: (rowsMax) =>
      store.transact<number>(() => {
        for (;;) {
          const rows = page(rowsMax)
          const plain = rows.filter((row) => readHeader(stored(row)) === undefined)
          for (const row of plain) seal(row)
          const last = rows.at(-1)
          if (last === undefined) return 0
          passed(last)
          if (plain.length > 0) return plain.length
        }
      }),
  }
}
