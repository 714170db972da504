import { z } from "zod"
import type { SyncBox } from "./box.ts"

/** What the runs need of what a box says of its site; it says more. */
const syncBody = z.object({
  why: z.string().optional(),
  hub: z.object({ server: z.object({ address: z.string() }).optional() }),
  erasures: z.object({
    total: z.int(),
    confirmed: z.int(),
    waiting: z.array(z.object({ subjectId: z.string(), confirmedBy: z.int(), of: z.int(), missing: z.array(z.string()) })),
  }),
})

export const syncOf = (box: SyncBox): Promise<z.output<typeof syncBody>> => box.askJson(syncBody, "/v1/sync")

/** The server that a box has its line to; `undefined` while it has none. Whether that server has a leader for its streams is another matter. */
export async function connectedTo(box: SyncBox): Promise<string | undefined> {
  return (await syncOf(box)).hub.server?.address
}

const openBody = z.object({ refused: z.array(z.object({ stream: z.string(), sequence: z.int(), why: z.string() })) })

/** Why a box did not believe what lies at this number of the records; `undefined` when it did, or has not seen it. */
export async function refusedAt(box: SyncBox, sequence: number): Promise<string | undefined> {
  const { refused } = await box.askJson(openBody, "/v1/sync/conflicts")
  return refused.find((entry) => entry.stream === "records" && entry.sequence === sequence)?.why
}
