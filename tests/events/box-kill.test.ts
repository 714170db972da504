import { expect, test } from "bun:test"
import { join } from "node:path"
import sharp from "sharp"
import { projectRoot } from "../../app/base/paths.ts"
import { httpOptions } from "../../app/http/options.ts"
import { type RunningBox, startBox } from "../support/box.ts"
import { tempFolder } from "../support/shared.ts"
import { hear } from "./hear.ts"

const loops = 20
const cameras = ["front", "back"]

/** One woman, cut out of the group picture of a development package. */
const photo = await sharp(join(projectRoot, "node_modules/@vladmandic/face-api/demo/sample6.jpg"))
  .extract({ left: 1340, top: 80, width: 490, height: 650 })
  .resize({ width: 245 })
  .jpeg({ quality: 90 })
  .toBuffer()

interface Page {
  readonly items: readonly { readonly id: string; readonly number: number }[]
  readonly next?: string
}

async function everySighting(box: RunningBox): Promise<Page["items"]> {
  const items: Page["items"][number][] = []
  for (let after = ""; ; ) {
    const page = (await (await box.ask(`/v1/sightings?limit=1000${after}`)).json()) as Page
    items.push(...page.items)
    if (page.next === undefined) return items
    after = `&after=${page.next}`
  }
}

test(`kill -9 of the box loses no acknowledged sighting, and a listener that comes back misses none, ${loops} times`, async () => {
  using folder = tempFolder()
  const acknowledged = new Set<string>()
  const heard: number[] = []
  let lastEventId: string | undefined

  async function listen(box: RunningBox): Promise<void> {
    const headers: Record<string, string> = lastEventId === undefined ? {} : { "last-event-id": lastEventId }
    const answer = await box.ask("/v1/sightings/stream", { headers }).catch(() => undefined)
    if (answer === undefined) return // Killed before it could answer.
    for await (const { event, id, data } of hear(answer)) {
      lastEventId = id ?? lastEventId
      if (event === "lost") throw new Error(`the listener lost events: ${JSON.stringify(data)}`)
      if (event === "sighting") heard.push(data.number)
    }
  }

  for (let loop = 0; loop < loops; loop++) {
    const box = await startBox(folder.path, { GATEHOUSE_ENGINES: "1" })
    let killed = false
    const ingest = async (camera: string) => {
      while (!killed) {
        const sent = box.ask(`/ingest/${camera}`, { method: "POST", body: photo, headers: { "content-type": "image/jpeg" } })
        const answer = await sent.catch(() => undefined)
        // An answer cut by the kill acknowledges nothing.
        const json = (await answer?.json().catch(() => undefined)) as { sightingId?: string } | undefined
        if (answer?.status === 200 && json?.sightingId !== undefined) acknowledged.add(json.sightingId)
      }
    }
    // In every other loop the listener comes when there is something to catch up on already.
    const listening = loop % 2 === 0 ? listen(box) : Bun.sleep(60).then(() => listen(box))
    const sending = cameras.map(ingest)
    await Bun.sleep(120 + ((loop * 37) % 90))
    box.process.kill("SIGKILL")
    killed = true
    await Promise.all([box.process.exited, listening, ...sending])
  }

  await using box = await startBox(folder.path, { GATEHOUSE_ENGINES: "1" })
  const kept = await everySighting(box)
  const keptIds = new Set(kept.map(({ id }) => id))
  expect(acknowledged.size).toBeGreaterThan(loops)
  expect([...acknowledged].filter((id) => !keptIds.has(id))).toEqual([])

  // What the engine made of a frame can be looked at.
  const snapshot = await box.ask(`/v1/sightings/${kept[0]?.id}/snapshot.jpg`)
  expect((await sharp(await snapshot.arrayBuffer()).metadata()).width).toBe(245)

  const numbers = kept.map(({ number }) => number).toSorted((a, b) => a - b)
  const catchingUp = listen(box)
  while (heard.length < numbers.length) await Bun.sleep(5)
  expect(heard).toEqual(numbers)
  // A listener never leaves by itself: a box that is told to stop ends its stream, and does not wait until drainMs is over.
  const stopAtMs = Date.now()
  await box[Symbol.asyncDispose]()
  await catchingUp
  expect(Date.now() - stopAtMs).toBeLessThan(httpOptions.parse({}).drainMs)
}, 240_000)
