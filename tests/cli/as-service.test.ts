import { describe, expect, test } from "bun:test"
import { chownSync, linkSync, lstatSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { giveToOwner, serviceSettings, takeServiceSettings } from "../../app/cli/install/as-service.ts"
import { tempFolder } from "../support/shared.ts"

const isRoot = process.getuid?.() === 0

test("the service's settings are those of its files, the owner's being stronger; without a service there are none", () => {
  using root = tempFolder()
  expect(serviceSettings(root.path)).toEqual({})
  for (const path of ["usr/lib/systemd/system", "etc/gatehouse", "var/lib/gatehouse"])
    mkdirSync(root.file(path), { recursive: true })
  writeFileSync(root.file("usr/lib/systemd/system/gatehouse.service"), "")
  writeFileSync(root.file("etc/gatehouse/profile.env"), "GATEHOUSE_PROFILE=x86\n")
  const owners = `# GATEHOUSE_HOST=1.2.3.4\n;no\nGATEHOUSE_PROFILE="auto"\n GATEHOUSE_MODEL_DIR='/srv/my models' \nGATEHOUSE_PORT=\n`
  writeFileSync(root.file("etc/gatehouse/gatehouse.env"), owners)
  expect(serviceSettings(root.path)).toEqual({
    GATEHOUSE_DATA: root.file("var/lib/gatehouse"),
    CONFIGURATION_DIRECTORY: root.file("etc/gatehouse"),
    GATEHOUSE_PROFILE: "auto",
    GATEHOUSE_MODEL_DIR: "/srv/my models",
    GATEHOUSE_PORT: "",
  })
})

describe("a command of root", () => {
  const service = () => ({ GATEHOUSE_DATA: "/var/lib/gatehouse", GATEHOUSE_PORT: "1" })
  const taken = (command: string, argv: readonly string[], env: Record<string, string> = {}) => {
    const folder = takeServiceSettings(command, argv, env, service, true)
    return { folder, env }
  }

  test("works with the service's box, and what it says itself is stronger", () => {
    expect(taken("doctor", ["doctor"], { GATEHOUSE_PORT: "2" })).toEqual({
      folder: "/var/lib/gatehouse",
      env: { GATEHOUSE_DATA: "/var/lib/gatehouse", GATEHOUSE_PORT: "2" },
    })
  })

  test.each([
    ["a folder of its own", "doctor", ["--data", "/srv/box"], {}, "/srv/box"],
    ["a folder of its own, in one word", "doctor", ["--data=/srv/box"], {}, "/srv/box"],
    ["a folder by its environment", "doctor", [], { GATEHOUSE_DATA: "/srv/box" }, "/srv/box"],
    ["a file of its own", "doctor", ["--config", "box.jsonc"], {}, undefined],
    ["being the box itself", "serve", [], {}, undefined],
    ["being an engine", "engine", [], {}, undefined],
  ] as const)("with %s takes nothing of it", (_what, command, argv, env, folder) => {
    expect(taken(command, argv, env)).toEqual({ folder, env })
  })

  test("as somebody else takes nothing", () => {
    expect(takeServiceSettings("doctor", [], {}, service, false)).toBeUndefined()
  })

  test.skipIf(!isRoot)("leaves nothing of its own in the folder of another user", () => {
    using folder = tempFolder()
    mkdirSync(folder.file("backups"))
    for (const name of ["erased.jsonl", "backups/new.backup", "others"]) writeFileSync(folder.file(name), "")
    symlinkSync("/etc/passwd", folder.file("link"))
    symlinkSync("/etc", folder.file("folder"))
    writeFileSync(folder.file("../second-name"), "")
    linkSync(folder.file("../second-name"), folder.file("named-twice"))
    chownSync(folder.file("others"), 1234, 1234)
    giveToOwner(folder.path)
    expect(statSync(folder.file("erased.jsonl")).uid).toBe(0)
    chownSync(folder.path, 61_000, 61_000)
    giveToOwner(folder.path)
    const owners = readdirSync(folder.path, { recursive: true, encoding: "utf8" })
      .filter((name) => !lstatSync(join(folder.path, name)).isSymbolicLink() && !name.startsWith("folder/"))
      .map((name) => [name, statSync(join(folder.path, name)).uid])
    expect(Object.fromEntries(owners)).toEqual({
      backups: 61_000,
      "backups/new.backup": 61_000,
      "erased.jsonl": 61_000,
      "named-twice": 0,
      others: 1234,
    })
    // Links are given, never followed.
    expect([statSync("/etc").uid, statSync("/etc/passwd").uid]).toEqual([0, 0])
    rmSync(folder.file("../second-name"))
  })
})
