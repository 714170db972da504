import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { rmSync, truncateSync, writeFileSync } from "node:fs"
import { compiledProgram } from "../support/compiled.ts"
import { tempFolder } from "../support/shared.ts"
import { sha256OfFile, succeed } from "./commands.ts"
import { type DebianRoot, debianRootRefusal, openDebianRoot } from "./debian-root.ts"
import { bootMachine, bootRefusal, type Machine } from "./machine.ts"

/** From an image of a Debian to a box that somebody has claimed with the code that was printed when it was flashed. */
const code = "7K3QM-X9D2A"
const otherCode = "7K3QM-X9D2B"

describe.skipIf(debianRootRefusal !== undefined)("a Debian", () => {
  let flashed: DebianRoot
  let program = ""
  let said = ""
  beforeAll(async () => {
    ;({ program } = await compiledProgram())
    using folder = tempFolder()
    const image = folder.file("debian.img")
    {
      using debian = await openDebianRoot()
      writeFileSync(image, "")
      truncateSync(image, 500 * 2 ** 20)
      await succeed(["/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", debian.path, image])
    }
    said = await succeed([
      ...[process.execPath, "scripts/flashing/main.ts", "--program", program, "--image", image, "--claim-code", code],
    ])
    await succeed(["/usr/sbin/e2fsck", "-fn", image])
    // As it lies in the image, with owners and modes.
    flashed = await openDebianRoot((path) => succeed(["/usr/sbin/debugfs", "-R", `rdump / ${path}`, image]))
    rmSync(flashed.at("/lost+found"), { recursive: true })
  }, 180_000)
  afterAll(() => flashed[Symbol.dispose]())

  test("is a box after it was flashed, to the byte", async () => {
    expect(said).toContain("Debian GNU/Linux 12")
    expect(await sha256OfFile(flashed.at("/usr/local/bin/gatehouse"))).toBe(await sha256OfFile(program))
    expect(await flashed.chroot("systemctl", "is-enabled", "gatehouse.service")).toBe("enabled\n")
    expect(await flashed.chroot("systemd-analyze", "verify", "--man=no", "gatehouse.service")).toBe("")
  })

  describe.skipIf(bootRefusal !== undefined)("that has booted", () => {
    let machine: Machine
    const door = "https://127.0.0.1:8443"
    const claim = (tried: string) =>
      machine.ask(`${door}/setup`, "--header", "content-type: application/json", "--data", JSON.stringify({ code: tried }))
    beforeAll(async () => {
      machine = await bootMachine(flashed)
    }, 60_000)
    afterAll(() => machine[Symbol.asyncDispose]())

    test("waits for its owner, and is the one's who has the code", async () => {
      await machine.untilUnit("gatehouse.service", "active")
      expect((await machine.ask("http://127.0.0.1:8080/healthz")).status).toBe(200)
      expect((await claim(otherCode)).status).not.toBe(201)
      const claimed = await claim(code)
      expect([claimed.status, claimed.body]).toEqual([201, expect.stringContaining("adminKey")])
      const key = JSON.parse(claimed.body).adminKey
      expect((await machine.ask(`${door}/v1/system`, "--header", `x-api-key: ${key}`)).status).toBe(200)
      expect((await claim(code)).status).toBe(409)
    })
  })
})
