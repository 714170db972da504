import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type * as Hnswlib from "hnswlib-node"
import { resourcesFolder } from "../base/resources/folder.ts"
import type { SharedIndexes } from "./shared-index.ts"

export type { Hnswlib }

/** How the addon was compiled: which vector instructions its distance functions use. */
export type HnswlibVariant = "avx2" | "baseline" | "neon"

export type LoadedHnswlib =
  | {
      readonly kind: "ok"
      /** The package's own classes, each index for one thread. */
      readonly hnswlib: typeof Hnswlib
      /** The same library with our part around it, each index for all threads. */
      readonly shared: SharedIndexes
      readonly variant: HnswlibVariant
      readonly note?: string
    }
  | { readonly kind: "failed"; readonly why: string }

/** The variants made for one processor family, best first; the last one runs on every member of it. */
export function hnswlibVariants(arch: string): readonly HnswlibVariant[] {
  return arch === "arm64" ? ["neon"] : ["avx2", "baseline"]
}

/** Where `scripts/build-hnswlib.ts` puts a variant. `GATEHOUSE_NATIVE` names another folder. */
export function hnswlibPath(arch: string, variant: HnswlibVariant): string {
  const folder = process.env.GATEHOUSE_NATIVE ?? join(resourcesFolder(), ".cache/native")
  return join(folder, `hnswlib-${arch}-${variant}.node`)
}

/**
 * The best variant this processor runs. The npm package's own loader is passed by: it knows one build only, without AVX.
 * `GATEHOUSE_HNSWLIB=baseline` forces the slow one, for comparison and for machines that misreport themselves.
 */
export function loadHnswlib(): LoadedHnswlib {
  const { wanted, note } = chooseVariants()
  const tried: string[] = note === undefined ? [] : [note]
  for (const variant of wanted) {
    const path = hnswlibPath(process.arch, variant)
    const loaded = loadAddon(path)
    if (loaded.kind === "failed") {
      tried.push(`${variant}: ${loaded.why}`)
      continue
    }
    const { addon } = loaded
    return { kind: "ok", hnswlib: addon, shared: addon.shared, variant, ...(tried.length > 0 && { note: tried.join("; ") }) }
  }
  return { kind: "failed", why: `the index library does not load (${tried.join("; ")}); run scripts/build-hnswlib.ts` }
}

function chooseVariants(): { wanted: readonly HnswlibVariant[]; note?: string } {
  const variants = hnswlibVariants(process.arch)
  const forced = process.env.GATEHOUSE_HNSWLIB
  if (forced !== undefined && forced !== "") {
    const known = variants.find((variant) => variant === forced)
    if (known !== undefined) return { wanted: [known] }
    return { wanted: variants.slice(-1), note: `GATEHOUSE_HNSWLIB=${forced} is none of ${variants.join(", ")}` }
  }
  if (variants[0] === "avx2" && !hasAvx2()) return { wanted: variants.slice(1), note: "this processor has no AVX2" }
  return { wanted: variants }
}

/** An AVX2 build on a processor without it dies of an illegal instruction, so this is asked before anything is loaded. */
function hasAvx2(): boolean {
  try {
    const flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" ") ?? []
    return flags.includes("avx2") && flags.includes("fma")
  } catch {
    return false // No /proc: not Linux as we know it, so take what runs everywhere.
  }
}

/** What scripts/native/addon.cc exports. */
type Addon = typeof Hnswlib & { readonly shared: SharedIndexes }

function loadAddon(path: string): { kind: "ok"; addon: Addon } | { kind: "failed"; why: string } {
  if (!existsSync(path)) return { kind: "failed", why: `${path} is missing` }
  const module = { exports: {} as Addon }
  try {
    process.dlopen(module, path)
    return { kind: "ok", addon: module.exports }
  } catch (error) {
    return { kind: "failed", why: error instanceof Error ? error.message : String(error) }
  }
}
