import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { silentLog } from "../../app/base/log.ts"
import { openRetention } from "../../app/events/retention.ts"
import { openSightings } from "../../app/events/sightings.ts"
import { ownerOf, snapshotSealer } from "../../app/events/snapshots.ts"
import type { Store } from "../../app/store/store.ts"
import { openVaultRows } from "../../app/store/vault-rows.ts"
import { BrokenSeal } from "../../app/vault/broken.ts"
import { sealAll } from "../../app/vault/sealing.ts"
import { plainVaultOf, sealedVaultOf } from "../support/vault.ts"
import { openMemory, record, seen } from "./support.ts"

/** Nothing else has these bytes. */
const picture = () => crypto.getRandomValues(new Uint8Array(5000))

const owners = (store: Store) =>
  store
    .prepare<{ owner: string }>("select owner from data_keys where owner like 'sightings/%' order by owner")
    .all()
    .map(({ owner }) => owner)

/** What a thief reads: the database and its write-ahead log. */
const holds = (path: string, bytes: Uint8Array) =>
  [path, `${path}-wal`].some((file) => readFileSync(file).includes(bytes.subarray(1000, 1100)))

describe.each(["aes", "gm"] as const)("%s", (suite) => {
  test("a picture comes back as it was, and no byte of it lies on the disk", async () => {
    await using memory = await openMemory((store) => sealedVaultOf(store, suite))
    await using open = await openMemory(plainVaultOf)
    const jpeg = picture()
    for (const { sightings } of [memory, open]) {
      const { id } = record(sightings, { snapshot: jpeg })
      expect(sightings.snapshot(id)).toEqual(Buffer.from(jpeg))
      expect(sightings.totals().bytes).toBe(5000 + 512)
    }
    expect(holds(memory.path, jpeg)).toBe(false)
    expect(holds(open.path, jpeg)).toBe(true)
  })

  test("one that was brought from another row, or changed, is refused by name", async () => {
    await using memory = await openMemory((store) => sealedVaultOf(store, suite))
    const { sightings, store } = memory
    const [one, two] = [record(sightings, { snapshot: picture() }), record(sightings, { snapshot: picture() })]
    store
      .prepare(
        "update sighting_snapshots set jpeg = (select jpeg from sighting_snapshots where sighting_number = ?) where sighting_number = ?",
      )
      .run(one.number, two.number)
    expect(() => sightings.snapshot(two.id)).toThrow(`sighting_snapshots.jpeg of row ${two.number} was changed`)
    store.prepare("update sighting_snapshots set jpeg = zeroblob(5000) where sighting_number = ?").run(one.number)
    expect(() => sightings.snapshot(one.id)).toThrow(BrokenSeal)
  })

  test("where the key of the month was changed, nothing is recorded, and why is said", async () => {
    await using memory = await openMemory((store) => sealedVaultOf(store, suite))
    const { sightings, store, vault } = memory
    record(sightings, { snapshot: picture() })
    const owner = ownerOf(Date.now())
    vault.shredKey(owner)
    vault.ensureKey(owner)
    store.prepare("update data_keys set wrapped = zeroblob(70) where owner = ?").run(owner)
    expect(sightings.record(seen({ snapshot: picture() }))).toMatchObject({
      kind: "not_recorded",
      why: expect.stringContaining(owner),
    })
    expect(sightings.record(seen()).kind).toBe("recorded")
    expect(sightings.totals().sightings).toBe(2)
  })

  test("the key of a month goes with its last picture, whoever removes it", async () => {
    await using memory = await openMemory((store) => sealedVaultOf(store, suite))
    const { sightings, store, vault } = memory
    const now = new Date().toISOString().slice(0, 7)
    const old = [record(sightings), record(sightings)]
    // As if they had been recorded in a January: their pictures are sealed with its key.
    for (const { number } of old) {
      vault.ensureKey("sightings/2026-01")
      store
        .prepare("update sightings set recorded_at_ms = ?, snapshot_bytes = 3 where number = ?")
        .run(Date.UTC(2026, 0, 20), number)
      const jpeg = vault.seal(
        "sightings/2026-01",
        { table: "sighting_snapshots", column: "jpeg", row: number },
        Buffer.from("old"),
      )
      store.prepare("insert into sighting_snapshots values (?, ?)").run(number, jpeg)
    }
    record(sightings, { snapshot: picture() })
    expect(sightings.snapshot(old[0]!.id)).toEqual(Buffer.from("old"))
    expect(owners(store)).toEqual(["sightings/2026-01", `sightings/${now}`])
    sightings.delete(old[0]!.id)
    expect(owners(store)).toHaveLength(2)
    const step = openRetention(store, sightings, { bytesMax: 1e9, ageMaxDays: 30 })
    while (step(Date.now(), 0).removed > 0);
    expect(owners(store)).toEqual([`sightings/${now}`])
    expect(sightings.totals().sightings).toBe(1)
  })

  test("pictures of a folder that was not sealed are sealed, going on after a kill", async () => {
    await using memory = await openMemory(plainVaultOf)
    const jpegs = Array.from({ length: 250 }, picture)
    const ids = jpegs.map((snapshot) => record(memory.sightings, { snapshot }).id)
    expect(holds(memory.path, jpegs[0]!)).toBe(true)
    const vault = sealedVaultOf(memory.store, suite)
    // Killed after the first page, and begun anew: one step seals what is left, passing over what is done.
    expect(snapshotSealer(memory.store, vault).step(500)).toBe(100)
    sealAll(openVaultRows(memory.store), [snapshotSealer(memory.store, vault)], () => memory.store.wipeFree(), silentLog)
    const sightings = openSightings(memory.store, vault, memory.gallery.nameOf)
    for (const [place, id] of ids.entries()) expect(sightings.snapshot(id)).toEqual(Buffer.from(jpegs[place]!))
    for (const jpeg of jpegs) expect(holds(memory.path, jpeg)).toBe(false)
    expect(openSightings(memory.store, plainVaultOf(memory.store), memory.gallery.nameOf).snapshot(ids[0]!)).not.toEqual(
      Buffer.from(jpegs[0]!),
    )
  })
})

test("a month is that of UTC", () => {
  expect(ownerOf(Date.UTC(2026, 2, 1) - 1)).toBe("sightings/2026-02")
  expect(ownerOf(Date.UTC(2026, 2, 1))).toBe("sightings/2026-03")
})
