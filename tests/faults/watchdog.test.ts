import { expect, test } from "bun:test"
import { readFileSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import sharp from "sharp"
import { projectRoot } from "../../app/base/paths.ts"
import { type RunningBox, startBox, testAdminKey } from "../support/box.ts"
import { openNotifyListener } from "../support/notify-listener.ts"
import { tempFolder } from "../support/shared.ts"

/** In the place of `WatchdogSec=20`, so that a test need not wait for that long; `scripts/faults/watchdog.ts` does. */
const watchMs = 6000

const watched = (address: string, env: Record<string, string> = {}) => ({
  NOTIFY_SOCKET: address,
  WATCHDOG_USEC: String(watchMs * 1000),
  ...env,
})

test("a blocked event loop is silent, and beats again when it is free", async () => {
  using folder = tempFolder()
  using listener = openNotifyListener(folder.file("notify"))
  const preload = { BUN_OPTIONS: `--preload ${join(projectRoot, "tests/support/block-loop.ts")}`, BLOCK_MS: "9000" }
  await using box = await startBox(folder.file("data"), watched(listener.address, preload))
  await listener.until("READY=1")
  await listener.until("WATCHDOG=1", 2)
  const blockedTickMs = performance.now()
  box.process.kill("SIGUSR2")
  await Bun.sleep(watchMs + watchMs / 4)
  // Whoever counts from the last beat, as systemd does, has waited for more than `watchMs` by now.
  const last = listener.heard.findLast(({ text }) => text === "WATCHDOG=1")?.atTickMs ?? 0
  expect(last - blockedTickMs).toBeLessThan(watchMs / 4)
  expect(listener.count("WATCHDOG=1")).toBeGreaterThan(2)
  await listener.until("WATCHDOG=1", listener.count("WATCHDOG=1"))
}, 60_000)

test("engines that hang and are not replaced silence the watchdog, though the event loop runs", async () => {
  using folder = tempFolder()
  using listener = openNotifyListener(folder.file("notify"))
  // The box's own watch over engines looks away: as if they could not be killed, hanging in a driver.
  const inference = { cache: { enabled: false }, engines: 2, pongLateMs: 120_000, stuckRunMs: 120_000, idleRunMs: 120_000 }
  writeFileSync(folder.file("box.jsonc"), JSON.stringify({ inference }))
  const env = watched(listener.address, { GATEHOUSE_CONFIG: folder.file("box.jsonc") })
  await using box = await startBox(folder.file("data"), env)
  await listener.until("WATCHDOG=1", 2)
  const [one] = await box.enginePids()
  if (one === undefined) throw new Error("an engine is ready")
  process.kill(one, "SIGSTOP")
  await listener.until(`STATUS=nothing was heard of an engine for ${watchMs / 2} ms`)
  const before = listener.count("WATCHDOG=1")
  await Bun.sleep(watchMs / 2)
  expect(listener.count("WATCHDOG=1")).toBe(before)
  expect((await fetch(`${box.url}/healthz`)).status).toBe(200)
  process.kill(one, "SIGCONT")
  await listener.until("WATCHDOG=1", before)
}, 60_000)

test("SIGTERM in the midst of a request: STOPPING=1, the answer, and the end within 10 s", async () => {
  using folder = tempFolder()
  using listener = openNotifyListener(folder.file("notify"))
  await using box = await startBox(folder.file("data"), watched(listener.address))
  await listener.until("READY=1")
  const picture = await sharp({ create: { width: 640, height: 480, channels: 3, background: "grey" } })
    .jpeg()
    .toBuffer()
  const request = await beginRequest(box, picture)
  const toldTickMs = performance.now()
  box.process.kill("SIGTERM")
  await listener.until("STOPPING=1")
  const answer = await request.finish()
  expect(answer).toStartWith("HTTP/1.1 200 ")
  expect(await box.process.exited).toBe(0)
  expect(performance.now() - toldTickMs).toBeLessThan(10_000)
}, 60_000)

/** A picture of which all but the last bytes are on their way. */
async function beginRequest({ url }: RunningBox, picture: Uint8Array) {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const lines = [
    "POST /v1/detect HTTP/1.1",
    "host: box",
    `x-api-key: ${testAdminKey}`,
    "content-type: image/jpeg",
    "connection: close",
    `content-length: ${picture.length}`,
  ]
  socket.write(`${lines.join("\r\n")}\r\n\r\n`)
  socket.write(picture.subarray(0, -100))
  await Bun.sleep(500)
  return {
    finish: async () => {
      socket.write(picture.subarray(-100))
      let answer = ""
      for await (const chunk of socket) answer += String(chunk)
      return answer
    },
  }
}

test("the unit waits at most 30 s for a beat", () => {
  for (const unit of ["gatehouse", "gatehouse-gpu"]) {
    const text = readFileSync(join(projectRoot, `edge-config/systemd/${unit}.service`), "utf8")
    const seconds = Number(/^WatchdogSec=(\d+)s$/m.exec(text)?.[1])
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThanOrEqual(30)
  }
})
