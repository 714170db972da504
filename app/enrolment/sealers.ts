import { externalIdDigest, nameDigest } from "../gallery/subject-rows.ts"
import type { Store } from "../store/store.ts"
import { readHeader } from "../vault/seal.ts"
import { pagedSealer, type Sealer } from "../vault/sealing.ts"
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

interface EndRow {
  readonly number: number
  readonly id: string
  readonly why: Uint8Array
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
  return pagedSealer<PersonRow>(store.transact, {
    table: "enrolment_people",
    page: (last, rowsMax) => selectPage.all(last?.number ?? 0, rowsMax),
    isSealed: ({ details }) => readHeader(details) !== undefined,
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
  return pagedSealer<ItemRow>(store.transact, {
    table: "enrolment_items",
    page: (last, rowsMax) => selectPage.all(last?.job ?? 0, last?.position ?? 0, rowsMax),
    isSealed: ({ details }) => readHeader(details) !== undefined,
    seal({ job, jobId, position, subjectId, details }) {
      const owner = ownerOf(jobId, subjectId)
      vault.ensureKey(owner)
      update.run(vault.seal(owner, placeOfItem(job, position), details), job, position)
    },
  })
}

function endsSealer(store: Store, vault: Vault): Sealer {
  const selectPage = store.prepare<EndRow>(
    "select number, id, why from enrolments where number > ? and why is not null order by number limit ?",
  )
  const update = store.prepare("update enrolments set why = ? where number = ?")
  return pagedSealer<EndRow>(store.transact, {
    table: "enrolments",
    page: (last, rowsMax) => selectPage.all(last?.number ?? 0, rowsMax),
    isSealed: ({ why }) => readHeader(why) !== undefined,
    seal({ number, id, why }) {
      vault.ensureKey(ownerOfJob(id))
      update.run(vault.seal(ownerOfJob(id), placeOfWhy(number), why), number)
    },
  })
}
