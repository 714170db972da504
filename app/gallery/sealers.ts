import type { Space } from "../face/embedding.ts"
import type { Store } from "../store/store.ts"
import type { Sealer } from "../vault/sealing.ts"
import type { Vault } from "../vault/vault.ts"
import { chipPlaces } from "./chips.ts"
import { impostorSealing } from "./impostors.ts"
import { ownerOfSubject, parseDetails, sealDetails, sealVector } from "./secrets.ts"
import { externalIdDigest, nameDigest } from "./subject-rows.ts"

interface SubjectRow {
  readonly id: string
  readonly details: Uint8Array
}

interface FaceRow {
  readonly number: number
  readonly id: string
  readonly space: Space
  readonly vector: Uint8Array
  readonly jpeg: Uint8Array | null
  readonly about: Uint8Array | null
}

/** People with their faces and chips, some people at a time. Somebody is sealed who has a key: the same transaction makes it. */
export function subjectSealer(store: Store, vault: Vault): Sealer {
  const select = store.prepare<SubjectRow>(`
    select id, details from subjects
    where id > ? and not exists (select 1 from data_keys where owner = 'subject/' || subjects.id) order by id limit ?`)
  const update = store.prepare("update subjects set details = ?, name_digest = ?, external_id_digest = ? where id = ?")
  const selectFaces = store.prepare<FaceRow>(`
    select faces.number, faces.id, spaces.name as space, vector, jpeg, about
    from faces join spaces on spaces.number = space_number left join face_chips on face_number = faces.number
    where subject_id = ?`)
  const updateFace = store.prepare("update faces set vector = ? where number = ?")
  const updateChip = store.prepare("update face_chips set jpeg = ?, about = ? where face_number = ?")
  const sealImpostorsOf = impostorSealing(store, vault)
  let after = ""

  function sealSubject({ id, details }: SubjectRow): void {
    const owner = ownerOfSubject(id)
    vault.createKey(owner)
    const plain = parseDetails(details)
    const digests = [
      nameDigest(vault, plain.name),
      plain.externalId === undefined ? null : externalIdDigest(vault, plain.externalId),
    ] as const
    update.run(sealDetails(vault, id, plain), ...digests, id)
    sealImpostorsOf(id)
    for (const { number, id: faceId, space, vector, jpeg, about } of selectFaces.all(id)) {
      updateFace.run(sealVector(vault, { id: faceId, subjectId: id, space }, vector), number)
      if (jpeg === null || about === null) continue
      const places = chipPlaces(faceId)
      updateChip.run(vault.seal(owner, places.jpeg, jpeg), vault.seal(owner, places.about, about), number)
    }
  }

  return {
    table: "subjects",
    step: (rowsMax) =>
      store.transact<number>(() => {
        const rows = select.all(after, rowsMax)
        for (const row of rows) sealSubject(row)
        after = rows.at(-1)?.id ?? after
        return rows.length
      }),
  }
}
