import { describe, expect, test } from "bun:test"
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { selfCommand } from "../../app/base/self.ts"
import { runCli } from "../../app/cli/cli.ts"
import { inside } from "../../app/cli/install/inside.ts"
import type { CliNeeds } from "../../app/cli/needs.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"

/** The root file system of another machine, as flashed, and a program for it. */
function otherMachine(): TempFolder & { readonly program: string } {
  const folder = tempFolder()
  for (const path of ["root/etc/systemd/system", "root/usr/lib/systemd"]) mkdirSync(folder.file(path), { recursive: true })
  writeFileSync(folder.file("root/usr/lib/systemd/systemd"), "")
  const program = folder.file("gatehouse-built")
  writeFileSync(program, "the program, first version")
  return { ...folder, program, path: folder.path, file: (...names) => folder.file(...names) }
}

async function run(...argv: readonly string[]) {
  const [out, err]: [string[], string[]] = [[], []]
  const terminal = { out: (text: string) => void out.push(text), err: (text: string) => void err.push(text), watched: false }
  const code = await runCli(argv, {} as Partial<CliNeeds> as CliNeeds, terminal)
  return { code, out: out.join("\n"), err: err.join("\n") }
}

async function installed(machine: ReturnType<typeof otherMachine>, ...more: readonly string[]) {
  const root = machine.file("root")
  const { code, out, err } = await run("install", "--root", root, "--program", machine.program, "--json", ...more)
  expect({ code, err }).toEqual({ code: 0, err: "" })
  const { done, notes, unit } = JSON.parse(out) as { done: { path: string; did: string }[]; notes: string[]; unit: string }
  return { did: Object.fromEntries(done.map(({ path, did }) => [path, did])), notes, unit }
}

const settings = "etc/gatehouse/gatehouse.env"
const wants = "etc/systemd/system/multi-user.target.wants"

describe("install", () => {
  test("puts program, units, settings and the link into a machine that lies still, and says what is next", async () => {
    using machine = otherMachine()
    const { did, notes, unit } = await installed(machine)
    expect(unit).toBe("gatehouse.service")
    expect(new Set(Object.values(did))).toEqual(new Set(["made"]))
    expect(notes).toEqual(["gatehouse.service starts at the next boot"])
    const at = (path: string) => machine.file("root", path)
    expect(readFileSync(at("usr/local/bin/gatehouse"), "utf8")).toBe("the program, first version")
    expect(statSync(at("usr/local/bin/gatehouse")).mode & 0o777).toBe(0o755)
    expect(statSync(at(settings)).mode & 0o777).toBe(0o600)
    expect(readFileSync(at("etc/systemd/system/gatehouse.service"), "utf8")).toContain(
      "\nExecStart=/usr/local/bin/gatehouse serve\n",
    )
    expect(readdirSync(at(wants))).toEqual(["gatehouse.service"])
    expect(readlinkSync(at(`${wants}/gatehouse.service`))).toBe("/etc/systemd/system/gatehouse.service")
    // Where data and cache lie is made by systemd, and no draft is left.
    expect(existsSync(at("var"))).toBe(false)
    expect(readdirSync(at("usr/local/bin"))).toEqual(["gatehouse"])
  })

  test("a second time changes nothing; a newer program is an update, and what the owner wrote stays", async () => {
    using machine = otherMachine()
    await installed(machine, "--profile", "jetson-orin")
    writeFileSync(machine.file("root", settings), "GATEHOUSE_HOST=0.0.0.0\n")
    const { did: again } = await installed(machine)
    expect(new Set(Object.values(again))).toEqual(new Set(["unchanged", "kept"]))
    writeFileSync(machine.program, "the program, other version")
    const { did } = await installed(machine)
    expect(did["/usr/local/bin/gatehouse"]).toBe("changed")
    expect(readFileSync(machine.file("root", settings), "utf8")).toBe("GATEHOUSE_HOST=0.0.0.0\n")
    // Not said again: the choice of before.
    expect(readFileSync(machine.file("root/etc/gatehouse/profile.env"), "utf8")).toContain("\nGATEHOUSE_PROFILE=jetson-orin\n")
  })

  test("a program that cannot be run and a unit that anybody may write are put right", async () => {
    using machine = otherMachine()
    await installed(machine)
    const [program, unit] = ["usr/local/bin/gatehouse", "etc/systemd/system/gatehouse.service"]
    chmodSync(machine.file("root", program), 0o644)
    chmodSync(machine.file("root", unit), 0o666)
    const { did } = await installed(machine)
    expect([did[`/${program}`], did[`/${unit}`]]).toEqual(["changed", "changed"])
    const modes = [program, unit].map((path) => statSync(machine.file("root", path)).mode & 0o777)
    expect(modes).toEqual([0o755, 0o644])
  })

  test("one of the two units is started at boot: the one asked for last", async () => {
    using machine = otherMachine()
    await installed(machine)
    const { unit, did } = await installed(machine, "--gpu")
    expect(unit).toBe("gatehouse-gpu.service")
    expect(readdirSync(machine.file("root", wants))).toEqual(["gatehouse-gpu.service"])
    expect(did[`/${wants}/gatehouse.service`]).toBe("removed")
  })

  test("follows links as the machine will, and never out of it", async () => {
    using machine = otherMachine()
    const elsewhere = machine.file("elsewhere")
    mkdirSync(elsewhere)
    mkdirSync(machine.file("root/opt/bin"), { recursive: true })
    mkdirSync(machine.file("root/usr/local"))
    symlinkSync("/opt/bin", machine.file("root/usr/local/bin"))
    await installed(machine)
    expect(readdirSync(machine.file("root/opt/bin"))).toEqual(["gatehouse"])
    expect(inside("/mnt", "/../../etc/passwd")).toBe("/mnt/etc/passwd")
  })

  test("without systemd says so, and how to start the box", async () => {
    using machine = otherMachine()
    rmSync(machine.file("root/usr/lib/systemd"), { recursive: true })
    const { notes } = await installed(machine)
    expect(notes).toEqual([expect.stringMatching(/no systemd in .*: nothing starts .* run \/usr\/local\/bin\/gatehouse serve/)])
  })

  test.each([
    ["a folder that is not there", ["--root", "/nowhere"], /\/nowhere is no folder: mount .* --root/],
    ["a folder that is no root file system", ["--root", import.meta.dir], /no root file system: it has no etc/],
    ["a profile there is none of", ["--profile", "jetson"], /no profile jetson: one of auto, default/],
    ["a program that is not there", ["--program", "/nowhere"], /\/nowhere is not there/],
    ["a start on a machine that lies still", ["--now"], /--now needs a systemd that runs here/],
  ])("refuses %s, with the remedy, and touches nothing", async (_what, more, words) => {
    using machine = otherMachine()
    const root = machine.file("root")
    const { code, err } = await run("install", "--root", root, "--program", machine.program, ...more)
    expect(code).toBe(3)
    expect(err).toMatch(words)
    expect(existsSync(join(root, "usr/local"))).toBe(false)
    expect(existsSync(join(root, "etc/gatehouse"))).toBe(false)
  })

  test.each([
    ["a folder has the program's name", "usr/local/bin/gatehouse/x", /a folder has the name of that file: move it away/],
    [
      "a folder has a unit's name",
      "etc/systemd/system/gatehouse.service/x",
      /a folder has the name of that file: move it away/,
    ],
    ["a folder has the link's name", `${wants}/gatehouse.service/x`, /a folder has the name of that file: move it away/],
    ["a file has the folder's name", "etc/gatehouse", /a file has the name of that folder: move it away/],
    ["links lead in a circle", undefined, /leads in a circle of links: mend those links/],
  ])("where %s, names it and the remedy", async (_what, inTheWay, words) => {
    using machine = otherMachine()
    const root = machine.file("root")
    const path = join(root, inTheWay ?? "usr/local/bin")
    mkdirSync(dirname(path), { recursive: true })
    if (inTheWay === undefined) symlinkSync("bin", path)
    else writeFileSync(path, "")
    const { code, err } = await run("install", "--root", root, "--program", machine.program)
    expect({ code, err }).toEqual({ code: 3, err: expect.stringMatching(words) })
  })

  test("leaves a machine to the package that has brought the program", async () => {
    using machine = otherMachine()
    mkdirSync(machine.file("root/usr/bin"))
    writeFileSync(machine.file("root/usr/bin/gatehouse"), "")
    const { code, err } = await run("install", "--root", machine.file("root"), "--program", machine.program)
    expect({ code, err }).toEqual({ code: 3, err: expect.stringContaining("came by a package") })
    expect(existsSync(machine.file("root/usr/local"))).toBe(false)
  })

  test("says when the disk is full, and leaves the program of before", () => {
    using machine = otherMachine()
    const root = machine.file("root")
    writeFileSync(machine.program, Buffer.alloc(2 ** 21))
    const script = `mount -t tmpfs -o size=1m none "$1" && mkdir -p "$1/etc" "$1/usr/local/bin" && echo before >"$1/usr/local/bin/gatehouse"
root=$1; shift; "$@"; ended=$?; ls "$root/usr/local/bin"; cat "$root/usr/local/bin/gatehouse"; exit $ended`
    const command = [...selfCommand(), "install", "--root", root, "--program", machine.program]
    const ended = Bun.spawnSync(["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", root, ...command])
    expect([ended.exitCode, ended.stdout.toString()]).toEqual([3, "gatehouse\nbefore\n"])
    expect(ended.stderr.toString()).toMatch(/^gatehouse: .*: make room on that disk/)
  })

  test("refuses a file system that is mounted read-only", async () => {
    using machine = otherMachine()
    const root = machine.file("root")
    const mounted = 'mount -t tmpfs none "$1" && mkdir -p "$1/etc" "$1/usr" && mount -o remount,ro "$1" && shift && exec "$@"'
    const command = [...selfCommand(), "install", "--root", root, "--program", machine.program]
    const child = Bun.spawn(["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted, "sh", root, ...command], {
      stdout: "ignore",
      stderr: "pipe",
    })
    const [said, code] = await Promise.all([child.stderr.text(), child.exited])
    expect({ code, said }).toEqual({ code: 3, said: expect.stringContaining("mounted read-only: mount -o remount,rw") })
  })

  test("from a checkout asks for the compiled file", async () => {
    using machine = otherMachine()
    const { code, err } = await run("install", "--root", machine.file("root"))
    expect({ code, err }).toEqual({ code: 3, err: expect.stringContaining("--program") })
  })
})

describe("on the machine itself, where systemd runs", () => {
  /** This machine with an /etc, a /run and a /usr/local/bin of its own for a moment; its systemctl writes down what it is told. */
  const borrow = `set -e
for place in /etc /run /usr/local/bin; do mount -t tmpfs none "$place"; done
mkdir -p /etc/systemd/system /run/systemd/system
tools=$1; shift
printf '#!/bin/sh\\necho "$*" >>"%s/told"\\nexit "\${REFUSES:-0}"\\n' "$tools" >"$tools/systemctl"
chmod +x "$tools/systemctl"
export PATH="$tools:$PATH"
sh -c "$1"`

  function onMachine(steps: string, env: Record<string, string> = {}) {
    using machine = otherMachine()
    const tools = machine.file("tools")
    mkdirSync(tools)
    const gatehouse = selfCommand().join(" ")
    const script = steps
      .replaceAll("install ", `${gatehouse} install --program ${machine.program} `)
      .replaceAll("leave", `${gatehouse} uninstall`)
    const command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", borrow, "sh", tools, script]
    const { exitCode, stdout, stderr } = Bun.spawnSync(command, { env: { ...process.env, ...env } })
    const told = existsSync(join(tools, "told")) ? readFileSync(join(tools, "told"), "utf8").trim().split("\n") : []
    return { code: exitCode, out: stdout.toString(), err: stderr.toString(), told }
  }

  test("tells it of the new unit, and starts it only when asked to", () => {
    expect(onMachine("install --json")).toMatchObject({ code: 0, told: ["daemon-reload"] })
    const { code, told, out } = onMachine("install --now; install --gpu --now; leave; ls /etc/systemd/system /usr/local/bin")
    expect({ code, told }).toEqual({
      code: 0,
      told: [
        ...["daemon-reload", "restart gatehouse.service"],
        ...["daemon-reload", "restart gatehouse-gpu.service"],
        ...["disable --now gatehouse.service gatehouse-gpu.service", "daemon-reload"],
      ],
    })
    expect(out).toEndWith("/etc/systemd/system:\nmulti-user.target.wants\n\n/usr/local/bin:\n")
  })

  test("says what systemd said when it refuses", () => {
    const { code, err } = onMachine("install --now", { REFUSES: "1" })
    expect(code).toBe(3)
    expect(err).toMatch(/files are in place, but systemctl daemon-reload ended with 1: .*journalctl -u gatehouse.service/)
  })
})

describe("uninstall", () => {
  async function used() {
    const machine = otherMachine()
    await installed(machine, "--gpu", "--profile", "x86")
    for (const path of ["var/lib/private/gatehouse", "var/cache/private/gatehouse"])
      mkdirSync(machine.file("root", path), { recursive: true })
    symlinkSync("private/gatehouse", machine.file("root/var/lib/gatehouse"))
    symlinkSync("private/gatehouse", machine.file("root/var/cache/gatehouse"))
    writeFileSync(machine.file("root/var/lib/private/gatehouse/gatehouse.db"), "people")
    return machine
  }

  test("leaves data and the owner's settings in place, and says where", async () => {
    using machine = await used()
    const { code, out } = await run("uninstall", "--root", machine.file("root"))
    expect(code).toBe(0)
    expect(out).toMatch(/left in place: \/var\/lib\/gatehouse, \/var\/lib\/private\/gatehouse, \/etc\/gatehouse; --purge --yes/)
    expect(readFileSync(machine.file("root/var/lib/gatehouse/gatehouse.db"), "utf8")).toBe("people")
    expect(readdirSync(machine.file("root/etc/gatehouse"))).toEqual(["gatehouse.env"])
    for (const gone of ["usr/local/bin/gatehouse", "var/cache/private/gatehouse"])
      expect(existsSync(machine.file("root", gone))).toBe(false)
    expect(lstatSync(machine.file("root/var/cache/gatehouse"), { throwIfNoEntry: false })).toBeUndefined()
    expect(readdirSync(machine.file("root/etc/systemd/system"))).toEqual(["multi-user.target.wants"])
    expect(readdirSync(machine.file("root", wants))).toEqual([])
    // Again: nothing is there, and that is fine.
    expect((await run("uninstall", "--root", machine.file("root"))).code).toBe(0)
  })

  test("hands over to a package that came meanwhile: its service is started at boot, and its people stay", async () => {
    using machine = await used()
    const root = machine.file("root")
    mkdirSync(join(root, "usr/bin"))
    writeFileSync(join(root, "usr/bin/gatehouse"), "")
    expect(await run("uninstall", "--root", root, "--purge", "--yes")).toMatchObject({
      code: 3,
      err: expect.stringContaining("apt-get purge gatehouse"),
    })
    expect(existsSync(join(root, "usr/local/bin/gatehouse"))).toBe(true)
    const { code, out } = await run("uninstall", "--root", root)
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringContaining("the package's gatehouse-gpu.service starts at the next boot"),
    })
    expect(readdirSync(join(root, wants))).toEqual(["gatehouse-gpu.service"])
    expect(readlinkSync(join(root, wants, "gatehouse-gpu.service"))).toBe("/usr/lib/systemd/system/gatehouse-gpu.service")
    expect(readdirSync(join(root, "etc/systemd/system"))).toEqual(["multi-user.target.wants"])
    expect(existsSync(join(root, "usr/local/bin/gatehouse"))).toBe(false)
    for (const left of ["var/lib/private/gatehouse/gatehouse.db", "var/cache/private/gatehouse", "etc/gatehouse/profile.env"])
      expect(existsSync(join(root, left))).toBe(true)
    // Again: there is nothing of install's any more, and the package's link is not.
    expect((await run("uninstall", "--root", root)).code).toBe(0)
    expect(readdirSync(join(root, wants))).toEqual(["gatehouse-gpu.service"])
  })

  test("purges only when that is confirmed", async () => {
    using machine = await used()
    const root = machine.file("root")
    expect(await run("uninstall", "--root", root, "--purge")).toMatchObject({ code: 3, err: expect.stringContaining("--yes") })
    expect(existsSync(join(root, "usr/local/bin/gatehouse"))).toBe(true)
    expect((await run("uninstall", "--root", root, "--purge", "--yes")).code).toBe(0)
    expect(readdirSync(join(root, "var/lib"))).toEqual(["private"])
    expect(existsSync(join(root, "etc/gatehouse"))).toBe(false)
  })
})
