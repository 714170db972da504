import type { Row } from "../../app/sync/box.ts"
import { above, type Entity, isBelow } from "../../app/sync/entity.ts"
import { type HubRecord, type Stream, streamOf } from "../../app/sync/hub.ts"
import type { SyncRecord } from "../../app/sync/record.ts"
import { parseBatch } from "../../app/sync/sightings.ts"
import type { SimulatedHub } from "./hub.ts"

/**
 * Knows everything that was ever written, and what has to become of it. Its rules are written down here once more, so that a
 * mistake in app/sync is none here.
 */
export type Oracle = ReturnType<typeof createOracle>

/** What the oracle may see of a box. */
export interface Seen {
  readonly name: string
  rows(): ReadonlyMap<Entity, Row>
  hasSighting(id: number): boolean
}

interface Known {
  readonly record: SyncRecord
  /** The last one that had it lost its disk, or the hub its end: it may be gone. */
  mayBeLost: boolean
}

export function createOracle(hub: SimulatedHub, boxes: () => readonly Seen[]) {
  const versions = new Map<Entity, Known[]>()
  const belowPerson = new Map<Entity, Set<Entity>>()
  const sightings = new Map<number, { mayBeLost: boolean }>()
  const violations: string[] = []

  function violated(what: string): void {
    if (violations.length < 20) violations.push(what)
  }

  const isHeldAtHub = ({ kind, entity, bytes }: SyncRecord) =>
    hub.all(streamOf(kind), entity).some((entry) => entry.bytes === bytes)
  const isHeld = (record: SyncRecord) =>
    isHeldAtHub(record) || boxes().some((box) => box.rows().get(record.entity)?.record.bytes === record.bytes)

  const erasures = (entity: Entity) =>
    [entity, ...above(entity)].flatMap((path) => (versions.get(path) ?? []).filter(({ record }) => record.kind === "erase"))

  /** What nobody has any more, and nothing that is left has replaced, may be lost. */
  function reconsider(entity: Entity): void {
    if (erasures(entity).some(({ record }) => isHeld(record))) return
    const all = versions.get(entity) ?? []
    const best = strongest(all.filter(({ record }) => isHeld(record)))
    for (const known of all)
      if (!isHeld(known.record) && (best === undefined || beats(known.record, best.record))) known.mayBeLost = true
  }

  function lose(record: SyncRecord): void {
    if (isHeld(record)) return
    reconsider(record.entity)
    if (record.kind !== "erase") return
    for (const entity of belowPerson.get(personOf(record.entity)) ?? []) if (isBelow(record.entity, entity)) reconsider(entity)
  }

  return {
    violations,
    violated,
    versionCount: (): number => [...versions.values()].reduce((sum, all) => sum + all.length, 0),
    lostCount: (): number => [...versions.values()].flat().filter(({ mayBeLost }) => mayBeLost).length,

    /** A change was confirmed to whoever made it. */
    wrote(record: SyncRecord, before: SyncRecord | undefined): void {
      const all = versions.get(record.entity)
      if (all === undefined) versions.set(record.entity, [{ record, mayBeLost: false }])
      else all.push({ record, mayBeLost: false })
      const person = personOf(record.entity)
      const below = belowPerson.get(person)
      if (below === undefined) belowPerson.set(person, new Set([record.entity]))
      else below.add(record.entity)
      if (before !== undefined && !beats(record, before))
        violated(`I6: who saw ${nameOf(before)} wrote ${nameOf(record)} over it, which does not win`)
    },
    saw(id: number): void {
      sightings.set(id, { mayBeLost: false })
    },

    hubLost(lost: readonly { readonly stream: Stream; readonly entry: HubRecord }[]): void {
      for (const { stream, entry } of lost) {
        if (stream === "sightings") {
          for (const id of idsIn(entry.bytes)) {
            const sighting = sightings.get(id)
            if (sighting !== undefined && !boxes().some((box) => box.hasSighting(id))) sighting.mayBeLost = true
          }
          continue
        }
        const known = versions.get(entry.key as Entity)?.find(({ record }) => record.bytes === entry.bytes)
        if (known !== undefined) lose(known.record)
      }
    },
    /** @param before what the box had, of which it now has what its backup had */
    boxLost(before: ReadonlyMap<Entity, Row>, now: ReadonlyMap<Entity, Row>, sightingIds: readonly number[]): void {
      for (const [entity, { record }] of before) if (now.get(entity)?.record.bytes !== record.bytes) lose(record)
      const stored = sightingIds.length === 0 ? new Set<number>() : new Set(storedSightings(hub))
      for (const id of sightingIds) {
        const sighting = sightings.get(id)
        if (sighting !== undefined && !stored.has(id)) sighting.mayBeLost = true
      }
    },

    /** When all talk has ended. */
    judge(): void {
      judgeBoxes(boxes(), violated)
      const rows = boxes()[0]?.rows() ?? new Map<Entity, Row>()
      for (const [entity, all] of versions) judgeEntity(entity, all, erasures(entity), rows.get(entity)?.record, violated)
      for (const entity of rows.keys()) if (!versions.has(entity)) violated(`I2: ${entity} is known, and nobody wrote it`)
      judgeSightings(hub, sightings, violated)
    },
    /** … and the janitor has been there. */
    judgeHub(): void {
      for (const key of hub.keys("records")) {
        const entity = key as Entity
        const left = hub.all("records", key)
        if (erasures(entity).some(({ mayBeLost }) => !mayBeLost)) violated(`I3: the hub still holds ${key}, which was erased`)
        if (left.length > 1) violated(`I3: the hub still holds what was overwritten at ${key}`)
      }
      for (const { record } of boxes()[0]?.rows().values() ?? [])
        if (!isHeldAtHub(record)) violated(`I2: the hub has lost ${nameOf(record)}, for whoever comes new`)
    },
  }
}

function judgeBoxes(boxes: readonly Seen[], violated: (what: string) => void): void {
  const [first, ...others] = boxes
  if (first === undefined) return
  for (const [, row] of first.rows())
    if (row.standing !== "held") violated(`I5: ${first.name} still has ${nameOf(row.record)} ${row.standing}`)
  for (const box of others) {
    for (const [entity, { record }] of first.rows())
      if (!box.rows().has(entity)) violated(`I1: ${box.name} has not ${nameOf(record)} of ${first.name}`)
    for (const [entity, { record, standing }] of box.rows()) {
      const other = first.rows().get(entity)?.record
      if (other?.bytes !== record.bytes)
        violated(`I1: ${box.name} has ${nameOf(record)}, ${first.name} ${other && nameOf(other)}`)
      if (standing !== "held") violated(`I5: ${box.name} still has ${nameOf(record)} ${standing}`)
    }
  }
}

function judgeEntity(
  entity: Entity,
  all: readonly Known[],
  erasures: readonly Known[],
  final: SyncRecord | undefined,
  violated: (what: string) => void,
): void {
  const isErased = final?.kind === "erase" || (final === undefined && erasures.some(({ record }) => record.entity !== entity))
  if (erasures.some(({ mayBeLost }) => !mayBeLost)) {
    if (!isErased) violated(`I3: ${entity} was erased, and is ${final ? nameOf(final) : "unknown"}`)
    return
  }
  if (isErased && erasures.length > 0) return
  const expected = strongest(all.filter(({ mayBeLost }) => !mayBeLost))
  if (final === undefined) {
    if (expected !== undefined) violated(`I2: ${nameOf(expected.record)} is lost`)
    return
  }
  const known = all.find(({ record }) => record.bytes === final.bytes)
  if (known === undefined) violated(`I2: ${nameOf(final)} is known, and nobody wrote it`)
  else if (expected !== undefined && known !== expected && !(known.mayBeLost && beats(final, expected.record)))
    violated(`I2: ${nameOf(expected.record)} is lost to ${nameOf(final)}`)
}

function judgeSightings(
  hub: SimulatedHub,
  sightings: ReadonlyMap<number, { readonly mayBeLost: boolean }>,
  violated: (what: string) => void,
): void {
  const stored = new Set<number>()
  for (const id of storedSightings(hub)) {
    if (stored.has(id)) violated(`I4: the sighting ${id} is stored twice`)
    if (!sightings.has(id)) violated(`I4: the sighting ${id} is stored, and nobody saw it`)
    stored.add(id)
  }
  for (const [id, { mayBeLost }] of sightings) if (!mayBeLost && !stored.has(id)) violated(`I4: the sighting ${id} is lost`)
}

function storedSightings(hub: SimulatedHub): number[] {
  return [...hub.keys("sightings")].flatMap((key) => hub.all("sightings", key).flatMap(({ bytes }) => idsIn(bytes)))
}

export const sightingBytes = (id: number): Uint8Array => new TextEncoder().encode(String(id))
const idsIn = (batch: Uint8Array): number[] =>
  (parseBatch(batch) ?? []).map(({ bytes }) => Number(new TextDecoder().decode(bytes)))

function strongest(all: readonly Known[]): Known | undefined {
  return all.reduce<Known | undefined>(
    (best, known) => (best === undefined || beats(known.record, best.record) ? known : best),
    undefined,
  )
}

/** Of two versions of an entity the one that has to stay. */
function beats(a: SyncRecord, b: SyncRecord): boolean {
  const order = a.stamp - b.stamp || (a.origin < b.origin ? -1 : a.origin > b.origin ? 1 : a.sequence - b.sequence)
  if (a.kind === "erase" && b.kind === "erase") return order < 0
  return a.kind === "erase" || (b.kind !== "erase" && order > 0)
}

const personOf = (entity: Entity) => entity.slice(0, 32) as Entity
const nameOf = ({ kind, entity, origin, sequence }: SyncRecord) => `${kind} ${entity} (${origin} ${sequence})`
