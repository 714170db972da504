import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { projectRoot } from "../app/base/paths.ts"
import { type HnswlibVariant, hnswlibPath, hnswlibVariants } from "../app/gallery/hnswlib.ts"

/**
 * Compiles the index library for this processor family into `.cache/native`, once: a second run compares hashes and returns.
 * npm's own build has no AVX, searches take half as long again there, and only one thread could search an index.
 *
 *   bun scripts/build-hnswlib.ts [--arch x64|arm64]     CXX names another compiler, for example a cross compiler
 */

const packages = join(projectRoot, "node_modules")
const shim = join(projectRoot, "scripts/native")

const commonFlags = [
  ...["-std=c++17", "-O3", "-DNDEBUG", "-pthread", "-shared", "-fPIC", "-fvisibility=hidden", "-s"],
  // The wrapper reports errors as values, while hnswlib inside it throws.
  ...["-DNAPI_DISABLE_CPP_EXCEPTIONS", "-fexceptions", "-DNODE_GYP_MODULE_NAME=hnswlib", "-DBUILDING_NODE_EXTENSION"],
]

const variantFlags: Record<HnswlibVariant, readonly string[]> = {
  // hnswlib picks its distance functions by the macros these set. AVX-512 was tried: the same within 8 % at 192 and 256 floats.
  avx2: ["-mavx2", "-mfma"],
  baseline: ["-march=x86-64"],
  // hnswlib has no ARM code. Its plain loop becomes NEON only where a sum may be reordered. Not -ffast-math: with this compiler
  // that also switches the whole process to flush-to-zero when the addon loads.
  neon: ["-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math"],
}

const options = parseArgs({ options: { arch: { type: "string", default: process.arch } } }).values
if (options.arch !== "x64" && options.arch !== "arm64") stop(`--arch ${options.arch} is neither x64 nor arm64`)

const compiler = process.env.CXX ?? "g++"
const compilerVersion = await versionOf(compiler)
await Promise.all(hnswlibVariants(options.arch).map((variant) => build(options.arch, variant)))

async function build(arch: string, variant: HnswlibVariant): Promise<void> {
  const target = hnswlibPath(arch, variant)
  const flags = [...commonFlags, ...variantFlags[variant]]
  const wanted = hashOf([compilerVersion, flags.join(" "), ...sourceTexts()])
  const stamp = `${target}.built-from`
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return

  mkdirSync(dirname(target), { recursive: true })
  const draft = `${target}.${process.pid}.draft`
  const sources = patchedSources(`${draft}-sources`)
  const includes = [join(packages, "node-api-headers/include"), join(packages, "node-addon-api"), sources].flatMap((path) => [
    "-I",
    path,
  ])
  const units = [join(shim, "addon.cc"), join(shim, "portable.cc")]
  console.log(`compiling the index library (${arch}, ${variant})`)
  const child = Bun.spawn([compiler, ...flags, "-include", join(shim, "portable.h"), ...includes, ...units, "-o", draft], {
    stdout: "inherit",
    stderr: "inherit",
  })
  const exitCode = await child.exited
  rmSync(sources, { recursive: true, force: true })
  if (exitCode !== 0) stop(`${compiler} could not compile the index library (${variant}); its own words are above`)
  // The stamp goes first and comes back last: a kill in between leads to another build, never to a stale file taken for new.
  rmSync(stamp, { force: true })
  renameSync(draft, target)
  writeFileSync(stamp, wanted)
}

/** A copy of the package's C++ with one change, without which compilers do not vectorise the plain inner product (ARM). */
function patchedSources(folder: string): string {
  cpSync(join(packages, "hnswlib-node/src"), folder, { recursive: true })
  const header = join(folder, "hnswlib/space_ip.h")
  const text = readFileSync(header, "utf8")
  // A 32-bit counter against a 64-bit bound may wrap around, so the number of rounds is unknown and the loop stays scalar.
  const patched = text.replace("for (unsigned i = 0; i < qty; i++)", "for (size_t i = 0; i < qty; i++)")
  if (patched === text) stop("hnswlib's inner product has changed: look at the patch in scripts/build-hnswlib.ts again")
  writeFileSync(header, patched)
  // Our addon includes the package's as one of its parts.
  renameSync(join(folder, "addon.cc"), join(folder, "addon-of-package.cc"))
  return folder
}

function sourceTexts(): string[] {
  const files = [import.meta.path, ...filesIn(shim), ...filesIn(join(packages, "hnswlib-node/src"))]
  return files.map((path) => readFileSync(path, "utf8"))
}

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function hashOf(texts: readonly string[]): string {
  const hash = new Bun.CryptoHasher("sha256")
  for (const text of texts) hash.update(text).update("\0")
  return hash.digest("hex")
}

async function versionOf(command: string): Promise<string> {
  if (Bun.which(command) === null) {
    stop(`${command} is missing, and the index library needs a C++ compiler: install g++ (apt-get install g++)`)
  }
  return (await Bun.$`${command} --version`.text()).trim()
}

function stop(why: string): never {
  console.error(`build-hnswlib: ${why}`)
  process.exit(1)
}
