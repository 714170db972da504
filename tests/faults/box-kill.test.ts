import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import { killAgainAndAgain } from "../../scripts/faults/storage/kills.ts"
import { smallFrame } from "../../scripts/faults/storage/picture.ts"
import { tempFolder } from "../support/shared.ts"

const loops = 50

test(`kill -9 of the box at random under load loses nothing it has acknowledged, ${loops} times`, async () => {
  using folder = tempFolder()
  const { ledger, lost, damaged } = await killAgainAndAgain(folder.path, loops, await smallFrame())
  expect({ lost, damaged }).toEqual({ lost: [], damaged: [] })
  for (const acknowledged of Object.values(ledger.counts())) expect(acknowledged).toBeGreaterThan(0)
  expect(ledger.acknowledged()).toBeGreaterThan(loops)
}, 400_000)

test("a ledger notices what is missing, what came back and what was changed", async () => {
  using folder = tempFolder()
  const { ledger } = await killAgainAndAgain(folder.path, 1, await smallFrame())
  const path = folder.file("data", "gatehouse.db")
  expect(ledger.check(path)).toEqual({ lost: [], damaged: [] })
  using database = new Database(path)
  const vector = database.query<{ number: number; vector: Uint8Array }, []>("select number, vector from faces limit 1").get()!
  const changed = vector.vector.slice()
  changed[1]! ^= 1
  changed[2]! ^= 0x40
  database.query("update faces set vector = ? where number = ?").run(changed, vector.number)
  expect(ledger.check(path).damaged).toHaveLength(1)
  database.run("pragma foreign_keys = off; delete from subjects")
  expect(ledger.check(path).lost.length).toBeGreaterThan(0)
  expect(ledger.check(path).damaged).not.toEqual([])
})
