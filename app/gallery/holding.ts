import { type HeldFile, type Holding, jsonFile } from "../base/holding.ts"
import { toVector } from "./faces.ts"
import type { Gallery } from "./gallery.ts"

type HoldingGallery = Pick<
  Gallery,
  "subject" | "facesOf" | "face" | "faceImage" | "storedVector" | "deleteSubject" | "overwriteRemoved"
>

/** What the gallery holds of a person. The person's row is taken last of all: whatever refers to it leaves with it. */
export function galleryHolding(gallery: HoldingGallery): Holding {
  return {
    name: "gallery",
    // In `changes` random ids stay, which by then are nobody's. The key that sealed the person leaves with the row. `impostors` are
    // other people's faces: they leave with the person, and are not the person's to be told.
    tables: ["subjects", "subject_groups", "faces", "face_chips", "impostors", "changes", "data_keys"],

    *files({ subjectId, faceIds }) {
      const subject = gallery.subject(subjectId)
      if (subject !== undefined) yield jsonFile("profile.json", subject)
      for (const faceId of faceIds) yield* filesOf(faceId)
    },

    erase: ({ subjectId }) => (gallery.deleteSubject(subjectId).kind === "deleted" ? 1 : 0),
    eraseCopies: gallery.overwriteRemoved,
  }

  /** What another network made of a picture that is told already. */
  function* twinOf(id: string): Generator<HeldFile> {
    const stored = gallery.storedVector(id)
    if (stored === undefined) return
    const { space, vector } = stored
    yield jsonFile(`faces/${id}.json`, {
      id,
      space,
      source: "the picture of another face",
      vector: Array.from(toVector(vector)),
    })
  }

  function* filesOf(faceId: string): Generator<HeldFile> {
    const face = gallery.face(faceId)
    if (face === undefined) return yield* twinOf(faceId)
    const stored = gallery.storedVector(faceId)
    const image = gallery.faceImage(faceId) ?? undefined
    const chip = image === undefined ? {} : { image: { ...image.size, landmarks: image.landmarks } }
    const vector = stored === undefined ? [] : Array.from(toVector(stored.vector))
    yield jsonFile(`faces/${faceId}.json`, { ...face, ...chip, vector })
    if (image !== undefined) yield { name: `faces/${faceId}.jpg`, bytes: image.jpeg }
  }
}
