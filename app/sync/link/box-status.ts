import { z } from "zod"

/** What a box says of itself to the others of its site, about once a minute. */
const boxStatus = z.object({
  version: z.string().max(100),
  outbox: z.int().min(0),
  position: z.object({ erasures: z.int().min(0), records: z.int().min(0) }),
})
export type BoxStatus = Readonly<z.infer<typeof boxStatus>>

export function encodeBoxStatus(status: BoxStatus): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(status))
}

/** `undefined` for what is none; a newer version may say more. */
export function parseBoxStatus(body: Uint8Array): BoxStatus | undefined {
  let said: unknown
  try {
    said = JSON.parse(new TextDecoder().decode(body))
  } catch {
    // The one thing that a parser can say: this is no JSON.
    return undefined
  }
  const parsed = boxStatus.safeParse(said)
  return parsed.success ? parsed.data : undefined
}
