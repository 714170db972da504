import { nowTickMs } from "../../../app/base/ticks.ts"
import type { NatsHub } from "../../../app/sync/nats/hub.ts"
import { entity } from "../../../tests/sync/support.ts"

/**
 * Somebody who writes one record after the other, and keeps its own book of what the hub acknowledged. Unanswered writes are tried
 * again, as a session does: whether one got there is read from the hub.
 */
export function createLedger(hub: NatsHub) {
  const acknowledged = new Map<string, { readonly sequence: number; readonly bytes: Uint8Array }>()
  let isWriting = true
  let gapMsMax = 0
  let lastTickMs = nowTickMs()
  const errors = new Map<string, number>()

  async function writeOne(number: number): Promise<void> {
    const key = entity(number, 1)
    const bytes = crypto.getRandomValues(new Uint8Array(700))
    for (;;) {
      const written = await hub.write("records", key, bytes, 0)
      if (written.kind === "written") {
        acknowledged.set(key, { sequence: written.sequence, bytes })
        return
      }
      const why = "why" in written ? written.why : written.kind
      errors.set(why, (errors.get(why) ?? 0) + 1)
      if (written.kind === "conflict") {
        const latest = await hub.latest("records", key)
        if (latest.kind === "found" && Buffer.compare(latest.entry.bytes, bytes) === 0) {
          acknowledged.set(key, { sequence: latest.entry.sequence, bytes })
          return
        }
        if (latest.kind === "found") throw new Error(`${key} holds what nobody wrote`)
      }
      await Bun.sleep(50)
    }
  }

  const writing = (async () => {
    for (let number = 1; isWriting; number++) {
      await writeOne(number)
      gapMsMax = Math.max(gapMsMax, nowTickMs() - lastTickMs)
      lastTickMs = nowTickMs()
    }
  })()

  return {
    acknowledged,
    errors,
    /** The longest time without an acknowledgement since it was asked last. */
    takeGapMs(): number {
      const gapMs = Math.max(gapMsMax, nowTickMs() - lastTickMs)
      gapMsMax = 0
      return gapMs
    },
    async stop(): Promise<void> {
      isWriting = false
      await writing
    },
  }
}

/** Keys that are not at the hub as they were acknowledged; all that it shows is read. */
export async function lostOf(
  hub: NatsHub,
  acknowledged: ReturnType<typeof createLedger>["acknowledged"],
): Promise<readonly string[]> {
  const there = new Map<string, Uint8Array>()
  for (let after = 0, isEnd = false; !isEnd; ) {
    const page = await hub.read("records", after, 1000)
    if (page.kind !== "read") {
      await Bun.sleep(250)
      continue
    }
    for (const entry of page.entries) {
      if (entry.kind === "record") there.set(entry.record.key, entry.record.bytes)
      after = entry.kind === "record" ? entry.record.sequence : entry.marker.sequence
    }
    isEnd = page.isEnd
  }
  return [...acknowledged].flatMap(([key, { bytes }]) => {
    const found = there.get(key)
    return found !== undefined && Buffer.compare(found, bytes) === 0 ? [] : [key]
  })
}
