import { describe, expect, test } from "bun:test"
import { mkdirSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { dirname } from "node:path"
import { readKernelClock } from "../../../app/base/machine/adjtimex.ts"
import { judgeClock } from "../../../app/base/machine/clock.ts"
import { readMachine } from "../../../app/base/machine/machine.ts"
import { tempFolder } from "../../support/shared.ts"

describe("the clock", () => {
  const judged = (kernel: Parameters<typeof judgeClock>[0], ...signs: readonly string[]) => {
    using root = tempFolder()
    for (const sign of signs) {
      mkdirSync(dirname(root.file(sign)), { recursive: true })
      writeFileSync(root.file(sign), "")
    }
    return judgeClock(kernel, root.path)
  }
  const timesyncd = "run/systemd/timesync/synchronized"

  test.each([
    ["in step, kept by chrony", { isSynchronised: true, errorMsMax: 2 }, ["run/chrony/chronyd.pid"], "synchronised", "chrony"],
    ["out of step", { isSynchronised: false, errorMsMax: 16_000 }, [], "unsynchronised", undefined],
    ["out of step again", { isSynchronised: false, errorMsMax: 16_000 }, [timesyncd], "unsynchronised", "systemd-timesyncd"],
    ["hidden, but with timesyncd's sign", undefined, [timesyncd], "synchronised", "systemd-timesyncd"],
    ["hidden, with chrony at work", undefined, ["run/chronyd.pid"], "unknown", "chrony"],
    ["hidden", undefined, [], "unknown", undefined],
  ] as const)("%s", (_what, kernel, signs, state, keeper) => {
    const clock = judged(kernel, ...signs)
    expect([clock.state, clock.keeper, clock.errorMsMax]).toEqual([state, keeper, kernel?.errorMsMax])
  })

  test("of the kernel is read where it may be: the error it admits is at most 16 s, the kernel's own bound", () => {
    const kernel = readKernelClock()
    if (kernel === undefined) return
    expect(kernel.errorMsMax).toBeGreaterThan(0)
    expect(kernel.errorMsMax).toBeLessThanOrEqual(16_000)
  })
})

test("the machine is called as it calls itself", async () => {
  const { mdns, ...machine } = await readMachine()
  expect(machine.hostname).toBe(hostname())
  expect(mdns.name).toBe(`${hostname().split(".")[0]}.local`)
  expect(new Date().toLocaleString("en", { timeZone: machine.timeZone })).not.toBe("")
})
