import { expect, test } from "bun:test"
import { createRandom } from "../../../app/base/random.ts"
import type { Tables } from "../../../app/sync/box.ts"
import { addFace, type GalleryBox, openSiteOf, pictureOf } from "./support.ts"

/** People do anything at three boxes that talk now and then; in the end all have the same gallery. */

const seeds = Number(process.env.GATEHOUSE_SYNC_SEEDS ?? 4)
const steps = 120

test(`${seeds} random histories of three boxes end in one gallery`, async () => {
  for (let seed = 1; seed <= seeds; seed++) {
    const random = createRandom(seed)
    const options = { isSealed: seed % 2 === 0, chips: seed % 3 === 0, pageRecords: 5 }
    await using site = await openSiteOf(3, options, seed % 4 < 2 ? [] : [0, 3_600_000, -86_400_000])
    const history: string[] = []
    for (let step = 0; step < steps; step++) {
      const box = site.boxes[Math.floor(random() * 3)]!
      history.push(`${box.name} ${await act(box, random)}`)
    }
    await site.agree()
    await site.agree()
    const [first, ...others] = site.boxes.map((box) => ({ records: recordsOf(box), people: pictureOf(box) }))
    for (const other of others) expect({ seed, ...other }).toEqual({ seed, ...first! })
    for (const box of site.boxes) {
      const { expected, present } = box.side.box.transact((tables) => tables.counts())
      const disputes = box.syncStore.conflicts.list(1000).filter(({ kind }) => kind === "face").length
      expect({ seed, present: present + disputes >= expected }).toEqual({ seed, present: true })
      expect((await box.talk()).stored).toBe(0)
      expect(box.store.prepare("pragma foreign_key_check").all()).toEqual([])
    }
  }
}, 120_000)

async function act(box: GalleryBox, random: () => number): Promise<string> {
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
  if (dice < 0.84) return people.rearrangements.merge(one(), one()).kind
  if (dice < 0.9) {
    const faceId = faceOf(ids[0]!)
    return faceId === undefined ? "none" : people.rearrangements.split(ids[0]!, [faceId], { name: "Split" }).kind
  }
  if (dice < 0.96) {
    const last = people.rearrangements.of(one()).at(0)
    return last === undefined ? "none" : people.rearrangements.undo(last.id).kind
  }
  return (await people.erase(one(), 0)).kind
}

function recordsOf(box: GalleryBox): readonly string[] {
  const all = (tables: Tables) => [...tables.rowsAfter("erasures", 0, 1e6), ...tables.rowsAfter("records", 0, 1e6)]
  return box.side.box
    .transact(all)
    .map(({ record: { entity, kind, origin, sequence } }) => `${entity} ${kind} ${origin} ${sequence}`)
    .sort()
}
