import type { Tables } from "../../app/sync/box.ts"
import { createByteWriter } from "../../app/sync/bytes.ts"
import { type BundlePosition, bundlePage, importRecords } from "../../app/sync/courier.ts"
import { above, type Entity } from "../../app/sync/entity.ts"
import type { HubKeeping, Unreachable } from "../../app/sync/hub.ts"
import { createJanitor } from "../../app/sync/janitor.ts"
import type { Origin } from "../../app/sync/merge.ts"
import { type Opened, sealRecords, type WritingKeys } from "../../app/sync/sealing.ts"
import { type Round, round } from "../../app/sync/session.ts"
import { pushSightings, type Sighting, type SightingRows } from "../../app/sync/sightings.ts"
import { type Change, writeChanges } from "../../app/sync/write.ts"
import { Crash, createDisk } from "./disk.ts"
import type { SimulatedHub } from "./hub.ts"
import { type Oracle, sightingBytes } from "./oracle.ts"
import type { World } from "./world.ts"

/** What the site does to a box; all are probabilities. */
export interface Faults {
  readonly crashPerStep: number
  readonly lostRequest: number
  readonly lostAnswer: number
  readonly slowAnswer: number
  /** When a page was read that is not the last. */
  readonly hubLosesEnd: number
}

export interface BoxNeeds {
  readonly world: World
  readonly hub: SimulatedHub
  readonly oracle: Oracle
  readonly keys: Omit<WritingKeys, "pair">
  readonly pair: WritingKeys["pair"]
  readonly open: (bytes: Uint8Array) => Opened
  readonly faults: () => Faults
  readonly newIncarnation: () => string
  readonly loseEnd: () => void
}

/** So many sightings stay that the hub has already. */
const storedKept = 2000

export type SimulatedBox = ReturnType<typeof createBox>

/** A box: its disk, its processes one after the other, its clock and its line to the hub. */
export function createBox(name: string, needs: BoxNeeds) {
  const { world, hub, oracle } = needs
  const counts = { rounds: 0, applied: 0, offeredAgain: 0, crashes: 0, restores: 0, answersLost: 0, outboxMax: 0 }
  let skewMs = 0
  let offlineUntilMs = 0
  /** Which process runs: what an earlier one still waits for never comes. */
  let process = 0
  let isUp = false
  let erased = new Set<Entity>()
  /** As the hub had it when this round came to the end of the erasures. */
  let erasedAtHub: ReadonlySet<string> | undefined
  let sightings = new Map<Origin, { rows: SeenSighting[]; last: number }>()
  let janitor: { readonly process: number; readonly made: ReturnType<typeof createJanitor> } | undefined
  let backup: { readonly disk: ReturnType<typeof disk.backup>; readonly sightings: typeof sightings } | undefined

  const disk = createDisk(() => `${name}.${needs.newIncarnation()}` as Origin, crashPerhaps, {
    writing({ record: { kind, entity } }) {
      if (kind === "erase") erased.add(entity)
      else if ([entity, ...above(entity)].some((path) => erased.has(path)))
        oracle.violated(`I3: ${name} holds ${entity} again, which was erased`)
    },
    erasuresRead() {
      const isErased = (entity: Entity) => [entity, ...above(entity)].some((path) => erasedAtHub?.has(path))
      if (erasedAtHub === undefined) oracle.violated(`I3: ${name} serves, and has not read the erasures`)
      for (const { kind, entity } of disk
        .rows()
        .values()
        .map(({ record }) => record))
        if (kind !== "erase" && isErased(entity)) oracle.violated(`I3: ${name} serves ${entity}, which was erased`)
    },
  })

  function crashPerhaps(): void {
    if (!world.chance(needs.faults().crashPerStep)) return
    stop(world.below(60_000))
    counts.crashes++
    throw new Crash()
  }

  function stop(forMs: number): void {
    process++
    isUp = false
    world.at(forMs, start)
  }

  /** What a broken transaction had learned of erasures was forgotten with it. */
  function forgetUndone(): void {
    erased = new Set([...erased].filter((path) => isErasedOnDisk(path)))
  }

  function isErasedOnDisk(path: Entity): boolean {
    return [path, ...above(path)].some((other) => disk.rows().get(other)?.record.kind === "erase")
  }

  function start(): void {
    if (isUp) return
    isUp = true
    forgetUndone()
    const mine = ++process
    run(live(mine))
  }

  function run(task: Promise<void>): void {
    task.catch((error: unknown) => {
      if (!(error instanceof Crash))
        oracle.violated(`${name} broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    })
  }

  function nap(mine: number, ms: number): Promise<void> {
    return new Promise((resolve) =>
      world.at(ms, () => {
        if (process === mine) resolve()
      }),
    )
  }

  const isOffline = () => world.nowMs() < offlineUntilMs

  async function call<Answer>(mine: number, effect: () => Answer): Promise<Answer | Unreachable> {
    const faults = needs.faults()
    await nap(mine, latencyMs(faults))
    if (isOffline() || world.chance(faults.lostRequest)) return { kind: "unreachable", why: "the request was lost" }
    const answer = effect()
    await nap(mine, latencyMs(faults))
    if (!isOffline() && !world.chance(faults.lostAnswer)) return answer
    counts.answersLost++
    return { kind: "unreachable", why: "the answer was lost" }
  }

  const latencyMs = ({ slowAnswer }: Faults) => (world.chance(slowAnswer) ? world.below(90_000) : 1 + world.below(40))

  function lineOf(mine: number): HubKeeping {
    return {
      read: (stream, after, limit) =>
        call(mine, () => {
          const page = hub.read(stream, after, limit)
          if (stream === "erasures" && page.isEnd && !disk.isServing()) erasedAtHub = new Set(hub.keys(stream))
          if (!page.isEnd && world.chance(needs.faults().hubLosesEnd)) needs.loseEnd()
          return page
        }),
      write: (stream, key, bytes, expected) => call(mine, () => hub.write(stream, key, bytes, expected)),
      latest: (stream, key) => call(mine, () => hub.latest(stream, key)),
      markerAt: (stream, sequence) => call(mine, () => hub.markerAt(stream, sequence)),
      newestMarker: (stream) => call(mine, () => hub.newestMarker(stream)),
      mark: (stream, markerName) => call(mine, () => hub.mark(stream, markerName)),
      remove: (stream, entry) => call(mine, () => hub.remove(stream, entry)),
    }
  }

  /** One for each process, which remembers what it has removed. */
  function janitorOf(mine: number): ReturnType<typeof createJanitor> {
    if (janitor?.process !== mine) {
      const markerName = () => `mark.${world.nowMs()}.${world.random()}`
      const made = createJanitor({ hub: lineOf(mine), box: disk, open: needs.open, pageRecords: 200, markerName })
      janitor = { process: mine, made }
    }
    return janitor.made
  }

  const pageRecords = 20 + world.below(400)
  const pace = () => Promise.resolve()

  async function talk(mine: number, verify: boolean): Promise<Round> {
    const session = { hub: lineOf(mine), box: disk, open: needs.open, pace, pageRecords, windowRecords: 64 }
    counts.outboxMax = Math.max(counts.outboxMax, waiting())
    erasedAtHub = undefined
    const done = await round(session, { verify })
    counts.rounds++
    if (done.kind === "done") {
      counts.applied += done.applied
      counts.offeredAgain += done.offeredAgain
      const pushed = await pushSightings({ hub: session.hub, rows: sightingRows, batchMax: 50 })
      if (pushed.kind === "stopped") oracle.violated(`${name}: ${pushed.why}`)
    } else if (done.kind === "stopped") oracle.violated(`${name} stopped: ${done.why}`)
    return done
  }

  function waiting(): number {
    return disk.transact((tables) => outboxOf(tables))
  }

  async function live(mine: number): Promise<void> {
    for (let isFirst = true; ; ) {
      await nap(mine, world.below(120_000))
      if (isOffline()) {
        isFirst = true
        continue
      }
      const done = await talk(mine, isFirst || world.chance(0.4))
      isFirst = done.kind !== "done"
    }
  }

  const sightingRows: SightingRows = {
    origins: () => [...sightings.keys()],
    after: (origin, number, limit) => {
      const rows = sightings.get(origin)?.rows ?? []
      const from = rows.findIndex((row) => row.number > number)
      return from < 0 ? [] : rows.slice(from, from + limit)
    },
    setStored(origin, number) {
      const own = sightings.get(origin)
      const stored = own?.rows.findLastIndex((row) => row.number <= number) ?? -1
      if (own !== undefined && stored >= storedKept) own.rows.splice(0, stored - storedKept)
    },
  }

  return {
    name,
    counts,
    rows: disk.rows,
    isServing: disk.isServing,
    isUp: () => isUp,
    isOffline,
    start,
    hasSighting: (id: number) => [...sightings.values()].some(({ rows }) => rows.some((row) => row.id === id)),
    talk: () => talk(process, true),
    skew: (ms: number) => {
      skewMs += ms
    },
    cutOff(untilMs: number): void {
      offlineUntilMs = untilMs
    },
    crash(): void {
      counts.crashes++
      stop(world.below(60_000))
    },
    /** Nothing goes wrong any more, and whatever ran ends. */
    settle(): void {
      offlineUntilMs = 0
      isUp = true
      forgetUndone()
      process++
    },

    /** A change by somebody at this box; it may crash in the middle, and then nobody hears that it worked. */
    change(changes: readonly Change[]): void {
      let written: (() => void)[] = []
      tried(undefined, () =>
        disk.transact(
          (tables) => {
            const before = new Map(changes.map(({ entity }) => [entity, tables.row(entity)?.record]))
            const seal = (drafts: Parameters<typeof sealRecords>[1]) => sealRecords({ ...needs.keys, pair: needs.pair }, drafts)
            const { records } = writeChanges(tables, changes, world.nowMs() + skewMs, seal)
            written = records.map((record) => () => oracle.wrote(record, before.get(record.entity)))
          },
          () => {
            for (const tell of written) tell()
          },
        ),
      )
    },
    see(id: number): void {
      const origin = disk.tables.origin()
      const own = sightings.get(origin) ?? { rows: [], last: 0 }
      sightings.set(origin, own)
      own.rows.push({ number: ++own.last, bytes: sightingBytes(id), id })
      oracle.saw(id)
    },

    hasBackup: () => backup !== undefined,
    backUp(): void {
      backup = { disk: disk.backup(), sightings: copyOf(sightings) }
    },
    /** The last backup in the place of what is there. */
    restore(): void {
      if (backup === undefined) return
      const before = disk.rows()
      const seen = idsOf(sightings)
      stop(world.below(60_000))
      disk.restore(backup.disk)
      sightings = copyOf(backup.sightings)
      erased = new Set([...disk.rows().values()].flatMap(({ record }) => (record.kind === "erase" ? [record.entity] : [])))
      counts.restores++
      const kept = new Set(idsOf(sightings))
      oracle.boxLost(
        before,
        disk.rows(),
        seen.filter((id) => !kept.has(id)),
      )
    },

    /** All that changed since; small pages, so that there are several. */
    bundle(since: number): readonly Uint8Array[] {
      return tried([], () =>
        disk.transact((tables) => {
          const records: Uint8Array[] = []
          for (let position: BundlePosition | undefined = { stream: "erasures", change: since }; position !== undefined; ) {
            const page: ReturnType<typeof bundlePage> = bundlePage(tables, since, position, 500)
            records.push(...page.records.map(({ bytes }) => bytes))
            position = page.next
          }
          return records
        }),
      )
    },
    changeCount: disk.changeCount,
    take: (records: readonly Uint8Array[]): void => void tried(undefined, () => importRecords(disk, needs.open, records)),

    mark: () => janitorOf(process).mark(),
    sweep: () => janitorOf(process).sweep(0),
    /** A task of the process that runs now: it ends with it. */
    run,
  }
}

/** What came of it; `otherwise` when the box crashed over it. */
function tried<Out>(otherwise: Out, body: () => Out): Out {
  try {
    return body()
  } catch (error) {
    if (error instanceof Crash) return otherwise
    throw error
  }
}

function outboxOf(tables: Tables): number {
  const due = (stream: "erasures" | "records") =>
    tables.rowsAfter(stream, tables.cursor(`hub/${stream}`), 1e9).filter(({ standing }) => standing === "due")
  return due("erasures").length + due("records").length
}

interface SeenSighting extends Sighting {
  readonly id: number
}

type Sightings = Map<Origin, { rows: SeenSighting[]; last: number }>
const copyOf = (sightings: Sightings): Sightings =>
  new Map([...sightings].map(([origin, { rows, last }]) => [origin, { rows: [...rows], last }]))
const idsOf = (sightings: Sightings): number[] => [...sightings.values()].flatMap(({ rows }) => rows.map(({ id }) => id))

/** A content of its own for each change. */
export function contentOf(number: number): Uint8Array {
  const writer = createByteWriter()
  writer.varint(number)
  return writer.done()
}
