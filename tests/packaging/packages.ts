import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { version } from "../../app/base/version.ts"
import { sha256Of } from "../../scripts/build/tools.ts"
import { succeed } from "./commands.ts"

/** A file that says of itself to be a program for this processor family, with something behind its code that `strip` would take. */
export function standInProgram(arch: "x64" | "arm64"): Buffer {
  const header = Buffer.alloc(64)
  header.writeUInt32BE(0x7f454c46)
  header.writeUInt16LE(0x0102, 4)
  header.writeUInt16LE({ x64: 62, arm64: 183 }[arch], 18)
  return Buffer.concat([header, Buffer.alloc(200_000, "what only Bun looks for ")])
}

/** A folder as build.ts leaves it, with a stand-in for the program. @returns the program */
export function standInRelease(folder: string, arch: "x64" | "arm64"): string {
  mkdirSync(folder, { recursive: true })
  const program = join(folder, `gatehouse-${version}-linux-${arch}`)
  const bytes = standInProgram(arch)
  writeFileSync(program, bytes)
  writeFileSync(`${program}.sha256`, `${sha256Of(bytes)}  gatehouse-${version}-linux-${arch}\n`)
  writeFileSync(`${program}.cdx.json`, "{}\n")
  return program
}

/** Packs what lies in `from`, as somebody would by hand. @returns the paths of .deb, .rpm and .tar.zst */
export async function pack(from: string, out: string, target: string, ...more: readonly string[]): Promise<readonly string[]> {
  const asked = ["--quick", "--from", from, "--out", out, "--target", target, ...more]
  const said = await succeed([process.execPath, "scripts/packaging/main.ts", ...asked], { SOURCE_DATE_EPOCH: "1700000000" })
  return said
    .trim()
    .split("\n")
    .map((line) => line.slice(0, line.indexOf(": ")))
}
