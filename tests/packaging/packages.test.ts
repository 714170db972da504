import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { version } from "../../app/base/version.ts"
import { installLayout } from "../../app/cli/install/layout.ts"
import { readUnits } from "../../app/cli/install/units.ts"
import { tempFolder } from "../support/shared.ts"
import { run, sha256OfFile, succeed } from "./commands.ts"
import { pack, standInRelease } from "./packages.ts"

/** What is in the packages, by the tools of those who receive them; with stand-ins for the program. */
const folder = tempFolder()
afterAll(() => folder[Symbol.dispose]())

const layout = installLayout({ way: "package", units: readUnits(), variant: "cpu" }).entries
const architectures = [
  { arch: "x64", debian: "amd64", rpm: "x86_64" },
  { arch: "arm64", debian: "arm64", rpm: "aarch64" },
] as const

describe.skipIf(Bun.which("rpmbuild") === null)("packages", () => {
  describe.each(architectures)("$arch", ({ arch, debian, rpm }) => {
    const out = folder.file(arch)
    const deb = join(out, `gatehouse_${version}-1_${debian}.deb`)
    const redHat = join(out, `gatehouse-${version}-1.${rpm}.rpm`)
    const archive = join(out, `gatehouse-${version}-linux-${arch}.tar.zst`)
    let program = ""
    beforeAll(async () => {
      program = standInRelease(folder.file("release"), arch)
      expect(await pack(folder.file("release"), out, `linux-${arch}`)).toEqual([deb, redHat, archive])
    })

    test("the .deb holds the files of the layout, and says what it is", async () => {
      const listed = await succeed(["dpkg-deb", "--contents", deb])
      const lines = listed.trim().split("\n")
      expect(lines.filter((line) => !line.includes(" root/root "))).toEqual([])
      const modes = new Map(lines.map((line) => [line.replace(/.* \.(\/.*?)\/?$/, "$1"), line.slice(0, 10)]))
      expect(modes.get("/usr/bin/gatehouse")).toBe("-rwxr-xr-x")
      expect(modes.get("/etc/gatehouse/gatehouse.env")).toBe("-rw-------")
      for (const { path } of layout) expect([path, modes.has(path)]).toEqual([path, true])
      for (const path of ["copyright", "changelog.gz", "changelog.Debian.gz", "gatehouse.cdx.json", "examples/default.jsonc"])
        expect([path, modes.get(`/usr/share/doc/gatehouse/${path}`)]).toEqual([path, "-rw-r--r--"])

      const fields = await succeed(["dpkg-deb", "--field", deb, "Architecture", "Version", "Depends"])
      expect(fields).toBe(
        `Architecture: ${debian}\nVersion: ${version}-1\nDepends: libc6 (>= 2.28), libstdc++6 (>= 7), libgcc-s1 | libgcc1\n`,
      )
      await succeed(["dpkg-deb", "--raw-extract", deb, join(out, "raw")])
      expect(await sha256OfFile(join(out, "raw/usr/bin/gatehouse"))).toBe(await sha256OfFile(program))
      expect(readFileSync(join(out, "raw/DEBIAN/conffiles"), "utf8")).toBe("/etc/gatehouse/gatehouse.env\n")
      expect(statSync(join(out, "raw/usr/bin/gatehouse")).mtimeMs).toBe(1_700_000_000_000)
    })

    test("the .rpm holds the same, whole, for its architecture", async () => {
      // Path, size, time, digest, mode, owner, group, whether it is configuration, documentation.
      const dumped = await succeed(["rpm", "--query", "--package", "--dump", redHat])
      const entries = new Map(
        dumped
          .trim()
          .split("\n")
          .map((line) => [line.split(" ")[0]!, line.split(" ").slice(1)]),
      )
      expect([...entries.values()].filter((fields) => fields[4] !== "root" || fields[5] !== "root")).toEqual([])
      expect(entries.get("/usr/bin/gatehouse")?.slice(2, 4)).toEqual([await sha256OfFile(program), "0100755"])
      expect(entries.get("/etc/gatehouse/gatehouse.env")?.slice(3, 7)).toEqual(["0100600", "root", "root", "1"])
      for (const { path } of layout) expect([path, entries.has(path)]).toEqual([path, true])
      for (const unit of ["gatehouse.service", "gatehouse-gpu.service"]) {
        const here = await sha256OfFile(join(projectRoot, "edge-config/systemd", unit))
        expect(entries.get(`/usr/lib/systemd/system/${unit}`)?.[2]).toBe(here)
      }
      expect([...entries.keys()].filter((path) => path.includes("build-id"))).toEqual([])

      const told = await succeed(["rpm", "--query", "--package", "--queryformat", "%{ARCH} %{OS} %{LICENSE}", redHat])
      expect(told).toBe(`${rpm} linux Apache-2.0`)
      const requires = (await succeed(["rpm", "--query", "--package", "--requires", redHat])).trim().split("\n")
      expect(requires).toContain("libc.so.6(GLIBC_2.28)(64bit)")
      expect(requires).toContain("libstdc++.so.6(GLIBCXX_3.4.22)(64bit)")
      const scripts = await succeed(["rpm", "--query", "--package", "--scripts", redHat])
      for (const name of ["post", "preun", "postun"])
        expect(scripts).toContain(readFileSync(join(projectRoot, "scripts/packaging/rpm", name), "utf8").trim())
      expect((await succeed(["rpm", "--checksig", "--nosignature", redHat])).trim()).toEndWith("digests OK")
    })

    test("the archive holds one folder with the program and what to read", async () => {
      await succeed(["tar", "--zstd", "-xf", archive, "-C", out])
      const inside = join(out, `gatehouse-${version}-linux-${arch}`)
      expect(await sha256OfFile(join(inside, "gatehouse"))).toBe(await sha256OfFile(program))
      expect(statSync(join(inside, "gatehouse")).mode & 0o777).toBe(0o755)
      expect(readFileSync(join(inside, "README"), "utf8")).toContain("sudo ./gatehouse install")
      expect(readFileSync(join(inside, "LICENSE"), "utf8")).toContain("Apache License")
    })

    test("packed again, by somebody with other habits, they are the same to the byte", async () => {
      using elsewhere = tempFolder()
      const asked = ["--quick", "--from", folder.file("release"), "--out", elsewhere.path, "--target", `linux-${arch}`]
      const command = ["sh", "-c", `umask 077; exec "$@"`, "sh", process.execPath, "scripts/packaging/main.ts", ...asked]
      await succeed(command, { SOURCE_DATE_EPOCH: "1700000000", TMPDIR: elsewhere.path, TZ: "Asia/Shanghai" })
      for (const path of [deb, redHat, archive])
        expect(await sha256OfFile(elsewhere.file(path.slice(out.length)))).toBe(await sha256OfFile(path))
    })
  })

  describe("a release that is not whole is not packed", () => {
    const packed = async (change: (program: string) => Promise<unknown>) => {
      using release = tempFolder()
      await change(standInRelease(release.path, "arm64"))
      const asked = ["--quick", "--from", release.path, "--out", release.file("out"), "--target", "linux-arm64"]
      const { code, said } = await run([process.execPath, "scripts/packaging/main.ts", ...asked])
      expect(code).toBe(1)
      return said
    }

    test("changed behind its hash", async () => {
      expect(await packed((program) => Bun.write(program, Buffer.alloc(999)))).toContain("fetch or build it again")
    })
    test("for another processor", async () => {
      const said = await packed(async (program) => {
        const other = standInRelease(join(program, "../other"), "x64")
        for (const end of ["", ".sha256"]) await Bun.write(`${program}${end}`, Bun.file(`${other}${end}`))
      })
      expect(said).toContain("for x64, not for arm64")
    })
    test("not there", async () => {
      expect(await packed((program) => Bun.file(program).delete())).toContain("build.ts --target linux-arm64")
    })
  })
})

test.each(["deb/postinst", "deb/prerm", "deb/postrm", "rpm/post", "rpm/preun", "rpm/postun"])(
  "%s is understood by a plain shell",
  async (name) => {
    await succeed(["dash", "-n", join("scripts/packaging", name)])
  },
)
