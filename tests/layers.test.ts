import { describe, expect, test } from "bun:test"
import { join } from "node:path"
import { projectRoot } from "../app/base/paths.ts"
import { importsOf } from "./support/imports.ts"
import { doors, layers, layerViolations } from "./support/layers.ts"

const app = join(projectRoot, "app")

async function appFiles(): Promise<Record<string, string>> {
  const paths = await Array.fromAsync(new Bun.Glob("**/*.{ts,tsx}").scan(app))
  return Object.fromEntries(await Promise.all(paths.sort().map(async (path) => [path, await Bun.file(join(app, path)).text()])))
}

test("imports point down the map, and each package comes in through its door", async () => {
  const files = await appFiles()
  expect(Object.keys(files).length).toBeGreaterThan(10)
  expect(layerViolations(files)).toEqual([])
})

test("the map has no two folders that may import each other", () => {
  const above = Object.entries(layers).flatMap(([folder, below]) => below.map((other) => `${folder} > ${other}`))
  expect(above.filter((pair) => above.includes(pair.split(" > ").reverse().join(" > ")))).toEqual([])
})

test("every package the program depends on has a door", async () => {
  const { dependencies } = await Bun.file(join(projectRoot, "package.json")).json()
  expect(Object.keys(dependencies).filter((name) => doors[name] === undefined)).toEqual([])
})

test("the reader of imports misses none that Bun's scanner sees", async () => {
  const missed: string[] = []
  for (const [path, text] of Object.entries(await appFiles())) {
    const seen = new Set(importsOf(text).map((found) => found.from))
    const transpiler = new Bun.Transpiler({ loader: path.endsWith("x") ? "tsx" : "ts" })
    for (const { path: from } of transpiler.scanImports(text)) if (!seen.has(from)) missed.push(`${path}: ${from}`)
  }
  expect(missed).toEqual([])
})

describe("planted violations are found", () => {
  test.each([
    ["a folder of the same level", "gallery/a.ts", `import { x } from "../inference/pool.ts"`],
    ["a type of the same level", "gallery/a.ts", `import type { X } from "../inference/manifest.ts"`],
    ["a type by its query", "gallery/a.ts", `const x: import("../inference/manifest.ts").X = y`],
    ["an import that points up", "face/a.ts", `import { x } from "../gallery/gallery.ts"`],
    ["a re-export that points up", "base/a.ts", `export * from "../face/face.ts"`],
    ["an import over several lines", "base/a.ts", `import {\n  type X,\n  y,\n} from "../face/face.ts"`],
    ["an import at run time", "base/a.ts", `const x = await import("../face/face.ts")`],
    ["an import for its effect", "base/a.ts", `import "../face/face.ts"`],
    ["a worker of another folder", "gallery/a.ts", `new Worker(new URL("../inference/w.ts", import.meta.url).href)`],
    ["the database in http", "http/v1/a.ts", `import { openStore } from "../../store/store.ts"`],
    ["a value of http in the page", "admin/a.ts", `import { x } from "../http/api.ts"`],
    ["a value beside a type of http in the page", "admin/a.ts", `import { type X, x } from "../http/api.ts"`],
    ["more than options in config", "config/a.ts", `import { x } from "../inference/pool.ts"`],
    ["main.ts imported", "cli/a.ts", `import { x } from "../main.ts"`],
    ["something outside app", "cli/a.ts", `import { x } from "../../scripts/demo.ts"`],
    ["a folder that is on no map", "misc/a.ts", ""],
    ["hono outside http", "pipeline/a.ts", `import { Hono } from "hono"`],
    ["a part of hono outside http", "pipeline/a.ts", `import { cors } from "hono/cors"`],
    ["SQLite outside store", "gallery/a.ts", `import { Database } from "bun:sqlite"`],
    ["ONNX Runtime in the parent", "inference/pool.ts", `import type { Tensor } from "onnxruntime-node"`],
    ["a decoder by require", "pipeline/a.ts", `const turbo = require("@julusian/jpeg-turbo")`],
    ["the index library elsewhere", "gallery/match.ts", `import hnswlib from "hnswlib-node"`],
    ["a package without a door", "base/a.ts", `import _ from "lodash"`],
  ])("%s", (_what, path, text) => {
    expect(layerViolations({ [path]: text })).toHaveLength(1)
  })

  test.each([
    ["main.ts may do all of it", "main.ts", `import { a } from "./http/a.ts"\nimport { b } from "./store/b.ts"`],
    ["options in config", "config/a.ts", `import { x } from "../inference/options.ts"`],
    [
      "types of http in the page",
      "admin/a.ts",
      `import type { X } from "../http/api.ts"\nexport type { Y } from "../http/api.ts"`,
    ],
    ["an import in a comment", "base/a.ts", `// import { x } from "../face/face.ts"\n/* const y = import("../http/a.ts") */`],
    ["Node's own modules", "base/a.ts", `import { join } from "node:path"\nimport { $ } from "bun"`],
    ["a type named type", "admin/a.ts", `import type from "../admin/b.ts"`],
  ])("… and this is none: %s", (_what, path, text) => {
    expect(layerViolations({ [path]: text })).toEqual([])
  })
})
