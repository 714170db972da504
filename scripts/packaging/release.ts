import { readFile } from "node:fs/promises"
import { basename, join } from "node:path"
import type { Result } from "../../app/base/result.ts"
import type { Target } from "../build/targets.ts"
import { sha256Of } from "../build/tools.ts"
import type { Release } from "./contents.ts"
import { elfMachine } from "./elf-machine.ts"

/** Finds what build.ts made for a target, and makes sure that it is whole. */
export async function findRelease(folder: string, version: string, target: Target): Promise<Result<Release>> {
  const program = join(folder, `gatehouse-${version}-${target.name}`)
  const materials = `${program}.cdx.json`
  for (const path of [program, materials]) {
    if (!(await Bun.file(path).exists())) {
      return { kind: "failed", why: `${path} is missing: run .tools/bin/bun run build.ts --target ${target.name}` }
    }
  }
  const checked = await checkProgram(program, target.arch)
  return checked.kind === "ok" ? { kind: "ok", value: { program, materials } } : checked
}

/**
 * Whether a compiled file is what it should be: by the hash beside it, where there is one, and by the processor it is for.
 * @returns its SHA-256 and its processor
 */
export async function checkProgram(
  path: string,
  arch?: Target["arch"],
): Promise<Result<{ sha256: string; arch: Target["arch"]; bytes: number }>> {
  const bytes = await readFile(path)
  const sha256 = sha256Of(bytes)
  const beside = Bun.file(`${path}.sha256`)
  const told = (await beside.exists()) ? (await beside.text()).split(" ")[0] : sha256
  if (told !== sha256) {
    const why = `${path} has SHA-256 ${sha256}, and ${basename(path)}.sha256 says ${told}: fetch or build it again`
    return { kind: "failed", why }
  }
  const machine = elfMachine(bytes)
  if (machine === undefined || (arch !== undefined && machine !== arch)) {
    const is = machine === undefined ? "no program for x86-64 or ARM64" : `for ${machine}, not for ${arch}`
    return { kind: "failed", why: `${path} is ${is}: take the file that build.ts made` }
  }
  return { kind: "ok", value: { sha256, arch: machine, bytes: bytes.length } }
}
