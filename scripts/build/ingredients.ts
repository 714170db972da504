import { chmod, copyFile, mkdir } from "node:fs/promises"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import type { Result } from "../../app/base/result.ts"
import { isHere, type Target } from "./targets.ts"
import { replaceFile, runTool, sha256Of } from "./tools.ts"

/** What a target is made of besides the sources. */
export interface Ingredients {
  /** The `node_modules` whose native packages are those of the target. */
  readonly packages: string
  /** Bun for the target: the program without contents. */
  readonly bun: string
}

const kept = join(projectRoot, ".cache/build")

/** For this machine everything is there; for another one it is fetched into `.cache/build` once, by the lock file's hashes. */
export async function obtainIngredients(target: Target): Promise<Result<Ingredients>> {
  const index = await compileIndex(target)
  if (index.kind === "failed") return index
  const packages = isHere(target)
    ? { kind: "ok" as const, value: join(projectRoot, "node_modules") }
    : await installPackages(target)
  if (packages.kind === "failed") return packages
  const bun = await obtainBun(target)
  if (bun.kind === "failed") return bun
  return { kind: "ok", value: { packages: packages.value, bun: bun.value } }
}

/** The index library of the target in `.cache/native`. */
async function compileIndex(target: Target): Promise<Result<void>> {
  const compiler = process.env.CXX ?? (isHere(target) ? "g++" : target.crossCompiler)
  if (Bun.which(compiler) === null) {
    const debian = compiler.replace(/^(.*)-g\+\+$/, "g++-$1").replaceAll("_", "-")
    return {
      kind: "failed",
      why: `${compiler} compiles the index library for ${target.name}, and is missing: apt-get install ${debian}`,
    }
  }
  const script = join(projectRoot, "scripts/build-hnswlib.ts")
  return await runTool([process.execPath, script, "--arch", target.arch], { cwd: projectRoot, env: { CXX: compiler } })
}

async function installPackages(target: Target): Promise<Result<string>> {
  const folder = join(kept, `packages-${target.arch}`)
  await mkdir(folder, { recursive: true })
  for (const file of ["package.json", "bun.lock"]) await copyFile(join(projectRoot, file), join(folder, file))
  const flags = ["--frozen-lockfile", "--production", "--ignore-scripts", "--os", "linux", "--cpu", target.arch]
  const installed = await runTool([process.execPath, "install", ...flags], { cwd: folder })
  return installed.kind === "failed" ? installed : { kind: "ok", value: join(folder, "node_modules") }
}

async function obtainBun(target: Target): Promise<Result<string>> {
  const pins = await Bun.file(join(projectRoot, "scripts/bun.txt")).text()
  const wanted = new RegExp(`^([0-9a-f]{64}) ${target.bunPackage}$`, "m").exec(pins)?.[1]
  if (wanted === undefined) return { kind: "failed", why: `scripts/bun.txt has no SHA-256 of ${target.bunPackage}` }
  const path = join(kept, `bun-${Bun.version}-${target.arch}`)
  if (await isFile(path, wanted)) return { kind: "ok", value: path }
  if (isHere(target) && (await isFile(process.execPath, wanted))) return { kind: "ok", value: process.execPath }

  const folder = join(kept, `fetched-${target.arch}`)
  await replaceFile(join(folder, "package.json"), `{ "private": true }\n`)
  const name = `@oven/${target.bunPackage}`
  const flags = ["--exact", "--ignore-scripts", "--os", "linux", "--cpu", target.arch]
  const added = await runTool([process.execPath, "add", ...flags, `${name}@${Bun.version}`], { cwd: folder })
  if (added.kind === "failed") return added
  const fetched = join(folder, "node_modules", name, "bin/bun")
  if (!(await isFile(fetched, wanted))) {
    return {
      kind: "failed",
      why: `what arrived as ${name}@${Bun.version} has not the SHA-256 of scripts/bun.txt: look at your registry`,
    }
  }
  await replaceFile(path, await Bun.file(fetched).bytes(), 0o755)
  await chmod(path, 0o755)
  return { kind: "ok", value: path }
}

async function isFile(path: string, sha256: string): Promise<boolean> {
  const file = Bun.file(path)
  return (await file.exists()) && sha256Of(await file.bytes()) === sha256
}
