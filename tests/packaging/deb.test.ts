import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { appendFileSync, copyFileSync, existsSync, lstatSync, readFileSync, readlinkSync, rmSync } from "node:fs"
import { join } from "node:path"
import { version } from "../../app/base/version.ts"
import { cacheFolders, ownersPath, settingsFolder, stateFolders, wantsFolder } from "../../app/cli/install/layout.ts"
import { dataFolderFiles } from "../../app/store/data-folder.ts"
import { testAdminKey } from "../support/box.ts"
import { compiledProgram } from "../support/compiled.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"
import { run, sha256OfFile } from "./commands.ts"
import { type DebianRoot, debianRootRefusal, openDebianRoot } from "./debian-root.ts"
import { bootMachine, bootRefusal, type Machine } from "./machine.ts"
import { pack } from "./packages.ts"

/**
 * The life of a `.deb` on a Debian: installed where no systemd runs, booted, upgraded, removed, purged. The steps follow one another.
 */
const unit = "gatehouse.service"
const target = `linux-${process.arch}`
const link = `${wantsFolder}/${unit}`

describe.skipIf(debianRootRefusal !== undefined)("a Debian", () => {
  let root: DebianRoot
  let packages: TempFolder
  let first = ""
  let program = ""
  beforeAll(async () => {
    const compiled = await compiledProgram()
    program = compiled.program
    packages = tempFolder()
    first = (await pack(compiled.folder, packages.path, target, "--format", "deb"))[0]!
    root = await openDebianRoot()
    copyFileSync(first, root.at("/first.deb"))
  }, 120_000)
  afterAll(() => {
    root[Symbol.dispose]()
    packages[Symbol.dispose]()
  })

  test("takes the package while no systemd runs, and nothing of the program is lost", async () => {
    await root.chroot("dpkg", "--install", "/first.deb")
    expect(await sha256OfFile(root.at("/usr/bin/gatehouse"))).toBe(await sha256OfFile(program))
    expect(await root.chroot("dpkg", "--verify", "gatehouse")).toBe("")
    expect(readlinkSync(root.at(link))).toBe(`/usr/lib/systemd/system/${unit}`)
    // Nothing that systemd makes by itself was made.
    for (const folder of [...stateFolders, ...cacheFolders]) expect(existsSync(root.at(folder))).toBe(false)
  })

  test("its own systemd understands both units and finds them closed enough", async () => {
    for (const [each, exposureMax] of [
      [unit, 2.0],
      ["gatehouse-gpu.service", 2.2],
    ] as const) {
      expect(await root.chroot("systemd-analyze", "verify", "--man=no", each)).toBe("")
      const judged = await root.chroot("systemd-analyze", "security", "--offline=true", "--no-pager", each)
      expect(Number(/Overall exposure level for \S+: ([\d.]+)/.exec(judged)?.[1])).toBeLessThanOrEqual(exposureMax)
    }
  })

  describe.skipIf(bootRefusal !== undefined)("that has booted", () => {
    let machine: Machine
    const box = "http://127.0.0.1:8080"
    const asAdmin = ["--header", `x-api-key: ${testAdminKey}`]
    const names = async () => {
      const { body } = await machine.ask(`${box}/v1/subjects`, ...asAdmin)
      return JSON.parse(body).items.map(({ name }: { name: string }) => name)
    }
    beforeAll(async () => {
      appendFileSync(root.at(ownersPath), `GATEHOUSE_ADMIN_KEY=${testAdminKey}\n`)
      machine = await bootMachine(root)
    }, 60_000)
    afterAll(() => machine[Symbol.asyncDispose]())

    test("has started the box by itself, shut in as its unit says", async () => {
      await machine.untilUnit(unit, "active")
      expect((await machine.ask(`${box}/readyz`)).status).toBe(200)
      expect(await machine.inside("gatehouse", "version")).toContain(`gatehouse ${version}`)
      const body = JSON.stringify({ name: "Ada 王小明" })
      const added = ["--data", body, "--header", "content-type: application/json"]
      expect((await machine.ask(`${box}/v1/subjects`, ...asAdmin, ...added)).status).toBe(201)
      const status = await machine.inside("cat", `/proc/${await machine.property(unit, "MainPID")}/status`)
      expect(status).toMatch(/^NoNewPrivs:\s1$/m)
      expect(status).toMatch(/^Seccomp:\s2$/m)
      expect(status).toMatch(/^CapBnd:\s0{16}$/m)
      // A user that exists only while the service runs.
      expect(Number(/^Uid:\s(\d+)/m.exec(status)?.[1])).toBeGreaterThan(60_000)
      expect(lstatSync(root.at(stateFolders[1])).mode & 0o777).toBe(0o700)
    })

    test("takes an upgrade: it is started again, and keeps people and settings", async () => {
      const before = await machine.property(unit, "MainPID")
      const second = (
        await pack(join(program, ".."), packages.file("second"), target, "--format", "deb", "--revision", "2")
      )[0]!
      copyFileSync(second, root.at("/second.deb"))
      await machine.inside("dpkg", "--install", "/second.deb")
      await machine.untilUnit(unit, "active")
      const after = await machine.property(unit, "MainPID")
      expect([after === before, after]).toEqual([false, expect.not.stringMatching(/^0?$/)])
      expect(readFileSync(root.at(ownersPath), "utf8")).toContain(testAdminKey)
      expect(await names()).toEqual(["Ada 王小明"])
    })

    test("an owner's decision not to start it at boot outlives an upgrade", async () => {
      await machine.inside("systemctl", "disable", "--now", unit)
      await machine.inside("dpkg", "--install", "/first.deb")
      expect(existsSync(root.at(link))).toBe(false)
      expect(await machine.property(unit, "ActiveState")).toBe("inactive")
      await machine.inside("systemctl", "enable", unit)
    })

    test("a removal stops it and leaves people, keys and settings; they are there when it comes back", async () => {
      await machine.inside("systemctl", "start", unit)
      await machine.inside("dpkg", "--remove", "gatehouse")
      expect((await machine.ask(`${box}/healthz`)).status).toBe(0)
      expect(existsSync(root.at("/usr/bin/gatehouse"))).toBe(false)
      expect(existsSync(root.at(`${stateFolders[1]}/${dataFolderFiles.database}`))).toBe(true)
      expect(readFileSync(root.at(ownersPath), "utf8")).toContain(testAdminKey)
      await machine.inside("dpkg", "--install", "/first.deb")
      await machine.untilUnit(unit, "active")
      expect(await names()).toEqual(["Ada 王小明"])
    })
  })

  test("a purge leaves nothing", async () => {
    // Where nothing could boot, it is enough that something is there to be removed.
    await run(["mkdir", "-p", root.at(stateFolders[1]), root.at(cacheFolders[1])])
    await root.chroot("dpkg", "--purge", "gatehouse")
    for (const path of [
      settingsFolder,
      ...stateFolders,
      ...cacheFolders,
      link,
      "/usr/bin/gatehouse",
      "/usr/share/doc/gatehouse",
    ])
      expect([path, lstatSync(root.at(path), { throwIfNoEntry: false })]).toEqual([path, undefined])
    rmSync(root.at("/first.deb"))
  })
})
