import { afterAll, describe, expect, test } from "bun:test"
import { mkdirSync, readFileSync, readlinkSync, renameSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { parseClaimCode } from "../../app/access/claim-code.ts"
import { claimCodePath, installLayout, ownersPath, profilePath, wantsFolder } from "../../app/cli/install/layout.ts"
import { readUnits } from "../../app/cli/install/units.ts"
import { flash } from "../../scripts/flashing/flash.ts"
import { openImageTarget } from "../../scripts/flashing/image.ts"
import { tempFolder } from "../support/shared.ts"
import { run, sha256OfFile, succeed } from "./commands.ts"
import { standInRelease } from "./packages.ts"
import { partitionStart, stillSystem } from "./still-system.ts"

/** Raw images, by somebody without special rights and without anything being mounted; with a stand-in for the program. */
const folder = tempFolder()
afterAll(() => folder[Symbol.dispose]())
const program = standInRelease(folder.file("release"), "x64")
const layout = installLayout({ way: "machine", units: readUnits(), variant: "cpu" }).entries

const flashCli = (...options: readonly string[]) =>
  run([process.execPath, "scripts/flashing/main.ts", "--program", program, ...options])

/** What an image holds, by e2fsprogs' own words and not by what flashing reads back with. */
async function holds(image: string, path: string) {
  const to = folder.file("dumped")
  const { out, said } = await run(["/usr/sbin/debugfs", "-R", `stat ${path}`, image])
  if (said.includes("not found")) return undefined
  await run(["/usr/sbin/debugfs", "-R", `dump ${path} ${to}`, image])
  const [mode, user] = [/Mode: {2}(\d+)/.exec(out)?.[1], /User: +(\d+)/.exec(out)?.[1]]
  return {
    mode,
    user,
    link: /Fast link dest: "(.*)"/.exec(out)?.[1],
    sha256: await sha256OfFile(to),
    text: await Bun.file(to).text(),
  }
}

describe.each([false, true])("an image, with a table of partitions: %p", (partitioned) => {
  test("becomes a box, whole and sound", async () => {
    using system = stillSystem()
    const image = await system.makeImage({ partitioned })
    const { code, out, said } = await flashCli("--image", image, "--profile", "x86")
    expect([code, said]).toEqual([0, ""])
    expect(out).toContain("Test System 1")
    expect(out).toContain("clean")

    const files = partitioned ? `${image}?offset=${partitionStart * 512}` : image
    await succeed(["/usr/sbin/e2fsck", "-fn", files])
    for (const entry of layout) {
      const found = await holds(files, entry.path)
      if (entry.kind === "program")
        expect(found).toMatchObject({ mode: "0755", user: "0", sha256: await sha256OfFile(program) })
      if (entry.kind === "text") expect(found).toMatchObject({ user: "0", text: entry.text })
      if (entry.kind === "link") expect(found).toMatchObject({ link: entry.target })
    }
    expect((await holds(files, profilePath))?.text).toContain("GATEHOUSE_PROFILE=x86\n")
    const code_ = /^Claim code: (\S+)$/m.exec(out)?.[1] ?? ""
    expect(parseClaimCode(code_).kind).toBe("ok")
    expect(await holds(files, claimCodePath)).toMatchObject({ mode: "0600", user: "0", text: `${code_}\n` })
    const preset = await holds(files, "/etc/systemd/system-preset/50-gatehouse.preset")
    expect(preset?.text).toBe("enable gatehouse.service\ndisable gatehouse-gpu.service\n")
    // What only some systems need is not there.
    expect(await holds(files, "/.autorelabel")).toBeUndefined()
    expect(await holds(files, "/etc/systemd/system/gatehouse.service.d/claim-code.conf")).toBeUndefined()
  })
})

test("a folder with a root file system becomes a box, and a link in it does not lead out of it", async () => {
  using system = stillSystem()
  mkdirSync(`${system.root}/var/etc-systemd`, { recursive: true })
  symlinkSync("/var/etc-systemd", `${system.root}/etc/systemd`)
  // Whoever runs the tests is root in there, and what is made belongs to them.
  const asRoot = process.getuid?.() === 0 ? [] : ["unshare", "--map-root-user"]
  const cli = [...asRoot, process.execPath, "scripts/flashing/main.ts", "--program", program]
  const { code, out, said } = await run([...cli, "--root", system.root])
  expect([code, said]).toEqual([0, ""])
  const at = (path: string) => `${system.root}${path}`
  expect(await sha256OfFile(at("/usr/local/bin/gatehouse"))).toBe(await sha256OfFile(program))
  expect(readFileSync(at(claimCodePath), "utf8")).toBe(`${/^Claim code: (\S+)$/m.exec(out)?.[1]}\n`)
  expect(statSync(at(claimCodePath)).mode & 0o777).toBe(0o600)
  expect(readlinkSync(at("/var/etc-systemd/system/multi-user.target.wants/gatehouse.service"))).toBe(
    "/etc/systemd/system/gatehouse.service",
  )
  const running = await run([...cli, "--root", "/"])
  expect([running.code, running.said]).toEqual([1, expect.stringContaining("gatehouse install")])
  const both = await run([...cli, "--root", system.root, "--image", "system.img"])
  expect([both.code, both.said]).toEqual([1, expect.stringContaining("either --root or --image")])
})

test("flashed again, with another code and for an accelerator: the owner's settings stay, one unit starts", async () => {
  using system = stillSystem()
  const image = await system.makeImage()
  expect((await flashCli("--image", image, "--claim-code", "7k3qm x9d2a")).code).toBe(0)
  expect((await holds(image, claimCodePath))?.text).toBe("7K3QMX9D2A\n")
  const own = folder.file("own.env")
  writeFileSync(own, "GATEHOUSE_LOG=debug\n")
  const etc = ownersPath.slice(0, ownersPath.lastIndexOf("/"))
  await succeed([
    "sh",
    "-c",
    `printf 'rm ${ownersPath}\ncd ${etc}\nwrite ${own} gatehouse.env\n' | /usr/sbin/debugfs -w -f - ${image}`,
  ])
  expect((await flashCli("--image", image, "--gpu", "--claim-code", "none")).code).toBe(0)
  expect((await holds(image, ownersPath))?.text).toBe("GATEHOUSE_LOG=debug\n")
  expect(await holds(image, claimCodePath)).toBeUndefined()
  expect(await holds(image, `${wantsFolder}/gatehouse.service`)).toBeUndefined()
  expect((await holds(image, `${wantsFolder}/gatehouse-gpu.service`))?.link).toBe("/etc/systemd/system/gatehouse-gpu.service")
})

test("links of the system are followed as the system will: nothing is written outside or in their place", async () => {
  using system = stillSystem()
  mkdirSync(`${system.root}/var/etc-systemd`, { recursive: true })
  symlinkSync("/var/etc-systemd", `${system.root}/etc/systemd`)
  const image = await system.makeImage()
  expect((await flashCli("--image", image)).code).toBe(0)
  expect((await holds(image, "/etc/systemd"))?.link).toBe("/var/etc-systemd")
  expect(await holds(image, "/var/etc-systemd/system/gatehouse.service")).toMatchObject({ mode: "0644", user: "0" })
  await succeed(["/usr/sbin/e2fsck", "-fn", image])
})

test("a systemd that hands on no credentials gets the claim code in another way", async () => {
  using system = stillSystem({ systemd: 245, libraries: "/lib/x86_64-linux-gnu" })
  const image = await system.makeImage()
  expect((await flashCli("--image", image)).code).toBe(0)
  const dropIn = await holds(image, "/etc/systemd/system/gatehouse.service.d/claim-code.conf")
  expect(dropIn?.text).toContain("GATEHOUSE_CLAIM_CODE_FILE=%t/gatehouse/claim-code")
})

test("where SELinux guards the system, the first boot labels what came from outside", async () => {
  using system = stillSystem()
  system.write("/etc/selinux/config", "SELINUX=enforcing\n")
  const image = await system.makeImage()
  expect((await flashCli("--image", image)).code).toBe(0)
  expect(await holds(image, "/.autorelabel")).toMatchObject({ user: "0", text: "" })
})

test("a byte that is not written as it should be is noticed", async () => {
  using system = stillSystem()
  const image = await system.makeImage()
  const target = await openImageTarget(image)
  if (target.kind === "failed") throw new Error(target.why)
  const damaged = folder.file("damaged")
  const bytes = Buffer.from(await Bun.file(program).bytes())
  bytes[100_000]! ^= 1
  writeFileSync(damaged, bytes)
  const { place } = target.value
  const worn = {
    ...target.value,
    place: (...[entries, , removed]: Parameters<typeof place>) => place(entries, damaged, removed),
  }
  const flashed = await flash(worn, program, { variant: "cpu", profile: undefined, claimCode: undefined })
  expect(flashed).toMatchObject({ kind: "failed", why: expect.stringContaining("was read back with SHA-256") })
})

describe("what cannot become a box is refused with the remedy, and stays as it was", () => {
  const refused = async (image: string, ...options: readonly string[]) => {
    const before = await sha256OfFile(image)
    const { code, said } = await flashCli("--image", image, ...options)
    expect([code, await sha256OfFile(image)]).toEqual([1, before])
    return said
  }

  test.each([
    [
      "for another processor",
      { arch: "arm64", libraries: "/lib/aarch64-linux-gnu" },
      /is for arm64, and the program for x64: take the other file/,
    ],
    ["without glibc", { libraries: "/usr/lib/musl" }, /has no glibc: take a distribution with it/],
    ["too old a C library", { glibc: "2.27" }, /has glibc 2.27, and the program needs 2.28: take a newer system/],
  ] as const)("%s", async (_, options, expected) => {
    using system = stillSystem(options)
    expect(await refused(await system.makeImage())).toMatch(expected)
  })

  test("without systemd", async () => {
    using system = stillSystem()
    renameSync(`${system.root}/usr/lib/systemd`, `${system.root}/usr/lib/other`)
    expect(await refused(await system.makeImage())).toContain("has no systemd")
  })

  test("with the package in it", async () => {
    using system = stillSystem()
    system.write("/usr/bin/gatehouse", "of a package")
    expect(await refused(await system.makeImage())).toContain("update it with the package, or remove it first")
  })

  test("without room", async () => {
    using system = stillSystem()
    expect(await refused(await system.makeImage({ megabytes: 32 }))).toContain("make image and file system larger")
  })

  test("a file system that was not closed well", async () => {
    using system = stillSystem()
    const image = await system.makeImage()
    await succeed(["/usr/sbin/debugfs", "-w", "-R", "set_super_value state 0", image])
    expect(await refused(image)).toContain("e2fsck -f")
  })

  test("a damaged file system", async () => {
    using system = stillSystem()
    const image = await system.makeImage()
    await succeed(["/usr/sbin/debugfs", "-w", "-R", "set_inode_field /usr/lib/os-release links_count 7", image])
    expect(await refused(image)).toContain("mend it with e2fsck -f, then flash again")
  })

  test.each([
    ["fd377a585a0000", "unxz"],
    ["514649fb00000003", "qemu-img convert -O raw"],
    ["3aff26ed01000000", "simg2img"],
    ["00", "neither an ext file system nor a table of partitions"],
  ])("what is no raw image: %s", async (start, remedy) => {
    const image = folder.file("wrapped.img")
    writeFileSync(image, Buffer.from(start, "hex"))
    truncateSync(image, 10_000)
    expect(await refused(image)).toContain(remedy)
  })

  test("a partition that is not there", async () => {
    using system = stillSystem()
    expect(await refused(await system.makeImage({ partitioned: true }), "--partition", "3")).toContain("these do: 1")
  })

  test("a folder in which something has the name of a file", async () => {
    using system = stillSystem()
    system.write("/usr/local/bin/gatehouse/x", "")
    const asRoot = ["unshare", "--user", "--map-root-user"]
    const flashing = [process.execPath, "scripts/flashing/main.ts", "--program", program, "--root", system.root]
    const { code, said } = await run([...asRoot, ...flashing])
    expect([code, said.trim()]).toEqual([
      1,
      expect.stringMatching(/^flash: .*a folder has the name of that file: move it away$/),
    ])
  })

  test("a claim code that is none, a profile that is none", async () => {
    using system = stillSystem()
    const image = await system.makeImage()
    expect(await refused(image, "--claim-code", "1234")).toContain("a claim code has 10")
    expect(await refused(image, "--profile", "toaster")).toContain("jetson-orin")
  })
})
