import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs"
import { cacheFolders, installPlaces, ownersPath, settingsFolder, stateFolders } from "../../app/cli/install/layout.ts"
import { dataFolderFiles } from "../../app/store/data-folder.ts"
import { testAdminKey } from "../support/box.ts"
import { compiledProgram } from "../support/compiled.ts"
import { type DebianRoot, debianRootRefusal, openDebianRoot } from "./debian-root.ts"
import { bootMachine, bootRefusal, type Machine } from "./machine.ts"

/** `gatehouse install` on a Debian whose own systemd runs: what the units promise is held against it. The steps follow one another. */
const unit = "gatehouse.service"
const watchSeconds = 4

describe.skipIf(debianRootRefusal !== undefined || bootRefusal !== undefined)("a Debian", () => {
  let root: DebianRoot
  let machine: Machine
  const ready = () => machine.ask("http://127.0.0.1:8080/readyz")
  beforeAll(async () => {
    const { program } = await compiledProgram()
    root = await openDebianRoot()
    copyFileSync(program, root.at("/opt/gatehouse"))
    machine = await bootMachine(root)
  }, 240_000)
  afterAll(async () => {
    await machine[Symbol.asyncDispose]()
    root[Symbol.dispose]()
  })

  test("becomes a box by one command, and is told when that serves", async () => {
    mkdirSync(root.at(settingsFolder))
    writeFileSync(root.at(ownersPath), `GATEHOUSE_ADMIN_KEY=${testAdminKey}\n`)
    const said = await machine.inside("/opt/gatehouse", "install", "--profile", "x86", "--now")
    expect(said).toContain(`kept       ${ownersPath}`)
    // `restart` has waited for READY=1: nobody need wait any more.
    expect((await ready()).status).toBe(200)
    expect(await machine.property(unit, "StatusText")).toBe("serving")
    expect(await machine.property(unit, "UnitFileState")).toBe("enabled")
    const { body } = await machine.ask("http://127.0.0.1:8080/v1/system", "--header", `x-api-key: ${testAdminKey}`)
    expect(JSON.parse(body).profile).toEqual({
      name: "x86",
      chosenBy: "environment",
      reason: "chosen by GATEHOUSE_PROFILE",
    })
  }, 60_000)

  test("answers to root's commands, which leave nothing of root's in its folder", async () => {
    const { findings } = JSON.parse(await machine.inside("/usr/local/bin/gatehouse", "doctor", "--json", "--engines", "1"))
    expect(findings).toContainEqual({ level: "ok", subject: "data folder", text: "/var/lib/gatehouse" })
    expect(findings).toContainEqual({ level: "ok", subject: "profile", text: "x86: chosen by GATEHOUSE_PROFILE" })
    await machine.inside("/usr/local/bin/gatehouse", "backup", "/var/lib/gatehouse/own.backup")
    expect(await machine.inside("find", "/var/lib/private/gatehouse", "-user", "root")).toBe("")
  }, 60_000)

  test("kills a box that hangs, and starts it again", async () => {
    mkdirSync(root.at(`/etc/systemd/system/${unit}.d`))
    const shorter = `[Service]\nWatchdogSec=${watchSeconds}s\nRestartSec=100ms\n`
    writeFileSync(root.at(`/etc/systemd/system/${unit}.d/test.conf`), shorter)
    await machine.inside("systemctl", "daemon-reload")
    await machine.inside("systemctl", "restart", unit)
    const before = await machine.property(unit, "MainPID")
    // Longer than it waits: the box beats by itself.
    await Bun.sleep(watchSeconds * 1250)
    expect(await machine.property(unit, "MainPID")).toBe(before)
    await machine.inside("systemctl", "kill", "--signal=STOP", "--kill-who=main", unit)
    // The unit is active still while systemd waits for the beat.
    await machine.untilUnit(unit, "1", "NRestarts")
    await machine.untilUnit(unit, "active")
    expect([await machine.property(unit, "MainPID"), await machine.property(unit, "NRestarts")]).toEqual([
      expect.not.stringMatching(new RegExp(`^(0|${before})$`)),
      "1",
    ])
    expect(await machine.inside("journalctl", "--no-pager", "--unit", unit)).toMatch(/Watchdog timeout .*\n.*SIGKILL/)
    expect((await ready()).status).toBe(200)
  }, 60_000)

  test("leaves a box alone whose configuration is wrong: starting again would not mend it", async () => {
    writeFileSync(root.at(`${settingsFolder}/config.jsonc`), `{ "http": { "port": -1 } }`)
    await machine.inside("sh", "-c", `systemctl restart ${unit} || true`)
    await machine.untilUnit(unit, "failed")
    expect(await machine.property(unit, "ExecMainStatus")).toBe("78")
    await Bun.sleep(1000)
    expect([await machine.property(unit, "ActiveState"), await machine.property(unit, "NRestarts")]).toEqual(["failed", "0"])
    expect(await machine.inside("journalctl", "--no-pager", "--unit", unit)).toContain("http.port")
    writeFileSync(root.at(`${settingsFolder}/config.jsonc`), "{}")
    await machine.inside("systemctl", "restart", unit)
    expect((await ready()).status).toBe(200)
  }, 60_000)

  test("is no box any more by one command, and keeps the data", async () => {
    const said = await machine.inside(installPlaces.machine.programPath, "uninstall")
    expect(said).toContain("left in place: /var/lib/gatehouse")
    expect((await ready()).status).toBe(0)
    expect(existsSync(root.at(`${stateFolders[1]}/${dataFolderFiles.database}`))).toBe(true)
    for (const gone of [installPlaces.machine.programPath, `${installPlaces.machine.unitsFolder}/${unit}`, ...cacheFolders])
      expect([gone, existsSync(root.at(gone))]).toEqual([gone, false])
  }, 60_000)
})
