import { expect } from "bun:test"
import { isErased } from "../../app/sync/apply.ts"
import type { Box, Row } from "../../app/sync/box.ts"
import type { Entity } from "../../app/sync/entity.ts"
import type { HubKeeping, Unreachable } from "../../app/sync/hub.ts"
import { createJanitor } from "../../app/sync/janitor.ts"
import type { Kind, Origin } from "../../app/sync/merge.ts"
import { createOpener, sealRecords } from "../../app/sync/sealing.ts"
import { round } from "../../app/sync/session.ts"
import { writeChanges } from "../../app/sync/write.ts"
import { Crash, createDisk } from "../sim/disk.ts"
import { createHub } from "../sim/hub.ts"
import { suiteOf } from "../sim/suite.ts"
import { createSite, entity, utf8Of } from "./support.ts"

/** A box's disk as far as these boxes need it. */
export interface TestDisk extends Box {
  rows(): ReadonlyMap<Entity, Row>
}

/** Two or more boxes at a hub, of which a test decides what happens before each question to the hub. */
export function createTestSite(names: readonly string[]) {
  const watch = { writing: () => {}, erasuresRead: () => {} }
  return createTestSiteOn(names, (_name, newOrigin, beforeStep) => createDisk(newOrigin, beforeStep, watch))
}

/**
 * … on other disks.
 * @param openDisk is given the box's name, lives that never were, and what is to be called before each step on the disk
 */
export function createTestSiteOn<Disk extends TestDisk>(
  names: readonly string[],
  openDisk: (name: string, newOrigin: () => Origin, beforeStep: () => void) => Disk,
) {
  const hub = createHub()
  const site = createSite(suiteOf("plain"), names)
  let lives = 0
  let marks = 0
  const markerName = () => `mark.${++marks}`

  function createTestBox(name: string) {
    const keys = site.keysOf(name)
    const { open } = createOpener(keys)
    const hooks = { beforeCall: async (_call: number): Promise<Unreachable | undefined> => undefined, beforeStep: () => {} }
    const origin = () => `${name}.${(++lives).toString(16).padStart(12, "0")}` as Origin
    const disk = openDisk(name, origin, () => hooks.beforeStep())
    let calls = 0

    async function call<Answer>(effect: () => Answer): Promise<Answer | Unreachable> {
      return (await hooks.beforeCall(calls++)) ?? effect()
    }
    const line: HubKeeping = {
      read: (...asked) => call(() => hub.read(...asked)),
      write: (...asked) => call(() => hub.write(...asked)),
      latest: (...asked) => call(() => hub.latest(...asked)),
      markerAt: (...asked) => call(() => hub.markerAt(...asked)),
      newestMarker: (...asked) => call(() => hub.newestMarker(...asked)),
      mark: (...asked) => call(() => hub.mark(...asked)),
      remove: (...asked) => call(() => hub.remove(...asked)),
    }
    const needs = { hub: line, box: disk, open, pace: () => Promise.resolve(), pageRecords: 5, windowRecords: 4 }
    return {
      name,
      disk,
      hooks,
      open,
      needs,
      janitor: createJanitor({ ...needs, markerName }),
      round: (verify = true) => {
        calls = 0
        return round(needs, { verify })
      },
      write(kind: Kind, path: Entity, wallMs = 1000): void {
        const content = kind === "put" ? utf8Of(`${name} ${path}`) : new Uint8Array()
        disk.transact((tables) =>
          writeChanges(tables, [{ kind, entity: path, content }], wallMs, (drafts) => sealRecords(keys, drafts)),
        )
      },
      /** Some new people. */
      enrol(from: number, count: number): void {
        for (let i = from; i < from + count; i++) this.write("put", entity(i, i))
      },
      digest: () =>
        [...disk.rows()].map(([path, { record }]) => `${path} ${record.kind} ${record.origin} ${record.sequence}`).sort(),
    }
  }

  const boxes = names.map(createTestBox)
  return {
    hub,
    boxes,
    mark(): void {
      for (const stream of ["erasures", "records"] as const) hub.mark(stream, markerName())
    },
    /** Until nothing moves. */
    async settle(): Promise<void> {
      for (const box of [...boxes, ...boxes, ...boxes]) {
        box.hooks.beforeCall = async () => undefined
        box.hooks.beforeStep = () => {}
        await box.round()
      }
    },
    /** The digests of all boxes, and of what the hub would tell a new one. */
    digests(): readonly (readonly string[])[] {
      const told = ["erasures", "records"].flatMap((stream) => {
        const name = stream as "erasures" | "records"
        const isGone = (key: string) =>
          name === "records" && boxes[0]!.disk.transact((tables) => isErased(tables, key as Entity))
        return [...hub.keys(name)].flatMap((key) => {
          if (isGone(key)) return []
          const latest = hub.latest(name, key)
          const opened = latest.kind === "found" ? boxes[0]!.open(latest.entry.bytes) : undefined
          return opened?.kind === "opened"
            ? [`${key} ${opened.record.kind} ${opened.record.origin} ${opened.record.sequence}`]
            : []
        })
      })
      return [told.sort(), ...boxes.map((box) => box.digest())]
    },
  }
}

/** Two boxes that agree, with 20 people, some markers and an erasure; the last people came after the last marker. */
export async function settled<Disk extends TestDisk>(site: ReturnType<typeof createTestSiteOn<Disk>>) {
  const [a, b] = [site.boxes[0]!, site.boxes[1]!]
  a.enrol(100, 8)
  b.enrol(200, 6)
  a.write("erase", entity(100))
  await site.settle()
  site.mark()
  await site.settle()
  a.enrol(300, 6)
  await site.settle()
  return { site, a, b }
}

/**
 * The hub has lost its end and both boxes have something to tell, when one of them crashes at a step on its disk. They agree afterwards.
 * @returns whether its round has so many steps
 */
export async function crashAt<Disk extends TestDisk>(
  { site, a, b }: Awaited<ReturnType<typeof settled<Disk>>>,
  at: number,
): Promise<boolean> {
  site.hub.rollBack(5)
  b.enrol(500, 7)
  await b.round()
  a.enrol(400, 3)
  let step = 0
  a.hooks.beforeStep = () => {
    if (step++ === at) throw new Crash()
  }
  const crashed = await a.round().then(
    () => false,
    (error) => {
      if (!(error instanceof Crash)) throw error
      return true
    },
  )
  await site.settle()
  agree(site.digests())
  return crashed
}

export function agree(digests: readonly (readonly string[])[]): void {
  for (const digest of digests) expect(digest).toEqual(digests[0]!)
}
