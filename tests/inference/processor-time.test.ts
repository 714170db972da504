import { expect, test } from "bun:test"
import { processorTicks } from "../../app/inference/processor-time.ts"

test("a process that computes uses the processor, one that waits does not, one that is gone has none", async () => {
  const busy = Bun.spawn(["sh", "-c", "while :; do :; done"])
  const waiting = Bun.spawn(["sleep", "60"])
  try {
    const before = processorTicks(waiting.pid)
    // Some tenth of a second of work, however long that takes on a machine that others use.
    while ((processorTicks(busy.pid) ?? 0) < 10) await Bun.sleep(20)
    expect(before).toBeDefined()
    expect(processorTicks(waiting.pid)).toBe(before)
  } finally {
    busy.kill("SIGKILL")
    waiting.kill("SIGKILL")
    await Promise.all([busy.exited, waiting.exited])
  }
  expect(processorTicks(waiting.pid)).toBeUndefined()
})
