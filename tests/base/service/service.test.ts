import { describe, expect, test } from "bun:test"
import { openDatagrams, unixAddress } from "../../../app/base/service/datagrams.ts"
import { createService, openService } from "../../../app/base/service/service.ts"
import { openNotifyListener } from "../../support/notify-listener.ts"
import { tempFolder } from "../../support/shared.ts"

/** A log that keeps what it is told. */
function openLog() {
  const lines: string[] = []
  const keep = (level: string) => (first: unknown, second?: unknown) =>
    void lines.push(`${level} ${typeof first === "string" ? first : String(second)}`)
  return { lines, log: { info: keep("info"), warn: keep("warn"), error: keep("error") } }
}

const opened = (address: string) => {
  const datagrams = openDatagrams(address)
  if (datagrams.kind === "failed") throw new Error(datagrams.why)
  return datagrams.value
}

describe("datagrams", () => {
  test.each(["a path", "an abstract name"])("reach %s", async (what) => {
    using folder = tempFolder()
    const address = what === "a path" ? folder.file("notify") : `@gatehouse-test-${crypto.randomUUID()}`
    using listener = openNotifyListener(address)
    const datagrams = opened(address)
    expect(datagrams.send("READY=1\nSTATUS=Grüße")).toBe(true)
    await listener.until("STATUS=Grüße")
    datagrams.close()
  })

  test("say when nobody takes them", () => {
    using folder = tempFolder()
    const datagrams = opened(folder.file("nobody"))
    expect(datagrams.send("READY=1")).toBe(false)
    datagrams.close()
  })

  test("never wait for a receiver that does not read", () => {
    using folder = tempFolder()
    using _listener = openNotifyListener(folder.file("notify"))
    const datagrams = opened(folder.file("notify"))
    // The kernel keeps `net.unix.max_dgram_qlen` (10, or 512) of them; nobody reads while this loop has the thread.
    const taken = Array.from({ length: 2000 }, () => datagrams.send("WATCHDOG=1"))
    expect([taken[0], taken.at(-1)]).toEqual([true, false])
    datagrams.close()
  })

  test.each(["vsock:2:1234", "notify", `/${"a".repeat(108)}`])("refuse %s, which is no such address", (address) => {
    expect(unixAddress(address)).toMatchObject({ kind: "failed", why: expect.stringContaining(address.slice(0, 9)) })
  })
})

describe("a service", () => {
  const watchMs = 200

  test("says READY=1 once, then WATCHDOG=1 while it is well", async () => {
    using folder = tempFolder()
    using listener = openNotifyListener(folder.file("notify"))
    const { log, lines } = openLog()
    const env = { NOTIFY_SOCKET: folder.file("notify"), WATCHDOG_USEC: String(watchMs * 1000), WATCHDOG_PID: "7" }
    const service = await openService({ env, pid: 7, log })
    expect(listener.count("READY=1")).toBe(0)
    service.ready(() => watchMs / 2)
    await listener.until("WATCHDOG=1", 8)
    expect(listener.count("READY=1")).toBe(1)
    service.stopping()
    await listener.until("STOPPING=1")
    // The watch goes on until all is closed: stopping may take its time.
    await listener.until("WATCHDOG=1", listener.count("WATCHDOG=1") + 2)
    service.close()
    const after = listener.count("WATCHDOG=1")
    await Bun.sleep(watchMs)
    expect(listener.count("WATCHDOG=1")).toBe(after)
    expect(lines).toEqual(["info the service manager watches over this process"])
  })

  test("says READY=1 again, where the first one found the receiver's queue full, and then no more", async () => {
    const taken: string[] = []
    let refusals = 2
    const send = (text: string) => refusals-- <= 0 && taken.push(text) > 0
    const service = createService({ send, close: () => {} }, watchMs, openLog().log)
    service.ready(() => 0)
    while (taken.filter((text) => text === "WATCHDOG=1").length < 3) await Bun.sleep(10)
    service.close()
    expect(taken.filter((text) => text.startsWith("READY=1"))).toEqual(["READY=1"])
  })

  test("is silent while it is not well, says why, and goes on when it is well again", async () => {
    using folder = tempFolder()
    using listener = openNotifyListener(folder.file("notify"))
    const { log, lines } = openLog()
    let silentMs = 0
    const service = createService(opened(folder.file("notify")), watchMs, log)
    service.ready(() => silentMs)
    await listener.until("WATCHDOG=1", 2)
    silentMs = watchMs / 2 + 1
    await listener.until("STATUS=nothing was heard of an engine for 100 ms")
    const before = listener.count("WATCHDOG=1")
    await Bun.sleep(2 * watchMs)
    expect(listener.count("WATCHDOG=1")).toBe(before)
    silentMs = 0
    await listener.until("WATCHDOG=1", before)
    service.close()
    expect(lines.slice(1)).toEqual([
      "error not well: the watchdog is told nothing, and kills this process unless that passes",
      "warn all is well again: the watchdog is told so",
    ])
  })

  test.each([
    ["no watchdog", {}],
    ["a watchdog of another process, whose environment came along", { WATCHDOG_USEC: "1000", WATCHDOG_PID: "8" }],
    ["a watchdog that makes no sense", { WATCHDOG_USEC: "soon" }],
  ])("with %s says READY=1 alone", async (_what, env) => {
    using folder = tempFolder()
    using listener = openNotifyListener(folder.file("notify"))
    const service = await openService({ env: { NOTIFY_SOCKET: folder.file("notify"), ...env }, pid: 7, log: openLog().log })
    service.ready(() => 0)
    await listener.until("READY=1")
    await Bun.sleep(50)
    expect(listener.count("WATCHDOG=1")).toBe(0)
    service.close()
  })

  test("told to stop before it is ready never says that it is", async () => {
    using folder = tempFolder()
    using listener = openNotifyListener(folder.file("notify"))
    const service = createService(opened(folder.file("notify")), watchMs, openLog().log)
    service.stopping()
    service.ready(() => 0)
    await listener.until("STOPPING=1")
    expect(listener.heard.map(({ text }) => text)).toEqual(["STOPPING=1\nSTATUS=stopping"])
    service.close()
  })

  test("that nobody watches says nothing, and one that cannot speak says so in the log", async () => {
    const { log, lines } = openLog()
    for (const NOTIFY_SOCKET of [undefined, "", "vsock:2:1234"]) {
      const service = await openService({ env: { NOTIFY_SOCKET, WATCHDOG_USEC: "1000" }, pid: 7, log })
      service.ready(() => 1e9)
      service.stopping()
      service.close()
    }
    expect(lines).toEqual([
      "error the service manager cannot be told anything; it may take this process for one that never starts",
    ])
  })
})
