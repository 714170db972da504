import { readFile, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import type { Result } from "../../app/base/result.ts"
import type { Target } from "../build/targets.ts"
import { runTool } from "../build/tools.ts"
import { versionMax } from "../portability/limits.ts"
import { type PackageEntry, packageContents, rpmDocs } from "./contents.ts"
import type { Order } from "./packer.ts"
import { stage } from "./stage.ts"
import { description, maintainer, summary } from "./words.ts"

const architectures = { x64: "x86_64", arm64: "aarch64" } as const satisfies Record<Target["arch"], string>

/** What scripts/check-portability holds the file to. rpmbuild's own search would see the program alone, not the libraries inside. */
const requires = [
  `libc.so.6(GLIBC_${versionMax.GLIBC})(64bit)`,
  `libstdc++.so.6(GLIBCXX_${versionMax.GLIBCXX})(64bit)`,
  `libstdc++.so.6(CXXABI_${versionMax.CXXABI})(64bit)`,
  "libgcc_s.so.1()(64bit)",
]

/** Makes `gatehouse-<version>-<revision>.<architecture>.rpm` by rpmbuild, on a machine of any architecture. */
export async function packRpm(order: Order): Promise<Result<string>> {
  const architecture = architectures[order.target.arch]
  const entries = [...packageContents(order.release), ...rpmDocs()]
  const tree = join(order.scratch, "rpm")
  await stage(entries, tree, order.epochSeconds)
  const scripts = await Promise.all(["post", "preun", "postun"].map(scriptSection))
  const spec = join(order.scratch, "gatehouse.spec")
  await writeFile(spec, specText(order, tree, entries, scripts.join("\n")))
  const made = await runTool(
    ["rpmbuild", "-bb", "--target", `${architecture}-linux`, "--define", `_topdir ${join(order.scratch, "rpmbuild")}`, spec],
    { cwd: order.scratch, env: { SOURCE_DATE_EPOCH: String(order.epochSeconds), LC_ALL: "C" } },
  )
  if (made.kind === "failed") return made
  const name = `gatehouse-${order.version}-${order.revision}.${architecture}.rpm`
  const path = join(order.out, name)
  await rename(join(order.scratch, "rpmbuild/RPMS", architecture, name), path)
  return { kind: "ok", value: path }
}

/** In a spec a percent sign begins a macro. */
async function scriptSection(name: string): Promise<string> {
  const text = await readFile(join(projectRoot, "scripts/packaging/rpm", name), "utf8")
  return `%${name}\n${text.replaceAll("%", "%%")}`
}

function specText(order: Order, tree: string, entries: readonly PackageEntry[], scripts: string): string {
  return `# The program is taken as it is: stripped, it would turn into plain Bun.
%global __os_install_post %{nil}
%global __arch_install_post %{nil}
%global debug_package %{nil}
%global _build_id_links none
# The same bytes whenever and wherever it is packed. xz: the RPM of old systems reads no zstd.
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
%global _buildhost gatehouse
%global _binary_payload ${order.quick ? "w.ufdio" : "w6T2.xzdio"}

Name: gatehouse
Version: ${order.version}
Release: ${order.revision}
Summary: ${summary}
License: Apache-2.0
AutoReqProv: no
${requires.map((one) => `Requires: ${one}`).join("\n")}

%description
${description.map((paragraph) => paragraph.join("\n")).join("\n\n")}

%install
mkdir -p %{buildroot}
cp -a ${tree}/. %{buildroot}/

${scripts}
%files
${entries.map(fileLine).join("\n")}

%changelog
* ${rpmDate(order.epochSeconds)} ${maintainer} - ${order.version}-${order.revision}
- Gatehouse ${order.version}; what is new stands in CHANGELOG.md
`
}

function fileLine(entry: PackageEntry): string {
  const attributes = `%attr(${entry.mode.toString(8).padStart(4, "0")}, root, root)`
  if (entry.kind === "folder") return `%dir ${attributes} ${entry.path}`
  if (entry.isOwners) return `%config(noreplace) ${attributes} ${entry.path}`
  if (entry.path.startsWith("/usr/share/licenses/")) return `%license ${attributes} ${entry.path}`
  return `${entry.path.startsWith("/usr/share/doc/") ? "%doc " : ""}${attributes} ${entry.path}`
}

/** `Sat Nov 21 2026`, as change logs of RPM have it. */
function rpmDate(epochSeconds: number): string {
  const [weekday, day, month, year] = new Date(epochSeconds * 1000).toUTCString().replace(",", "").split(" ")
  return [weekday, month, day, year].join(" ")
}
