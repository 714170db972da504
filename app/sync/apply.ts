import type { Row, Tables } from "./box.ts"
import { above, type Entity } from "./entity.ts"
import { type HubRecord, streamOf } from "./hub.ts"
import { isSame, wins } from "./merge.ts"
import type { SyncRecord } from "./record.ts"
import type { Opened } from "./sealing.ts"

type OpenedRecord = Extract<Opened, { readonly kind: "opened" }>

/** What became of a record of somebody else. */
export type Applied =
  /** The box now holds it. */
  | "new"
  | "known"
  /** The box holds a version that wins. */
  | "older"
  /** What it is about has been erased, or something above it. */
  | "absorbed"

/** Whether nothing may be written at this path any more. */
export function isErased(tables: Tables, entity: Entity): boolean {
  return tables.row(entity)?.record.kind === "erase" || isErasedAbove(tables, entity)
}

function isErasedAbove(tables: Tables, entity: Entity): boolean {
  return above(entity).some((path) => tables.row(path)?.record.kind === "erase")
}

/** A record as the hub has it. */
export function applyFromHub(tables: Tables, { sequence }: Pick<HubRecord, "sequence">, opened: OpenedRecord): Applied {
  const { record } = opened
  const present = tables.row(record.entity)
  if (present !== undefined && isSame(record, present.record)) {
    const isKnown = present.hubSequence === sequence && present.standing === "held"
    if (!isKnown) tables.write({ ...present, hubSequence: sequence, standing: "held" })
    return "known"
  }
  if (isAbsorbed(tables, record, present)) return "absorbed"
  if (present === undefined || wins(record, present.record)) {
    replace(tables, opened, { hubSequence: sequence, standing: "held" })
    return "new"
  }
  // It stands at the hub where ours should stand. One that is doubtful may still come further down.
  if (streamOf(record.kind) === streamOf(present.record.kind) && sequence > present.hubSequence) {
    const offered = present.standing === "held" ? { standing: "due" as const, change: tables.nextChange() } : {}
    tables.write({ ...present, hubSequence: sequence, ...offered })
  }
  return "older"
}

/** A record that came another way, on a stick: whether the hub has it is not known, so it is offered. */
export function applyFromCourier(tables: Tables, opened: OpenedRecord): Applied {
  const { record } = opened
  const present = tables.row(record.entity)
  if (isAbsorbed(tables, record, present)) return "absorbed"
  if (present !== undefined && !wins(record, present.record)) return isSame(record, present.record) ? "known" : "older"
  replace(tables, opened, { hubSequence: hubSequenceFor(record, present), standing: "due" })
  return "new"
}

/** Puts the record in the place of what is there, in the gallery, too. What lies below an erasure leaves. */
export function replace(tables: Tables, { record, content }: OpenedRecord, at: Pick<Row, "hubSequence" | "standing">): void {
  tables.write({ record, change: tables.nextChange(), ...at })
  if (record.kind === "put") {
    tables.show(record, content)
    return
  }
  tables.hide(record.entity)
  if (record.kind === "del") return
  for (const { record: below } of tables.below(record.entity)) {
    tables.remove(below.entity)
    tables.hide(below.entity)
  }
}

/** What the hub is known to hold where the record would be written. */
export function hubSequenceFor(record: Pick<SyncRecord, "kind">, present: Row | undefined): number {
  return present !== undefined && streamOf(present.record.kind) === streamOf(record.kind) ? present.hubSequence : 0
}

function isAbsorbed(tables: Tables, record: SyncRecord, present: Row | undefined): boolean {
  if (record.kind !== "erase" && present?.record.kind === "erase") return true
  return isErasedAbove(tables, record.entity)
}
