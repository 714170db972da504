import type { Box, Tables } from "../../../app/sync/box.ts"
import type { Entity } from "../../../app/sync/entity.ts"
import type { HubKeeping } from "../../../app/sync/hub.ts"
import { createJanitor } from "../../../app/sync/janitor.ts"
import type { Origin } from "../../../app/sync/merge.ts"
import { createOpener, sealRecords } from "../../../app/sync/sealing.ts"
import { type Round, round } from "../../../app/sync/session.ts"
import { type Change, writeChanges } from "../../../app/sync/write.ts"
import { createDisk } from "../../sim/disk.ts"
import { entity, type TestSite } from "../support.ts"

/** A box that talks with a true hub; its tables are the simulator's, in memory. */
export function createTestBox(name: string, site: TestSite, hub: () => HubKeeping) {
  let lives = 0
  const newOrigin = () => `${name}.${(++lives).toString(16).padStart(12, "0")}` as Origin
  const disk = createDisk(newOrigin, () => {}, { writing() {}, erasuresRead() {} })
  const box: Box = { transact: <Out>(body: (tables: Tables) => Out) => disk.transact(body) }
  const keys = site.keysOf(name)
  const { open } = createOpener(keys)
  const needs = () => ({ hub: hub(), box, open, pace: () => Promise.resolve(), pageRecords: 500, windowRecords: 64 })
  const marking = { markerName: () => `${Date.now()}.${crypto.randomUUID()}` }

  return {
    name,
    disk,
    write(changes: readonly Change[]): void {
      box.transact((tables) => writeChanges(tables, changes, Date.now(), (drafts) => sealRecords(keys, drafts)))
    },
    round: (verify = true): Promise<Round> => round(needs(), { verify }),
    janitor: () => createJanitor({ ...needs(), ...marking }),
    /** How far it is, for an error's words. */
    due: () => [...disk.rows().values()].filter(({ standing }) => standing !== "held").length,
    /** All that it holds, as one text: equal for boxes that agree. */
    digest(): string {
      const lines = [...disk.rows()].map(([path, { record }]) => `${path} ${record.kind} ${record.origin} ${record.sequence}`)
      return Bun.hash(lines.sort().join("\n")).toString(16)
    },
  }
}

export type TestBox = ReturnType<typeof createTestBox>

const enrolmentBytes = 520

/** So many new faces, of people with these numbers. */
export function enrolments(from: number, count: number): readonly Change[] {
  return Array.from({ length: count }, (_, i) => ({
    kind: "put" as const,
    entity: entity(from + i, 1),
    content: crypto.getRandomValues(new Uint8Array(enrolmentBytes)),
  }))
}

export const erasure = (person: number): Change => ({ kind: "erase", entity: entity(person), content: new Uint8Array() })

/** Rounds until it has talked with the hub to the end; hubs that come back need some. */
export async function settled(box: TestBox, triesMax = 60): Promise<Extract<Round, { kind: "done" }>> {
  let last: Round | undefined
  for (let tries = 0; tries < triesMax; tries++) {
    last = await box.round()
    if (last.kind === "done" && box.due() === 0) return last
    await Bun.sleep(250)
  }
  throw new Error(`${box.name} did not get to the end: ${JSON.stringify(last)}, ${box.due()} due`)
}

export const holds = (box: TestBox, path: Entity): string | undefined => box.disk.rows().get(path)?.record.kind
