import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import type { Result } from "../../app/base/result.ts"
import type { Target } from "../build/targets.ts"
import { runTool } from "../build/tools.ts"
import { versionMax } from "../portability/limits.ts"
import { debianDocs, type PackageEntry, packageContents, textEntry } from "./contents.ts"
import type { Order } from "./packer.ts"
import { stage } from "./stage.ts"
import { description, maintainer, summary } from "./words.ts"

const architectures = { x64: "amd64", arm64: "arm64" } as const satisfies Record<Target["arch"], string>

/** What scripts/check-portability holds the file to. CXXABI 1.3.11 came with GCC 7; libgcc had another name before GCC 10. */
const depends = `libc6 (>= ${versionMax.GLIBC}), libstdc++6 (>= 7), libgcc-s1 | libgcc1`

/** Makes `gatehouse_<version>-<revision>_<architecture>.deb` by dpkg-deb. */
export async function packDeb(order: Order): Promise<Result<string>> {
  const packageVersion = `${order.version}-${order.revision}`
  const architecture = architectures[order.target.arch]
  const entries = [...packageContents(order.release), ...debianDocs(packageVersion, order.epochSeconds)]
  const tree = join(order.scratch, "deb")
  await stage([...entries, ...(await controlEntries(entries, packageVersion, architecture))], tree, order.epochSeconds)
  const path = join(order.out, `gatehouse_${packageVersion}_${architecture}.deb`)
  // xz: dpkg of Debian 11 and of what is built upon it reads no zstd.
  const compression = order.quick ? ["-Znone"] : ["-Zxz", "-z6"]
  const made = await runTool(["dpkg-deb", "--root-owner-group", ...compression, "--build", tree, path], {
    cwd: order.scratch,
    // What dpkg-deb itself writes is as old as the rest.
    env: { SOURCE_DATE_EPOCH: String(order.epochSeconds) },
  })
  return made.kind === "ok" ? { kind: "ok", value: path } : made
}

/** What dpkg reads of a package: what it is, the hashes `dpkg --verify` compares, the owner's files, and the scripts. */
async function controlEntries(
  entries: readonly PackageEntry[],
  packageVersion: string,
  architecture: string,
): Promise<readonly PackageEntry[]> {
  const files = entries.filter((entry) => entry.kind === "file")
  const contents = await Promise.all(
    files.map(async ({ path, from }) => ({ path, bytes: typeof from === "string" ? await readFile(from) : from.bytes })),
  )
  const md5sums = contents.map(({ path, bytes }) => `${createHash("md5").update(bytes).digest("hex")}  ${path.slice(1)}\n`)
  const installedKb = Math.ceil(contents.reduce((total, { bytes }) => total + bytes.length, 0) / 1024)
  const owners = files.filter(({ isOwners }) => isOwners).map(({ path }) => `${path}\n`)
  return [
    { kind: "folder", path: "/DEBIAN", mode: 0o755 },
    textEntry("/DEBIAN/control", controlText(packageVersion, architecture, installedKb)),
    textEntry("/DEBIAN/md5sums", md5sums.sort().join("")),
    textEntry("/DEBIAN/conffiles", owners.join("")),
    ...["postinst", "prerm", "postrm"].map((name): PackageEntry => {
      const from = join(projectRoot, "scripts/packaging/deb", name)
      return { kind: "file", path: `/DEBIAN/${name}`, mode: 0o755, from, isOwners: false }
    }),
  ]
}

function controlText(packageVersion: string, architecture: string, installedKb: number): string {
  return `Package: gatehouse
Version: ${packageVersion}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${installedKb}
Depends: ${depends}
Section: net
Priority: optional
Description: ${summary}
${description.map((paragraph) => paragraph.map((line) => ` ${line}\n`).join("")).join(" .\n")}`
}
