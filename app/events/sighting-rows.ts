import type { Store } from "../store/store.ts"
import type { SightedFace, Sighting, SightingDecision } from "./sighting.ts"

interface Row {
  readonly number: number
  readonly id: string
  readonly camera: string
  readonly requestId: string
  readonly capturedAtMs: number
  readonly recordedAtMs: number
  readonly width: number
  readonly height: number
  readonly snapshotBytes: number | null
}

interface FaceRow {
  readonly sightingNumber: number
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly score: number
  readonly qualityScore: number
  readonly decision: SightingDecision
  readonly subjectId: string | null
  readonly similarity: number | null
}

/** What a subject is called now; `undefined` when there is none of this id. */
export type NameOf = (subjectId: string) => string | undefined

export type SightingRows = ReturnType<typeof openSightingRows>

/** Whole sightings from the tables, each face with its subject's name as it is now. */
export function openSightingRows(store: Store, nameOf: NameOf) {
  const columns = `number, id, camera, request_id as requestId, captured_at_ms as capturedAtMs, recorded_at_ms as recordedAtMs,
    image_width as width, image_height as height, snapshot_bytes as snapshotBytes`
  const selectMany = store.prepare<Row>(`select ${columns} from sightings where number in (select value from json_each(?))`)
  const selectId = store.prepare<{ number: number }>("select number from sightings where id = ?")
  const selectFaces = store.prepare<FaceRow>(`
    select sighting_number as sightingNumber, x, y, width, height, score, quality_score as qualityScore, decision,
      subject_id as subjectId, similarity
    from sighting_faces
    where sighting_number in (select value from json_each(?)) order by sighting_number, position`)

  /** Those of them that are there, in the order asked for. */
  function ofNumbers(numbers: readonly number[]): Sighting[] {
    const asked = JSON.stringify(numbers)
    const faces = Map.groupBy(selectFaces.all(asked), ({ sightingNumber }) => sightingNumber)
    const byNumber = new Map(selectMany.all(asked).map((row) => [row.number, row]))
    return numbers.flatMap((number) => {
      const row = byNumber.get(number)
      return row === undefined ? [] : [toSighting(row, faces.get(number) ?? [], nameOf)]
    })
  }

  return {
    ofNumbers,
    get(id: string): Sighting | undefined {
      const found = selectId.get(id)
      return found === undefined ? undefined : ofNumbers([found.number])[0]
    },
  }
}

function toSighting({ width, height, snapshotBytes, ...row }: Row, faces: readonly FaceRow[], nameOf: NameOf): Sighting {
  const { number, id, camera, requestId, capturedAtMs, recordedAtMs } = row
  const frame = {
    image: { width, height },
    hasSnapshot: snapshotBytes !== null,
    faces: faces.map((face) => toFace(face, nameOf)),
  }
  return { id, number, camera, requestId, capturedAtMs, recordedAtMs, ...frame }
}

function toFace({ x, y, width, height, score, qualityScore, decision, ...who }: FaceRow, nameOf: NameOf): SightedFace {
  const face = { box: { x, y, width, height }, score, qualityScore, decision }
  const { subjectId, similarity } = who
  const name = subjectId === null ? undefined : nameOf(subjectId)
  return {
    ...face,
    ...(subjectId === null || name === undefined ? {} : { subjectId, name }),
    ...(similarity === null ? {} : { similarity }),
    // Every face that was not unknown was given a subject when it was recorded.
    ...(subjectId === null && decision !== "unknown" ? { forgotten: true } : {}),
  }
}
