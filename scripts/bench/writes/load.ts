import { z } from "zod"
import { nowTickMs } from "../../../app/base/ticks.ts"
import { openSightings } from "../../../app/events/sightings.ts"
import { openStore } from "../../../app/store/store.ts"
import { openVaultRows } from "../../../app/store/vault-rows.ts"
import { openSuite } from "../../../app/vault/suites.ts"
import { plainVault } from "../../../app/vault/vault.ts"
import type { DemoBox } from "../../demo/box.ts"
import { ask } from "../support/client.ts"
import { asNeverSeen, type Picture } from "../support/pictures.ts"
import { createRandom } from "../support/statistics.ts"

/** What happens at a box in a day, piece by piece. */

export const cameras = 4
const framesEachVisit = 10
const frameEveryMs = 500
/** As an engine makes them of the frame. */
const pictureBytes = 41_000

/** A record that is full from the start, as it is after weeks: each sighting that comes lets an old one leave. */
export function fillRecord(path: string, recordBytes: number): void {
  const opened = openStore(path)
  if (opened.kind === "failed") throw new Error(opened.why)
  const { store } = opened
  const sightings = openSightings(store, plainVault(openSuite("aes").suite, openVaultRows(store)), () => undefined)
  const random = createRandom(1)
  const face = { box: { x: 0, y: 0, width: 9, height: 9 }, score: 1, qualityScore: 1, decision: "unknown" as const }
  const image = { width: 1920, height: 1080 }
  while (sightings.totals().bytes < recordBytes) {
    const some = Array.from({ length: 20 }, () => ({
      ...{ camera: `door-${Math.floor(random() * cameras)}`, requestId: crypto.randomUUID(), capturedAtMs: Date.now() },
      ...{ image, faces: [face], snapshot: crypto.getRandomValues(new Uint8Array(pictureBytes)) },
    }))
    for (const { kind } of sightings.recordAll(some)) if (kind !== "recorded") throw new Error("the disk is too small")
  }
  store.close()
}

async function mustBeAccepted(asked: ReturnType<typeof ask>): Promise<void> {
  const { accepted, status, text } = await asked
  if (!accepted) throw new Error(`${status}: ${text}`)
}

/**
 * Somebody stands before a camera, which does not wait for the answer to a frame before it sends the next one.
 * @returns how many were recorded: a newer frame may take the place of one that waits
 */
export async function visit(box: DemoBox, frame: Picture, camera: string): Promise<number> {
  const startTickMs = nowTickMs()
  const asked: ReturnType<typeof ask>[] = []
  for (let sent = 0; sent < framesEachVisit; sent++) {
    await Bun.sleep(Math.max(0, startTickMs + sent * frameEveryMs - nowTickMs()))
    asked.push(ask(box, { path: `/ingest/${camera}`, body: asNeverSeen(frame), contentType: "image/jpeg" }))
  }
  const answers = await Promise.all(asked)
  for (const { accepted, status, text } of answers)
    if (!accepted && status !== "503 superseded") throw new Error(`${status}: ${text}`)
  return answers.filter(({ accepted }) => accepted).length
}

export async function enrol(box: DemoBox, frame: Picture, number: number): Promise<void> {
  const subject = await ask(box, {
    path: "/v1/subjects",
    body: JSON.stringify({ name: `person ${number}` }),
    contentType: "application/json",
  })
  const { id } = z.object({ id: z.string() }).parse(JSON.parse(subject.text))
  await mustBeAccepted(ask(box, { path: `/v1/subjects/${id}/faces`, body: asNeverSeen(frame), contentType: "image/jpeg" }))
}

const backupsSchema = z.object({ state: z.string(), failure: z.string().optional() })

export async function backUp(box: DemoBox): Promise<void> {
  await mustBeAccepted(ask(box, { path: "/v1/system/backups", body: "", contentType: "application/json" }))
  for (;;) {
    await Bun.sleep(500)
    const response = await fetch(`${box.url}/v1/system/backups`, { headers: { "x-api-key": box.key } })
    const { state, failure } = backupsSchema.parse(await response.json())
    if (failure !== undefined) throw new Error(failure)
    if (state !== "running") return
  }
}
