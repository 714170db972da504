import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises"
import { basename, join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import type { Result } from "../../app/base/result.ts"

/** A package whose files are read, not installed: what it would bring along does not fit together. */
export interface PackedPackage {
  readonly name: string
  readonly version: string
  /** Of the packed package, in the registry's notation: `sha512-` and base64. */
  readonly integrity: string
}

export interface PackageOptions {
  /** Packed packages are kept here. */
  readonly cacheFolder: string
  readonly timeoutMs: number
}

export const packageDefaults: PackageOptions = { cacheFolder: join(projectRoot, ".cache/packages"), timeoutMs: 120_000 }

/**
 * Files of a packed package by their path inside it. The package comes from the cache or through the registry that Bun or npm
 * are set up for here, and only with the bytes that `integrity` tells.
 */
export async function readPackedPackage(
  packed: PackedPackage,
  paths: readonly string[],
  options: PackageOptions = packageDefaults,
): Promise<Result<ReadonlyMap<string, Uint8Array>>> {
  const obtained = await obtain(packed, options)
  if (obtained.kind === "failed") return obtained
  const entries = await new Bun.Archive(obtained.value).files()
  const files = new Map<string, Uint8Array>()
  for (const path of paths) {
    const entry = entries.get(`package/${path}`)
    if (entry === undefined) return { kind: "failed", why: `${label(packed)} holds no file ${path}` }
    files.set(path, await entry.bytes())
  }
  return { kind: "ok", value: files }
}

async function obtain(packed: PackedPackage, options: PackageOptions): Promise<Result<Uint8Array>> {
  const path = join(options.cacheFolder, `${packed.name.replaceAll("/", "-")}-${packed.version}.tgz`)
  const cached = Bun.file(path)
  if (await cached.exists()) {
    const bytes = await cached.bytes()
    if (integrityOf(bytes) === packed.integrity) return { kind: "ok", value: bytes }
    // A broken cache mends itself: the file is fetched again and replaced.
  }
  const failures: string[] = []
  for (const fetchPacked of [fetchByBun, fetchByNpm]) {
    const fetched = await fetchPacked(packed, options)
    if (fetched.kind === "ok" && integrityOf(fetched.value) === packed.integrity) {
      await writeWhole(path, fetched.value)
      return fetched
    }
    failures.push(
      fetched.kind === "failed" ? fetched.why : `what arrived is ${integrityOf(fetched.value)}, not ${packed.integrity}`,
    )
  }
  const remedy = `check the network and the registry's settings, or put the packed package at ${path}, then run this again`
  return { kind: "failed", why: `${label(packed)} could not be fetched (${failures.join("; ")}): ${remedy}` }
}

/** Bun knows the registry's address for the package, which respects the user's settings. */
async function fetchByBun(packed: PackedPackage, { timeoutMs }: PackageOptions): Promise<Result<Uint8Array>> {
  const viewed = await runTool([process.execPath, "pm", "view", label(packed), "dist.tarball"], timeoutMs)
  if (viewed.kind === "failed") return viewed
  try {
    const response = await fetch(viewed.value.trim(), { signal: AbortSignal.timeout(timeoutMs) })
    if (!response.ok) return { kind: "failed", why: `the registry answered ${response.status}` }
    return { kind: "ok", value: await response.bytes() }
  } catch (error) {
    return { kind: "failed", why: error instanceof Error ? error.message : String(error) }
  }
}

/** npm also knows how to log in where a registry wants that. */
async function fetchByNpm(packed: PackedPackage, options: PackageOptions): Promise<Result<Uint8Array>> {
  if (Bun.which("npm") === null) return { kind: "failed", why: "npm is not here to try it another way" }
  await mkdir(options.cacheFolder, { recursive: true })
  const draft = await mkdtemp(join(options.cacheFolder, "draft-"))
  try {
    const command = [
      "npm",
      "pack",
      label(packed),
      "--ignore-scripts",
      "--loglevel=error",
      "--fetch-retries=0",
      "--pack-destination",
      draft,
    ]
    const ran = await runTool(command, options.timeoutMs)
    if (ran.kind === "failed") return ran
    const [name] = await readdir(draft)
    if (name === undefined) return { kind: "failed", why: "npm pack left no file" }
    return { kind: "ok", value: await Bun.file(join(draft, name)).bytes() }
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

async function runTool(command: readonly string[], timeoutMs: number): Promise<Result<string>> {
  const child = Bun.spawn([...command], {
    cwd: projectRoot,
    env: process.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: timeoutMs,
  })
  const [output, complaint] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (child.exitCode === 0) return { kind: "ok", value: output }
  const reason = complaint.split("\n").find((line) => line.trim() !== "") ?? "no answer in time"
  const tool = [basename(command[0] ?? ""), ...command.slice(1, 3)].join(" ")
  return { kind: "failed", why: `${tool}: ${reason}` }
}

/** Draft and rename: an interrupted download leaves no half file behind. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await Bun.write(`${path}.draft`, bytes)
  await rename(`${path}.draft`, path)
}

function integrityOf(bytes: Uint8Array): string {
  return `sha512-${new Bun.CryptoHasher("sha512").update(bytes).digest("base64")}`
}

function label({ name, version }: PackedPackage): string {
  return `${name}@${version}`
}
