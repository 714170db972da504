import { mkdir, mkdtemp, rename, rm } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import type { Result } from "../../app/base/result.ts"
import type { ContentFile } from "./contents.ts"
import type { Packed } from "./payload.ts"
import { createRedirects } from "./redirects.ts"
import type { Target } from "./targets.ts"
import { replaceFile } from "./tools.ts"

export interface Compiled {
  /** npm packages of which something went into the program, as folders below `node_modules`. */
  readonly packages: readonly string[]
  /** Their files that went in as they are: fonts, as paths below `node_modules`. */
  readonly fonts: readonly string[]
}

/** Bundles the sources and puts them, the payload and Bun into one file. */
export async function compile(
  target: Target,
  bun: string,
  contents: readonly ContentFile[],
  packed: Packed,
  outfile: string,
): Promise<Result<Compiled>> {
  // The payload's name is part of the program, so it is the same in every checkout.
  const payload = join(projectRoot, `.cache/build/payload-${target.arch}.zst`)
  await replaceFile(payload, packed.payload)
  await mkdir(dirname(outfile), { recursive: true })
  // Under its own name: the name is part of the program.
  const draftFolder = await mkdtemp(join(dirname(outfile), "draft-"))
  const draft = join(draftFolder, basename(outfile))
  const redirects = createRedirects(contents, packed.embedded, payload)
  try {
    const built = await Bun.build({
      entrypoints: [join(projectRoot, "app/main.ts"), join(projectRoot, "app/gallery/index-worker.ts")],
      // The main file is bundled into one at the top of this folder, and finds its worker there as "./index-worker.ts".
      root: join(projectRoot, "app/gallery"),
      plugins: [redirects.plugin],
      minify: true,
      // Each command, and each engine, loads what it needs: to read the whole program takes 50 ms.
      splitting: true,
      sourcemap: "none",
      metafile: true,
      // Otherwise the folder it was built in is written into it. No package finds files there any more.
      define: { __dirname: '"/"', __filename: '"/module.js"' },
      compile: {
        target: `bun-linux-${target.arch}`,
        executablePath: bun,
        outfile: draft,
        autoloadDotenv: false,
        autoloadBunfig: false,
        autoloadPackageJson: false,
        autoloadTsconfig: false,
      },
    })
    const unused = redirects.unused()
    if (unused.length > 0) {
      return { kind: "failed", why: `${unused.join(", ")} is no longer what it was: look at scripts/build/redirects.ts again` }
    }
    await rename(draft, outfile)
    const inputs = Object.keys(built.metafile?.inputs ?? {})
    return { kind: "ok", value: { packages: packagesIn(inputs), fonts: fontsIn(inputs) } }
  } catch (error) {
    const reasons = error instanceof AggregateError ? error.errors : [error]
    return { kind: "failed", why: reasons.map(String).join("\n") }
  } finally {
    await rm(draftFolder, { recursive: true, force: true })
  }
}

/** `…/node_modules/@scope/name/file.js` → `@scope/name`, also inside another package. */
function packagesIn(paths: readonly string[]): string[] {
  const found = paths.flatMap(
    (path) => /(?:^|\/)node_modules\/((?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [],
  )
  return [...new Set(found)].sort()
}

function fontsIn(paths: readonly string[]): string[] {
  const found = paths.flatMap((path) => /(?:^|\/)node_modules\/(.+\.woff2?)$/.exec(path)?.[1] ?? [])
  return [...new Set(found)].sort()
}
