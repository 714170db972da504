import type { FaceChip } from "../face/face.ts"
import type { Store } from "../store/store.ts"
import type { Place } from "../vault/seal.ts"
import type { Vault } from "../vault/vault.ts"
import { ownerOfSubject } from "./secrets.ts"

/** The last two are absent for a face of which none is kept. */
interface ChipRow {
  readonly subjectId: string
  readonly jpeg: Uint8Array | null
  readonly about: Uint8Array | null
}

/** A face that has a number by now. */
export interface ChipOwner {
  readonly number: number
  readonly id: string
  readonly subjectId: string
}

/** The picture, and what belongs to it. */
export function chipPlaces(faceId: string): Readonly<Record<"jpeg" | "about", Place>> {
  return {
    jpeg: { table: "face_chips", column: "jpeg", row: faceId },
    about: { table: "face_chips", column: "about", row: faceId },
  }
}

export type Chips = ReturnType<typeof openChips>

/** The pictures that faces were taken from, in a table of their own: no search and no list reads past them. */
export function openChips(store: Store, vault: Vault) {
  const insert = store.prepare("insert into face_chips (face_number, jpeg, about) values (?, ?, ?)")
  const select = store.prepare<ChipRow>(`
    select subject_id as subjectId, jpeg, about from faces left join face_chips on face_number = number where id = ?`)

  return {
    /** In the transaction that adds the face; it goes with the face. */
    add({ number, id, subjectId }: ChipOwner, { jpeg, ...rest }: FaceChip): void {
      const owner = ownerOfSubject(subjectId)
      const about = Buffer.from(JSON.stringify(rest))
      const places = chipPlaces(id)
      insert.run(number, vault.seal(owner, places.jpeg, jpeg), vault.seal(owner, places.about, about))
    },

    /** `null` for a face of which none is kept, `undefined` when there is no such face. Throws `BrokenSeal`. */
    of(faceId: string): FaceChip | null | undefined {
      const row = select.get(faceId)
      if (row === undefined || row.jpeg === null || row.about === null) return row === undefined ? undefined : null
      const owner = ownerOfSubject(row.subjectId)
      const places = chipPlaces(faceId)
      const about = Buffer.from(vault.open(owner, places.about, row.about)).toString()
      const jpeg = vault.open(owner, places.jpeg, row.jpeg)
      return { jpeg, ...(JSON.parse(about) as Omit<FaceChip, "jpeg">) }
    },
  }
}
