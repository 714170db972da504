import { expect, test } from "bun:test"
import { createRandom } from "../../../app/base/random.ts"
import type { Tables } from "../../../app/sync/box.ts"
import { idsOf } from "../../../app/sync/entity.ts"
import type { SyncRecord } from "../../../app/sync/record.ts"
import type { Conflict } from "../../../app/sync/store/sync-store.ts"
import { addFace, type GalleryBox, openSiteOf, pictureOf } from "./support.ts"

/** People do anything at three boxes that talk now and then; in the end all have the same gallery. */

const seeds = Number(process.env.GATEHOUSE_SYNC_SEEDS ?? 4)
const steps = 120
const timeoutMs = 60_000 + seeds * 2000

test(
  `${seeds} random histories of three boxes end in one gallery`,
  async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const random = createRandom(seed)
      const options = { isSealed: seed % 2 === 0, chips: seed % 3 === 0, pageRecords: 5 }
      await using site = await openSiteOf(3, options, seed % 4 < 2 ? [] : [0, 3_600_000, -86_400_000])
      const history: string[] = []
      const book: Book = { erased: new Set(), splitOff: new Set(), merges: new Map() }
      for (let step = 0; step < steps; step++) {
        const box = site.boxes[Math.floor(random() * 3)]!
        history.push(`${box.name} ${await act(box, random, book)}`)
      }
      await site.agree()
      await site.agree()
      const [first, ...others] = site.boxes.map((box) => ({ records: recordsOf(box), people: pictureOf(box) }))
      for (const other of others) expect({ seed, ...other }).toEqual({ seed, ...first! })
      for (const box of site.boxes) {
        expect({ seed, hidden: hiddenIn(box) }).toEqual({ seed, hidden: [] })
        const left = [...book.erased].filter((id) => box.gallery.storedVector(id) !== undefined && hasToGo(book, id))
        expect({ seed, left }).toEqual({ seed, left: [] })
        expect((await box.talk()).stored).toBe(0)
        expect(box.store.prepare("pragma foreign_key_check").all()).toEqual([])
      }
    }
  },
  timeoutMs,
)

/** Faces whose persons were erased, by those who erased them; and those of which somebody has said that they are another's. */
interface Book {
  readonly erased: Set<string>
  readonly splitOff: Set<string>
  /** How often each has become somebody else's since it was erased, at boxes that did not know of it. */
  readonly merges: Map<string, number>
}

/** The second merge is made by a box that was told of the face as another person's: nobody remembers there whose it was (docs/sync.md). */
const hasToGo = ({ splitOff, merges }: Book, id: string) => !splitOff.has(id) && (merges.get(id) ?? 0) < 2

async function act(box: GalleryBox, random: () => number, book: Book): Promise<string> {
  const { gallery, people } = box
  const ids = gallery.subjects({ limit: 1000 }).items.map(({ id }) => id)
  const one = () => ids[Math.floor(random() * ids.length)] ?? ""
  const faceOf = (id: string) => gallery.facesOf(id, { limit: 10 })?.items.at(-1)?.id
  const number = Math.floor(random() * 6)
  const dice = random()
  if (ids.length < 4 || dice < 0.2) {
    const added = gallery.addSubject({ name: `P${number}`, ...(number < 3 && { externalId: String(number) }) })
    if (added.kind === "added" && random() < 0.8) addFace(box, added.subject.id)
    return added.kind
  }
  if (dice < 0.3) return `talk ${(await box.talk(random() < 0.5)).applied}`
  if (dice < 0.4) return addFace(box, one()).faceId
  if (dice < 0.55) return gallery.updateSubject(one(), { name: `N${number}`, groups: [`g${number}`] }).kind
  if (dice < 0.65) return gallery.updateSubject(one(), { externalId: number < 3 ? String(number) : null }).kind
  if (dice < 0.72) return String(gallery.deleteFace(faceOf(one()) ?? ""))
  if (dice < 0.76) return gallery.deleteSubject(one()).kind
  if (dice < 0.84) {
    const [fromId, intoId] = [one(), one()]
    for (const { id } of gallery.facesOf(fromId, { limit: 1000 })?.items ?? [])
      if (book.erased.has(id)) book.merges.set(id, (book.merges.get(id) ?? 0) + 1)
    return people.rearrangements.merge(fromId, intoId).kind
  }
  if (dice < 0.9) {
    const faceId = faceOf(ids[0]!)
    if (faceId !== undefined) book.splitOff.add(faceId)
    return faceId === undefined ? "none" : people.rearrangements.split(ids[0]!, [faceId], { name: "Split" }).kind
  }
  if (dice < 0.96) {
    const last = people.rearrangements.of(one()).at(0)
    return last === undefined ? "none" : people.rearrangements.undo(last.id).kind
  }
  const leaving = one()
  for (const { id } of gallery.facesOf(leaving, { limit: 1000 })?.items ?? []) book.erased.add(id)
  return (await people.erase(leaving, 0)).kind
}

/** Faces that somebody has by the records, and nobody, or somebody else, has here without a dispute of the two. */
function hiddenIn(box: GalleryBox): readonly string[] {
  const owners = new Map<string, string>()
  for (const { id } of box.gallery.subjects({ limit: 1000 }).items)
    for (const face of box.gallery.facesOf(id, { limit: 1000 })?.items ?? []) owners.set(face.id, id)
  const disputes = box.syncStore.conflicts.list(1000).filter(({ kind }) => kind === "face")
  const faces = recordsIn(box).flatMap(({ kind, entity }) => {
    const [subjectId = "", faceId, part] = idsOf(entity)
    return kind === "put" && faceId !== undefined && part === undefined ? [{ subjectId, faceId }] : []
  })
  return faces.flatMap(({ subjectId, faceId }) => {
    const owner = owners.get(faceId)
    return owner !== undefined && waitedFor(disputes, subjectId).has(owner)
      ? []
      : [`${faceId} of ${subjectId} is with ${owner}`]
  })
}

/** Themselves, those whom they wait for, those whom these wait for … */
function waitedFor(disputes: readonly Conflict[], subjectId: string): ReadonlySet<string> {
  const reached = new Set([subjectId])
  for (const one of reached) for (const { subjectId: waiting, otherId } of disputes) if (waiting === one) reached.add(otherId)
  return reached
}

function recordsIn(box: GalleryBox): readonly SyncRecord[] {
  const all = (tables: Tables) => [...tables.rowsAfter("erasures", 0, 1e6), ...tables.rowsAfter("records", 0, 1e6)]
  return box.side.box.transact(all).map(({ record }) => record)
}

function recordsOf(box: GalleryBox): readonly string[] {
  return recordsIn(box)
    .map(({ entity, kind, origin, sequence }) => `${entity} ${kind} ${origin} ${sequence}`)
    .sort()
}
