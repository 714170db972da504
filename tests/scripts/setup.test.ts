import { describe, expect, test } from "bun:test"
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"

const systemTools = "sh cat cut dirname find flock grep ln mkdir mktemp mv rm sed sha256sum sleep sort stat uname".split(" ")

/**
 * A project with the real set-up script, whose two own steps only write down that they ran, on a machine that has nothing but
 * the basic commands.
 */
function bareMachine(): TempFolder {
  const machine = tempFolder()
  for (const folder of ["scripts", "app", "bin", "node_modules"]) mkdirSync(machine.file(folder))
  for (const file of ["scripts/setup", "scripts/bun.txt"]) copyFileSync(join(projectRoot, file), machine.file(file))
  for (const [file, step] of [
    ["build-hnswlib.ts", "index"],
    ["models.ts", "models"],
  ] as const)
    writeFileSync(
      machine.file("scripts", file),
      `require("node:fs").appendFileSync("steps.log", "${step}\\n"); await Bun.sleep(150)`,
    )
  writeFileSync(machine.file("package.json"), "{}")
  writeFileSync(machine.file("bun.lock"), "{}")
  for (const tool of systemTools) {
    const path = Bun.which(tool)
    if (path !== null) symlinkSync(path, machine.file("bin", tool))
  }
  return machine
}

function give(machine: TempFolder, tool: string, script: string): void {
  writeFileSync(machine.file("bin", tool), `#!/bin/sh\n${script}\n`)
  chmodSync(machine.file("bin", tool), 0o755)
}

/** Bun is there, and the packages are as the lockfile says. */
function withPackages(machine: TempFolder): void {
  mkdirSync(machine.file(".tools/bin"), { recursive: true })
  symlinkSync(process.execPath, machine.file(".tools/bin/bun"))
  const sums = Bun.spawnSync(["sha256sum", "package.json", "bun.lock", "scripts/bun.txt"], { cwd: machine.path })
  writeFileSync(machine.file("node_modules/.set-up"), sums.stdout)
}

async function setUp(machine: TempFolder): Promise<{ code: number; said: string; seconds: number }> {
  const started = performance.now()
  const child = Bun.spawn([machine.file("scripts/setup")], {
    env: { PATH: machine.file("bin"), HOME: machine.path },
    stdout: "pipe",
    stderr: "pipe",
  })
  const [code, said, out] = await Promise.all([
    child.exited,
    new Response(child.stderr).text(),
    new Response(child.stdout).text(),
  ])
  expect(out).toBe("") // Whatever is started afterwards owns standard output.
  return { code, said: said.trim(), seconds: (performance.now() - started) / 1000 }
}

const stepsOf = (machine: TempFolder) => {
  const log = machine.file("steps.log")
  return existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []
}

describe("a missing tool is one line with the remedy", () => {
  test("neither npm nor Bun", async () => {
    using machine = bareMachine()
    const { code, said } = await setUp(machine)
    expect(code).toBe(1)
    expect(said.split("\n").at(-1)).toContain("apt-get install npm")
  })

  test("no C++ compiler", async () => {
    using machine = bareMachine()
    withPackages(machine)
    const { code, said } = await setUp(machine)
    expect(code).toBe(1)
    expect(said).toContain("apt-get install g++")
    expect(said.split("\n")).toHaveLength(1)
  })
})

describe("Bun comes from npm", () => {
  /** What npm does, with other bytes than the real ones. */
  const install = `
    while [ $# -gt 0 ]; do case $1 in --prefix) prefix=$2 ;; @oven/*) name=\${1%@*} ;; esac; shift; done
    mkdir -p "$prefix/node_modules/$name/bin" && echo strange >"$prefix/node_modules/$name/bin/bun"`

  test("a file with another checksum is refused and not kept", async () => {
    using machine = bareMachine()
    give(machine, "npm", install)
    const { code, said } = await setUp(machine)
    expect(code).toBe(1)
    expect(said).toContain("SHA-256")
    expect(existsSync(machine.file(".tools/bin/bun"))).toBe(false)
  })

  test("a registry that fails is asked once more, then the remedy is told", async () => {
    using machine = bareMachine()
    give(machine, "npm", `echo asked >>"${machine.file("steps.log")}"; exit 1`)
    const { code, said } = await setUp(machine)
    expect(code).toBe(1)
    expect(stepsOf(machine)).toEqual(["asked", "asked"])
    expect(said.split("\n").at(-1)).toContain("check the network")
  })

  test("the right version on PATH is taken as it is", async () => {
    using machine = bareMachine()
    withPackages(machine)
    Bun.spawnSync(["rm", machine.file(".tools/bin/bun")])
    symlinkSync(process.execPath, machine.file("bin/bun"))
    give(machine, "g++", "exit 0")
    expect(await setUp(machine)).toMatchObject({ code: 0 })
    expect(readFileSync(machine.file(".tools/bin/bun")).length).toBe(readFileSync(process.execPath).length)
  })
})

describe("steps run when they must", () => {
  function readyMachine(): TempFolder {
    const machine = bareMachine()
    withPackages(machine)
    give(machine, "g++", "exit 0")
    return machine
  }

  test("a second call does nothing, quickly", async () => {
    using machine = readyMachine()
    expect(await setUp(machine)).toMatchObject({ code: 0 })
    expect(stepsOf(machine)).toEqual(["index", "models"])
    const again = await setUp(machine)
    expect(again).toMatchObject({ code: 0, said: "" })
    expect(stepsOf(machine)).toEqual(["index", "models"])
    expect(again.seconds).toBeLessThan(1)
  })

  test("a changed input runs its own step again, and no other", async () => {
    using machine = readyMachine()
    await setUp(machine)
    utimesSync(machine.file("scripts/models.ts"), 1, 1)
    await setUp(machine)
    expect(stepsOf(machine)).toEqual(["index", "models", "models"])
  })

  test("a step that failed runs again", async () => {
    using machine = readyMachine()
    writeFileSync(
      machine.file("scripts/models.ts"),
      `require("node:fs").appendFileSync("steps.log", "models\\n"); process.exit(1)`,
    )
    expect(await setUp(machine)).toMatchObject({ code: 1 })
    expect(await setUp(machine)).toMatchObject({ code: 1 })
    expect(stepsOf(machine)).toEqual(["index", "models", "models"])
  })

  test("two calls at once do the work once", async () => {
    using machine = readyMachine()
    const both = await Promise.all([setUp(machine), setUp(machine)])
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    expect(stepsOf(machine)).toEqual(["index", "models"])
  })
})
