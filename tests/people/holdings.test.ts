import { expect, test } from "bun:test"
import { openPeopleBox } from "./support.ts"

/** What may name a person: `subject_id`, `entity_id`, `face_number` … */
const telling = /(^|_)(subject|person|entity|face|other)_(id|number)$/

/** Tables that name people and are nobody's data: why. */
const excepted: Readonly<Record<string, string>> = {
  erasures: "the ledger of who was erased must not be erased",
}

test("every table that refers to people is held by a folder that exports and erases it", async () => {
  await using box = await openPeopleBox()
  const held = box.people.holdings.flatMap(({ tables }) => tables)
  expect(held.filter((name, place) => held.indexOf(name) !== place)).toEqual([])

  const tables = box.store
    .prepare<{ name: string }>("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'")
    .all()
    .map(({ name }) => name)
  expect(held.filter((name) => !tables.includes(name))).toEqual([])

  const referring = new Set(["subjects"])
  const columnsOf = (table: string) => box.store.prepare<{ name: string }>(`pragma table_info(${table})`).all()
  for (const table of tables) if (columnsOf(table).some(({ name }) => telling.test(name))) referring.add(table)
  // Whatever refers to such a table refers to people as well, at any distance.
  for (let before = 0; before < referring.size; ) {
    before = referring.size
    for (const table of tables) {
      const parents = box.store.prepare<{ table: string }>(`pragma foreign_key_list(${table})`).all()
      if (parents.some((parent) => referring.has(parent.table))) referring.add(table)
    }
  }
  expect(referring.size).toBeGreaterThan(10)
  expect([...referring].filter((name) => !held.includes(name) && excepted[name] === undefined).toSorted()).toEqual([])
})
