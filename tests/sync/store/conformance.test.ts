import { expect, test } from "bun:test"
import { createRandom } from "../../../app/base/random.ts"
import type { Row, Standing, Tables } from "../../../app/sync/box.ts"
import type { Entity } from "../../../app/sync/entity.ts"
import { type GalleryStream, streamOf } from "../../../app/sync/hub.ts"
import type { Kind, Origin } from "../../../app/sync/merge.ts"
import { createDisk } from "../../sim/disk.ts"
import { boxA, entity, originOf } from "../support.ts"
import { openPlainBox, openTestSyncStore } from "./support.ts"

const streams = ["erasures", "records"] as const
const kinds: readonly Kind[] = ["put", "put", "put", "del", "erase"]
const standings: readonly Standing[] = ["held", "due", "doubtful"]

type Random = () => number

class Undone extends Error {}

type Step = (tables: Tables) => unknown

test.each([
  ["in the clear", false],
  ["sealed", true],
])("random steps have the same answers on SQLite (%s) and in the simulator's memory", (_, isSealed) => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = createRandom(seed)
    using opened = openTestSyncStore({ isSealed, wallClockMs: () => 1e12 })
    opened.sync.enter(boxA)
    const box = openPlainBox(opened.sync)
    const disk = createDisk(
      () => originOf(boxA),
      () => undefined,
      { writing: () => undefined, erasuresRead: () => undefined },
    )
    for (let round = 0; round < 60; round++) {
      const steps = Array.from({ length: 1 + Math.floor(random() * 6) }, () => randomStep(random))
      const isUndone = random() < 0.1
      const run = (target: { transact<Out>(body: (tables: Tables) => Out): Out }) => {
        let answers: unknown[] = []
        try {
          return target.transact((tables) => {
            answers = steps.map((step) => step(tables))
            if (isUndone) throw new Undone()
            return answers
          })
        } catch (error) {
          if (!(error instanceof Undone)) throw error
          return answers
        }
      }
      expect({ seed, round, answers: run(box) }).toEqual({ seed, round, answers: run(disk) })
    }
    expect(box.transact(pictureOf)).toEqual(disk.transact(pictureOf))
    const faces = box
      .transact(all)
      .filter(({ record }) => record.kind === "put" && record.entity.length === entity(1, 1).length)
    expect(box.transact((tables) => tables.counts())).toEqual({ expected: faces.length, present: faces.length })
    expect(opened.store.prepare("pragma foreign_key_check").all()).toEqual([])
    expect(orphans(opened.store)).toBe(0)
  }
})

function orphans(store: ReturnType<typeof openTestSyncStore>["store"]): number {
  const sql = `select (select count(*) from sync_bytes) - (select count(*) from sync_rows) as orphans`
  return store.prepare<{ orphans: number }>(sql).get()?.orphans ?? -1
}

const pick = <Value>(random: Random, values: readonly Value[]): Value => values[Math.floor(random() * values.length)]!

/** Few enough that they meet, at all three depths. */
function randomEntity(random: Random): Entity {
  const id = () => 1 + Math.floor(random() * 3)
  return entity(...Array.from({ length: 1 + Math.floor(random() * 3) }, id))
}

let versions = 0

/** What a session does with tables; drawn before it is run, so that both run the same. */
function randomStep(random: Random): Step {
  const stream: GalleryStream = pick(random, streams)
  const path = randomEntity(random)
  const number = Math.floor(random() * 40)
  const limit = 1 + Math.floor(random() * 30)
  switch (Math.floor(random() * 14)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const sequence = ++versions
      const kind = pick(random, kinds)
      const bytes = Uint8Array.from({ length: 1 + number * 40 }, (_, i) => (i * 7 + sequence) % 256)
      const record = { kind, entity: path, stamp: sequence * 1000, origin: originOf(boxA, 1 + (sequence % 3)), sequence, bytes }
      const standing = pick(random, standings)
      return (tables) => tables.write({ record, change: tables.nextChange(), hubSequence: number, standing })
    }
    case 4: {
      const [standing, moves] = [pick(random, standings), random() < 0.5]
      return (tables) => {
        const row = tables.row(path)
        if (row === undefined) return
        tables.write({ ...row, standing, hubSequence: number, ...(moves && { change: tables.nextChange() }) })
      }
    }
    case 5:
      return (tables) => tables.remove(path)
    case 6:
      return (tables) => plain(tables.row(path))
    case 7:
      return (tables) => plainAll(tables.below(path))
    case 8:
      return (tables) => tables.rowsAfter(stream, number, limit).map(plain)
    case 9:
      return (tables) => tables.doubtAfter(stream, number)
    case 10:
      return (tables) => plainAll(tables.doubtful(stream, 1000))
    case 11:
      return (tables) => {
        tables.setPosition(stream, number)
        tables.setMarkers(stream, [{ sequence: number, name: `mark.${number}` }])
        tables.setCursor(`hub/${stream}`, number)
        tables.setCursor("bundle/0b0b0b0b", number)
        return [tables.nextSequence(), tables.lastSequence()]
      }
    case 12:
      return (tables) => {
        tables.beginLife()
        return tables.lastSequence()
      }
    default:
      return (tables) => tables.doubtful(stream, 2).length
  }
}

const all = (tables: Tables): readonly Row[] => streams.flatMap((stream) => tables.rowsAfter(stream, 0, 1000))

/** With the bytes, which a row opens when they are asked for. */
function plain(row: Row | undefined) {
  if (row === undefined) return undefined
  const { kind, entity: path, stamp, origin, sequence, bytes } = row.record
  return { ...row, record: { kind, entity: path, stamp, origin, sequence, bytes: Buffer.from(bytes).toString("base64") } }
}

const plainAll = (rows: readonly Row[]) => rows.map(plain).sort((a, b) => (a!.record.entity < b!.record.entity ? -1 : 1))

/** All that can be asked. */
function pictureOf(tables: Tables) {
  return {
    change: tables.nextChange(),
    sequence: tables.lastSequence(),
    must: tables.mustReadErasures(),
    streams: streams.map((stream) => ({
      rows: tables.rowsAfter(stream, 0, 1000).map(plain),
      position: tables.position(stream),
      markers: tables.markers(stream),
      cursor: tables.cursor(`hub/${stream}`),
      doubtful: tables.doubtful(stream, 1000).length,
    })),
    bundle: tables.cursor("bundle/0b0b0b0b"),
    unknown: [tables.cursor("bundle/0c0c0c0c"), tables.row(entity(99))],
    streamsOfRows: streams.flatMap((stream) =>
      tables.rowsAfter(stream, 0, 1000).filter(({ record }) => streamOf(record.kind) !== stream),
    ),
    origin: (tables.origin() as Origin).length,
  }
}
