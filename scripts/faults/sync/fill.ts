import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { parseSpace } from "../../../app/face/embedding.ts"
import { openStore } from "../../../app/store/store.ts"
import { plainVaultOf } from "../../../tests/support/vault.ts"
import { fillGallery } from "../../bench/search/fill.ts"
import type { SyncBox } from "./box.ts"
import type { People } from "./people.ts"

/**
 * Puts people with one face each into the tables of a box that does not run, as enrolments leave them: many thousands in a second,
 * where each enrolment by itself waits for the disk.
 * @param from the number of the first, of so many
 * @param overMs so long ago the first was enrolled, and the others evenly since
 */
export function fill(box: SyncBox, people: People, from: number, count: number, overMs = 0): void {
  mkdirSync(box.folder, { recursive: true, mode: 0o700 })
  const opened = openStore(join(box.folder, "gatehouse.db"))
  if (opened.kind === "failed") throw new Error(opened.why)
  const { store } = opened
  const space = parseSpace(people.space)
  if (space === undefined) throw new Error(`${people.space} is not a space`)
  const last = store.prepare<{ seq: number }>("select coalesce(max(seq), 0) as seq from changes").get()?.seq ?? 0
  const dimension = people.vectorOf(0).length
  const vectors = (first: number, page: number) => {
    const all = new Float32Array(page * dimension)
    for (let i = 0; i < page; i++) all.set(people.vectorOf(from + first + i), i * dimension)
    return all
  }
  fillGallery(store, plainVaultOf(store), {
    space,
    dimension,
    faces: count,
    facesPerPerson: 1,
    vectors,
    name: (i) => people.nameOf(from + i),
  })
  const date = store.prepare(`
    update changes set at_ms = ? - ? + (seq - ?) * ? / ?, subject_id = (select subject_id from faces where number = face_number)
    where seq > ?`)
  store.transact(() => date.run(Date.now(), overMs, last, overMs, count, last))
  store.close()
}
