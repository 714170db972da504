/**
 * `bun run build.ts [--target linux-x64|linux-arm64|all] [--level 1-22]` → `dist/gatehouse-<version>-linux-<arch>`: one file that
 * holds the program, Bun, native libraries, the default models and the pages of /docs; beside it its `.sha256` and its bill of
 * materials `.cdx.json`. See docs/build.md.
 */
import { join } from "node:path"
import { parseArgs } from "node:util"
import { projectRoot } from "./app/base/paths.ts"
import { version } from "./app/base/version.ts"
import { compile } from "./scripts/build/compile.ts"
import { listContents } from "./scripts/build/contents.ts"
import { obtainIngredients } from "./scripts/build/ingredients.ts"
import { packContents } from "./scripts/build/payload.ts"
import { describeProgram } from "./scripts/build/sbom.ts"
import { isHere, type Target, targets } from "./scripts/build/targets.ts"
import { replaceFile, sha256Of } from "./scripts/build/tools.ts"

/** What we allow ourselves: it is fetched over thin lines and kept twice during an update. */
const fileBytesMax = 150_000_000

/** The highest: smaller than level 9 by a tenth, than 19 by a hundredth, and unpacked as fast. */
const releaseLevel = 22

const { values: asked } = parseArgs({
  options: {
    target: { type: "string", default: targets.find(isHere)?.name ?? "all" },
    level: { type: "string", default: String(releaseLevel) },
    out: { type: "string", default: join(projectRoot, "dist") },
  },
})
const level = Number(asked.level)
if (!Number.isInteger(level) || level < 1 || level > 22) stop(`--level ${asked.level} is no level of zstd, 1 to 22`)
const wanted = targets.filter(({ name }) => asked.target === "all" || asked.target === name)
if (wanted.length === 0) stop(`--target ${asked.target} is none of ${targets.map(({ name }) => name).join(", ")}, all`)
for (const target of wanted) await build(target)
console.log(
  `Built in ${projectRoot}: there the same sources make the same bytes. In another folder the names of the program's chunks differ, which Bun makes of the path`,
)

async function build(target: Target): Promise<void> {
  const startTickMs = performance.now()
  const ingredients = await obtainIngredients(target)
  if (ingredients.kind === "failed") return stop(ingredients.why)
  const contents = await listContents(target, ingredients.value.packages)
  if (contents.kind === "failed") return stop(contents.why)
  const packed = await packContents(target, contents.value, level)
  const outfile = join(asked.out, `gatehouse-${version}-${target.name}`)
  const compiled = await compile(target, ingredients.value.bun, contents.value, packed, outfile)
  if (compiled.kind === "failed") return stop(compiled.why)

  const program = await Bun.file(outfile).bytes()
  await replaceFile(`${outfile}.sha256`, `${sha256Of(program)}  gatehouse-${version}-${target.name}\n`)
  const bun = await Bun.file(ingredients.value.bun).bytes()
  const { files } = packed.embedded
  const { packages: bundled, fonts } = compiled.value
  const made = { target, program, bun, packages: ingredients.value.packages, bundled, fonts }
  await replaceFile(`${outfile}.cdx.json`, await describeProgram({ ...made, contents: contents.value, files }))
  const seconds = ((performance.now() - startTickMs) / 1000).toFixed(1)
  console.log(`${outfile}: ${program.length} bytes, of which payload ${packed.payload.length}, in ${seconds} s`)
  if (level >= releaseLevel && program.length > fileBytesMax) {
    stop(`${outfile} is larger than ${fileBytesMax} bytes: find out what it need not hold`)
  }
}

function stop(why: string): never {
  console.error(`build: ${why}`)
  process.exit(1)
}
