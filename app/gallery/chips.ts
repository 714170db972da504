import type { FaceChip } from "../face/face.ts"
import type { Landmarks } from "../face/geometry.ts"
import type { Store } from "../store/store.ts"

interface ChipRow {
  readonly jpeg: Uint8Array | null
  readonly width: number
  readonly height: number
  readonly landmarks: string
}

export type Chips = ReturnType<typeof openChips>

/** The pictures that faces were taken from, in a table of their own: no search and no list reads past them. */
export function openChips(store: Store) {
  const insert = store.prepare("insert into face_chips (face_number, jpeg, width, height, landmarks) values (?, ?, ?, ?, ?)")
  const select = store.prepare<ChipRow>(`
    select jpeg, width, height, landmarks from faces left join face_chips on face_number = number where id = ?`)

  return {
    /** In the transaction that adds the face; it goes with the face. */
    add(faceNumber: number, { jpeg, size, landmarks }: FaceChip): void {
      insert.run(faceNumber, jpeg, size.width, size.height, JSON.stringify(landmarks))
    },

    /** `null` for a face of which none is kept, `undefined` when there is no such face. */
    of(faceId: string): FaceChip | null | undefined {
      const row = select.get(faceId)
      if (row === undefined || row.jpeg === null) return row === undefined ? undefined : null
      const { jpeg, width, height, landmarks } = row
      return { jpeg, size: { width, height }, landmarks: JSON.parse(landmarks) as Landmarks }
    },
  }
}
