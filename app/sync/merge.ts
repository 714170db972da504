import type { Entity } from "./entity.ts"
import type { Stamp } from "./stamp.ts"

/** `del` can be followed by a `put`; after `erase` there is nothing any more, at this path or below. */
export type Kind = "put" | "del" | "erase"

/** Who wrote a version: a box in one of its lives. `box.incarnation`: 8 hexadecimal digits that the
 * site gave the box, and 12 that it drew by itself. */
export type Origin = string & { readonly __brand: "Origin" }

/** What a record says of itself, beside its content. */
export interface Version {
  readonly kind: Kind
  readonly entity: Entity
  readonly stamp: Stamp
  readonly origin: Origin
  /** Counts what an origin has written, from 1: with the origin it names one version in the world. */
  readonly sequence: number
}

/**
 * Whether the first of two versions of one entity replaces the second. A total order, so boxes that saw the same versions, in
 * whatever order and however often, hold the same one. An erasure absorbs; of two the first stays, which is the one on record.
 */
export function wins(challenger: Version, present: Version | undefined): boolean {
  if (present === undefined) return true
  if (challenger.kind === "erase" || present.kind === "erase") {
    if (present.kind !== "erase") return true
    return challenger.kind === "erase" && compare(challenger, present) < 0
  }
  return compare(challenger, present) > 0
}

/** Whether it is one version, met twice. */
export function isSame(a: Version, b: Version): boolean {
  return a.sequence === b.sequence && a.origin === b.origin
}

function compare(a: Version, b: Version): number {
  if (a.stamp !== b.stamp) return a.stamp - b.stamp
  if (a.origin !== b.origin) return a.origin < b.origin ? -1 : 1
  return a.sequence - b.sequence
}
