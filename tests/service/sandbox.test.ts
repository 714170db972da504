import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import sharp from "sharp"
import { projectRoot } from "../../app/base/paths.ts"
import { selfCommand } from "../../app/base/self.ts"
import { dataFolderFiles } from "../../app/store/data-folder.ts"
import { testAdminKey, untilReady } from "../support/box.ts"
import { openNotifyListener } from "../support/notify-listener.ts"
import { tempFolder } from "../support/shared.ts"
import { deniedCalls, settingsOf, unitPath } from "./unit.ts"

/** The unit of systemd, and the box under what it allows, as near as a machine without a running systemd comes to that. */
const script = join(import.meta.dir, "as-unit.sh")
const folder = tempFolder()
const [state, cache] = ["state", "cache"].map((name) => folder.file(name)) as [string, string]
for (const path of [state, cache]) mkdirSync(path)
afterAll(() => folder[Symbol.dispose]())

const hasStrace = Bun.spawnSync(["sh", "-c", "strace -o /dev/null true"]).exitCode === 0
const denied = hasStrace
  ? [
      deniedCalls("gatehouse.service")
        .map((call) => `?${call}`)
        .join(","),
    ]
  : []

function asUnit(command: readonly string[], env: Record<string, string> = {}) {
  const enter = ["unshare", "--user", "--map-root-user", "--mount", "sh", script, state, cache, ...denied, "--"]
  return Bun.spawn([...enter, ...command], {
    cwd: projectRoot,
    env: { PATH: process.env.PATH ?? "", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
}

describe.each(["gatehouse.service", "gatehouse-gpu.service"])("%s", (unit) => {
  test("is understood by systemd, and its exposure is as told", () => {
    // Where the program is not installed, that is all there is to complain about.
    const verified = Bun.spawnSync(["systemd-analyze", "verify", "--man=no", unitPath(unit)])
    const said = verified.stderr.toString().trim().split("\n")
    expect(said.filter((line) => line !== "" && !line.includes("/usr/bin/gatehouse is not executable"))).toEqual([])
    const judged = Bun.spawnSync(["systemd-analyze", "security", "--offline=true", "--no-pager", unitPath(unit)])
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(judged.stdout.toString())?.[1])
    expect(exposure).toBeGreaterThan(0)
    expect(exposure).toBeLessThanOrEqual(unit === "gatehouse.service" ? 2.0 : 2.2)
  })

  test("differs from the other one in devices, groups and words alone", () => {
    const lines = (name: string) => readFileSync(unitPath(name), "utf8").split("\n")
    const other = new Set(lines(unit === "gatehouse.service" ? "gatehouse-gpu.service" : "gatehouse.service"))
    const own = lines(unit).filter((line) => /^[A-Z]\w+=/.test(line) && !other.has(line))
    const keys = new Set(own.map((line) => line.slice(0, line.indexOf("="))))
    const expected =
      unit === "gatehouse.service"
        ? ["Description", "Conflicts", "PrivateDevices", "PrivateUsers"]
        : ["Description", "Conflicts", "ExecStartPre", "DeviceAllow", "SupplementaryGroups", "LimitMEMLOCK"]
    expect([...keys].sort()).toEqual(expected.sort())
  })
})

test("what the sandbox takes away is gone", async () => {
  const probe = `touch /etc/x /usr/x /var/x "${projectRoot}/x"; touch /var/lib/gatehouse/mine /tmp/mine && echo kept
grep -E "^(CapEff|CapBnd|NoNewPrivs):" /proc/self/status; ls /dev; nice -n 5 echo gave way; ulimit -c; umask`
  const child = asUnit(["sh", "-c", probe])
  const [out, said] = await Promise.all([child.stdout.text(), child.stderr.text()])
  expect(said.match(/Read-only file system/g)).toHaveLength(4)
  const none = "0000000000000000"
  const lines = ["kept", `CapEff:\t${none}`, `CapBnd:\t${none}`, "NoNewPrivs:\t1"]
  const devices = ["full", "null", "random", "shm", "tty", "urandom", "zero"]
  expect(out.trim().split("\n")).toEqual([...lines, ...devices, "gave way", "0", "0077"])
})

test.skipIf(!hasStrace)(
  "a system call that the unit's filter leaves out is refused, and one it lets in again is not",
  async () => {
    const child = asUnit(["sh", "-c", "touch mine; chown 64000 mine || nice -n 5 echo gave way"])
    const [out, said] = await Promise.all([child.stdout.text(), child.stderr.text()])
    expect([out, said]).toEqual(["gave way\n", expect.stringContaining("Operation not permitted")])
  },
)

describe("a box under the unit's restrictions", () => {
  const listener = openNotifyListener(`@gatehouse-test-${crypto.randomUUID()}`)
  let box: ReturnType<typeof asUnit>
  let url = ""
  let said: Promise<string>

  beforeAll(async () => {
    const env = {
      ...Object.fromEntries(
        settingsOf("gatehouse.service", "Environment").map((line) => line.replace("%S", "/var/lib").split("=")),
      ),
      CACHE_DIRECTORY: "/var/cache/gatehouse",
      STATE_DIRECTORY: "/var/lib/gatehouse",
      CONFIGURATION_DIRECTORY: "/etc/gatehouse",
      NOTIFY_SOCKET: listener.address,
      WATCHDOG_USEC: "4000000",
      GATEHOUSE_PORT: "0",
      GATEHOUSE_ADMIN_KEY: testAdminKey,
    }
    box = asUnit([...selfCommand(), "serve"], env)
    said = box.stderr.text()
    for await (const chunk of box.stdout) {
      url = /http:\/\/[^\s/]+:\d+/.exec(Buffer.from(chunk).toString())?.[0] ?? ""
      if (url !== "") break
    }
    await untilReady(url)
  }, 60_000)
  afterAll(async () => {
    box.kill("SIGKILL")
    await box.exited
    listener[Symbol.dispose]()
  })

  test("serves, beats, and keeps its data where the unit says", async () => {
    await listener.until("READY=1")
    await listener.until("WATCHDOG=1", 1)
    const picture = await sharp({ create: { width: 640, height: 480, channels: 3, background: "grey" } })
      .jpeg()
      .toBuffer()
    const headers = { "x-api-key": testAdminKey, "content-type": "image/jpeg" }
    const answer = await fetch(`${url}/v1/detect`, { method: "POST", headers, body: new Uint8Array(picture) })
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ faces: [] })])
    const backup = await fetch(`${url}/v1/system/backups`, { method: "POST", headers: { "x-api-key": testAdminKey } })
    expect(backup.status).toBeLessThan(300)
    const system = (await (await fetch(`${url}/v1/system`, { headers })).json()) as { engineRestarts: number; state: string }
    expect([system.state, system.engineRestarts]).toEqual(["ready", 0])
    expect(readdirSync(state)).toContain(dataFolderFiles.database)
    const status = readFileSync(`/proc/${box.pid}/status`, "utf8")
    expect(status).toMatch(/^CapBnd:\t0+$/m)
    expect(status).toMatch(/^NoNewPrivs:\t1$/m)
  })

  test("stops as it is told to", async () => {
    box.kill("SIGTERM")
    expect(await box.exited).toBe(0)
    // Nothing went wrong that the sandbox might be to blame for.
    expect((await said).match(/"level":(50|60).*/g)).toBeNull()
    expect(listener.count("STOPPING=1")).toBe(1)
  })
})
