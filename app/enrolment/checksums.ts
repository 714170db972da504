import type { Space } from "../face/embedding.ts"
import { checksumDigestColumn } from "../gallery/secrets.ts"
import type { Store } from "../store/store.ts"
import { pagedSealer, type Sealer } from "../vault/sealing.ts"
import type { Vault } from "../vault/vault.ts"

/** Of each face the checksum of the picture or vector it was made from: the same one is not enrolled twice for the same person. */
export interface Checksums {
  /** The person's face of this space made from the very same: enrolled for another network, a picture is worth enrolling again. */
  find(subjectId: string, space: Space, checksum: Uint8Array): string | undefined
  /** To be called in the transaction that adds the face; it goes with the face. */
  record(faceId: string, checksum: Uint8Array): void
}

interface SourceRow {
  readonly number: number
  readonly sha256: Uint8Array
}

/** Of SHA-256; a digest is shorter. */
const plainBytes = 32

/** Digests in place of the checksums that were recorded before there was a master key. */
export function checksumsSealer(store: Store, vault: Vault): Sealer {
  const select = store.prepare<SourceRow>(
    "select face_number as number, sha256 from face_sources where face_number > ? order by face_number limit ?",
  )
  const update = store.prepare("update face_sources set sha256 = ? where face_number = ?")
  return pagedSealer<SourceRow>(store.transact<number>, {
    table: "face_sources",
    page: (last, rowsMax) => select.all(last?.number ?? 0, rowsMax),
    isSealed: ({ sha256 }) => sha256.length !== plainBytes,
    seal: ({ number, sha256 }) => void update.run(vault.digest(checksumDigestColumn, sha256), number),
  })
}

export function openChecksums(store: Store, vault: Vault): Checksums {
  const select = store.prepare<{ id: string }>(`
    select faces.id from face_sources join faces on faces.number = face_number
    where sha256 = ? and subject_id = ? and space_number = (select number from spaces where name = ?) limit 1`)
  const insert = store.prepare("insert into face_sources (face_number, sha256) select number, ? from faces where id = ?")
  const digestOf = (checksum: Uint8Array) => vault.digest(checksumDigestColumn, checksum)
  return {
    find: (subjectId, space, checksum) => select.get(digestOf(checksum), subjectId, space)?.id,
    record: (faceId, checksum) => {
      insert.run(digestOf(checksum), faceId)
    },
  }
}
