import { readFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { unreachable } from "../../app/base/assert.ts"
import { projectRoot } from "../../app/base/paths.ts"
import { installLayout, type LayoutEntry } from "../../app/cli/install/layout.ts"
import { readUnits } from "../../app/cli/install/units.ts"
import { archiveReadme, licenceNote, maintainer } from "./words.ts"

/** What a package puts onto a machine; all of it belongs to root. */
export type PackageEntry =
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  | {
      readonly kind: "file"
      /** Absolute, as the machine sees it. */
      readonly path: string
      readonly mode: number
      /** A file here, or the bytes themselves. */
      readonly from: string | { readonly bytes: Uint8Array }
      /** The owner's from then on: kept at an upgrade and at a removal. */
      readonly isOwners: boolean
    }

/** What build.ts made for one processor family. */
export interface Release {
  readonly program: string
  /** Its bill of materials, with the licence of everything inside. */
  readonly materials: string
}

const docsFolder = "/usr/share/doc/gatehouse"

/** What all packages hold: the files of the layout, and beside them bill of materials and configurations to start from. */
export function packageContents(release: Release): readonly PackageEntry[] {
  const { entries } = installLayout({ way: "package", units: readUnits(), variant: "cpu" })
  const laidOut = entries.map((entry) => laidOutEntry(entry, release))
  const docs: PackageEntry[] = [
    { kind: "folder", path: docsFolder, mode: 0o755 },
    { kind: "file", path: `${docsFolder}/gatehouse.cdx.json`, mode: 0o644, from: release.materials, isOwners: false },
    { kind: "folder", path: `${docsFolder}/examples`, mode: 0o755 },
    ...exampleConfigs().map((name) => copyOf(`${docsFolder}/examples/${name}`, join("edge-config", name))),
  ]
  return [...laidOut, ...docs]
}

function laidOutEntry(entry: LayoutEntry, release: Release): PackageEntry {
  switch (entry.kind) {
    case "folder":
      return entry
    case "program":
      return { kind: "file", path: entry.path, mode: entry.mode, from: release.program, isOwners: false }
    case "text":
      return textEntry(entry.path, entry.text, entry)
    case "link":
      // Which unit starts at boot is a decision of the machine's owner: the scripts of the package make it, once.
      throw new Error(`a package holds no link, and the layout has ${entry.path}`)
    default:
      return unreachable(entry)
  }
}

/** The configurations with all their comments: the default one and the profiles. */
export function exampleConfigs(): string[] {
  return [...new Bun.Glob("*.jsonc").scanSync(join(projectRoot, "edge-config"))].sort()
}

/** What Debian's policy wants beside: the licence note and two change logs, packed without the time of packing. */
export function debianDocs(packageVersion: string, epochSeconds: number): readonly PackageEntry[] {
  const date = new Date(epochSeconds * 1000).toUTCString().replace("GMT", "+0000")
  const log = `gatehouse (${packageVersion}) stable; urgency=medium

  * What is new stands in changelog.gz.

 -- ${maintainer}  ${date}
`
  return [
    textEntry(`${docsFolder}/copyright`, licenceNote),
    textEntry(`${docsFolder}/changelog.Debian.gz`, gzipSync(log, { level: 9 })),
    textEntry(`${docsFolder}/changelog.gz`, gzipSync(readFileSync(join(projectRoot, "CHANGELOG.md")), { level: 9 })),
  ]
}

/** Where systems with RPM look for the same. */
export function rpmDocs(): readonly PackageEntry[] {
  return [
    { kind: "folder", path: "/usr/share/licenses/gatehouse", mode: 0o755 },
    copyOf("/usr/share/licenses/gatehouse/LICENSE", "LICENSE"),
    textEntry("/usr/share/licenses/gatehouse/copyright", licenceNote),
    copyOf(`${docsFolder}/CHANGELOG.md`, "CHANGELOG.md"),
  ]
}

/** A folder to unpack anywhere: `gatehouse install` puts the program inside onto the machine. */
export function archiveContents(release: Release, version: string, target: string): readonly PackageEntry[] {
  return [
    { kind: "file", path: "/gatehouse", mode: 0o755, from: release.program, isOwners: false },
    { kind: "file", path: "/gatehouse.cdx.json", mode: 0o644, from: release.materials, isOwners: false },
    textEntry("/README", archiveReadme(version, target)),
    textEntry("/copyright", licenceNote),
    ...["LICENSE", "CHANGELOG.md"].map((name) => copyOf(`/${name}`, name)),
    { kind: "folder", path: "/edge-config", mode: 0o755 },
    ...exampleConfigs().map((name) => copyOf(`/edge-config/${name}`, join("edge-config", name))),
  ]
}

export function textEntry(path: string, text: string | Uint8Array, { mode = 0o644, isOwners = false } = {}): PackageEntry {
  return { kind: "file", path, mode, from: { bytes: typeof text === "string" ? Buffer.from(text) : text }, isOwners }
}

function copyOf(path: string, own: string): PackageEntry {
  return { kind: "file", path, mode: 0o644, from: join(projectRoot, own), isOwners: false }
}
