/**
 * `bun build.ts` → `dist/gatehouse`: the program and Bun in one compiled file, for this machine.
 *
 * It is not self-contained yet. Native libraries, models and configuration stay where they are, so the file runs from `dist/` of
 * a checkout that is set up, and looks for `node_modules`, `.cache`, `models` and `edge-config` in the folder above itself.
 */
import { join } from "node:path"
import type { BunPlugin } from "bun"
import { projectRoot } from "./app/base/paths.ts"

const outfile = join(projectRoot, "dist/gatehouse")

/** Packages that load native libraries by paths of their own: they are asked for at run time, from the checkout. */
const leftOutside: BunPlugin = {
  name: "left-outside",
  setup(build) {
    build.onResolve({ filter: /^(onnxruntime-node|sharp|@julusian\/jpeg-turbo|@napi-rs\/canvas)$/ }, ({ path }) => ({
      path,
      namespace: "outside",
    }))
    build.onLoad({ filter: /.*/, namespace: "outside" }, ({ path }) => ({
      loader: "js",
      contents: `module.exports = require("node:module").createRequire(process.execPath)(${JSON.stringify(path)})`,
    }))
  },
}

const started = performance.now()
const built = await Bun.build({
  entrypoints: [join(projectRoot, "app/main.ts"), join(projectRoot, "app/gallery/index-worker.ts")],
  // The main file is bundled into one at the top of this folder, and finds its worker there as "./index-worker.ts".
  root: join(projectRoot, "app/gallery"),
  plugins: [leftOutside],
  // Without it a compiled program finds no package on the disk.
  compile: { outfile, autoloadPackageJson: true, autoloadDotenv: false, autoloadBunfig: false },
})
for (const log of built.logs) console.warn(log)
const megabytes = Bun.file(outfile).size / 1e6
console.log(`${outfile}: ${megabytes.toFixed(1)} MB in ${((performance.now() - started) / 1000).toFixed(1)} s`)
