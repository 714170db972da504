import { z } from "zod"
import type { SyncBox } from "./box.ts"

/** What the runs need of what a box says of its sync; it says more. */
const syncBody = z.object({
  hub: z.object({ state: z.string(), address: z.string().optional() }),
})

/** The server that a box has its line to; `undefined` while it has none. */
export async function connectedTo(box: SyncBox): Promise<string | undefined> {
  const { hub } = await box.askJson(syncBody, "/v1/sync")
  return hub.state === "connected" ? hub.address : undefined
}

/** At how many boxes of the site a person is known to be erased. */
export async function confirmationsOf(
  box: SyncBox,
  subjectId: string,
): Promise<{ confirmed: number; boxes: number } | undefined> {
  const { erasures } = await box.askJson(erasuresBody, "/v1/sync")
  return erasures.items.find((item) => item.subjectId === subjectId)
}

const erasuresBody = z.object({
  erasures: z.object({ items: z.array(z.object({ subjectId: z.string(), confirmed: z.int(), boxes: z.int() })) }),
})

/** Why a box did not believe what lies at this number of the records; `undefined` when it did, or has not seen it. */
export async function refusedAt(box: SyncBox, sequence: number): Promise<string | undefined> {
  const { refused } = await box.askJson(refusedBody, "/v1/sync")
  return refused.items.find((item) => item.stream === "records" && item.sequence === sequence)?.why
}

const refusedBody = z.object({
  refused: z.object({ items: z.array(z.object({ stream: z.string(), sequence: z.int(), why: z.string() })) }),
})

export async function whyNotConnected(box: SyncBox): Promise<string | undefined> {
  return (await box.askJson(whyBody, "/v1/sync")).hub.why
}

const whyBody = z.object({ hub: z.object({ why: z.string().optional() }) })
