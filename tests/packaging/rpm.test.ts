import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { appendFileSync, lstatSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ownersPath, stateFolders, wantsFolder } from "../../app/cli/install/layout.ts"
import { compiledProgram } from "../support/compiled.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"
import { sha256OfFile, succeed } from "./commands.ts"
import { type DebianRoot, debianRootRefusal, openDebianRoot } from "./debian-root.ts"
import { pack, standInRelease } from "./packages.ts"

/**
 * The life of an `.rpm`, by RPM itself. Its scripts run in the root of a Debian, which has the shell and the folders they need; what
 * packages it would want of an openEuler is not asked there (`--nodeps`).
 */
const link = `${wantsFolder}/gatehouse.service`

describe.skipIf(debianRootRefusal !== undefined || Bun.which("rpmbuild") === null)("a Debian", () => {
  let root: DebianRoot
  let packages: TempFolder
  const rpm = (...options: readonly string[]) =>
    succeed(["rpm", "--root", root.path, "--dbpath", "/var/lib/rpm", ...options, "--nodeps"])
  const kind = (path: string) => lstatSync(root.at(path), { throwIfNoEntry: false }) !== undefined
  const make = async (from: string, out: string, ...more: readonly string[]) =>
    (await pack(from, packages.file(out), `linux-${process.arch}`, "--format", "rpm", ...more))[0]!

  beforeAll(async () => {
    packages = tempFolder()
    root = await openDebianRoot()
  }, 60_000)
  afterAll(() => {
    root[Symbol.dispose]()
    packages[Symbol.dispose]()
  })

  test("takes the package, and nothing of the program is lost", async () => {
    const { folder, program } = await compiledProgram()
    await rpm("--install", await make(folder, "first"))
    expect(await sha256OfFile(root.at("/usr/bin/gatehouse"))).toBe(await sha256OfFile(program))
    expect(await rpm("--verify", "gatehouse")).toBe("")
    expect(readlinkSync(root.at(link))).toBe("/usr/lib/systemd/system/gatehouse.service")
    expect(lstatSync(root.at(ownersPath)).mode & 0o777).toBe(0o600)
  }, 120_000)

  test("an upgrade keeps settings, and whether it is started at boot", async () => {
    appendFileSync(root.at(ownersPath), "GATEHOUSE_LOG=warn\n")
    await root.chroot("systemctl", "disable", "gatehouse.service")
    standInRelease(packages.file("release"), process.arch as "x64")
    await rpm("--upgrade", await make(packages.file("release"), "second", "--revision", "2"))
    expect(readFileSync(root.at(ownersPath), "utf8")).toContain("GATEHOUSE_LOG=warn")
    expect(kind(link)).toBe(false)
    await root.chroot("systemctl", "enable", "gatehouse.service")
  })

  test("a removal leaves people and changed settings, and nothing is started at boot", async () => {
    mkdirSync(root.at(stateFolders[1]), { recursive: true })
    writeFileSync(join(root.at(stateFolders[1]), "edge.db"), "people")
    await rpm("--erase", "gatehouse")
    expect([kind("/usr/bin/gatehouse"), kind(link), kind("/usr/lib/systemd/system/gatehouse.service")]).toEqual([
      false,
      false,
      false,
    ])
    expect(readFileSync(join(root.at(stateFolders[1]), "edge.db"), "utf8")).toBe("people")
    expect(readFileSync(root.at(`${ownersPath}.rpmsave`), "utf8")).toContain("GATEHOUSE_LOG=warn")
  })
})
