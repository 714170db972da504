import { describe, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { openRuntime } from "../../../../app/inference/engine/runtime.ts"
import {
  buildForeignLibrary,
  buildStandIn,
  compileText,
  foreignArchitecture,
  packagedLibrary,
} from "../../../support/native/libraries.ts"
import { type TempFolder, tempFolder } from "../../../support/shared.ts"

async function refusal(library: string) {
  const opened = await openRuntime({ adapter: "ort-ffi", library })
  return opened.kind === "refused" ? opened : { kind: "opened", why: "", remedy: "" }
}

describe("a library that cannot be used is refused with the reason and what to do", () => {
  const cases: readonly (readonly [string, (folder: TempFolder) => string, string])[] = [
    ["missing", (folder) => folder.file("libonnxruntime.so"), "cannot open shared object file"],
    ["no library", (folder) => written(folder, "libonnxruntime.so", "text"), "cannot be loaded: "],
    ["of another processor", ({ path }) => foreignArchitecture(path), "cannot be loaded: "],
    ["something else", ({ path }) => buildForeignLibrary(path), "OrtGetApiBase"],
    [
      "too old",
      ({ path }) => buildStandIn(path, { version: "1.16.3" }).library,
      "is ONNX Runtime 1.16.3, and 1.17 is the oldest",
    ],
    ["not of version 1", ({ path }) => buildStandIn(path, { version: "2.0.0" }).library, 'calls itself version "2.0.0"'],
    ["without the table it speaks of", ({ path }) => withoutTable(path), "has no API of version 20"],
  ]
  test.each(cases)("%s", async (_, make, words) => {
    using folder = tempFolder()
    const library = make(folder)
    const { kind, why, remedy } = await refusal(library)
    expect(kind).toBe("refused")
    expect(why).toContain(words)
    expect(why).toContain(library)
    expect(remedy).not.toBe("")
  })
})

test("a version newer than ours is asked for the table we know", async () => {
  using folder = tempFolder()
  const opened = await openRuntime({ adapter: "ort-ffi", library: buildStandIn(folder.path, { version: "1.99.0" }).library })
  expect(opened).toMatchObject({ kind: "ok", runtime: { name: "ort-ffi", version: "1.99.0" } })
})

test("what is compiled into a library is told in its order", async () => {
  const opened = await openRuntime({ adapter: "ort-ffi", library: packagedLibrary })
  if (opened.kind === "refused") throw new Error(opened.why)
  const { providers, library } = opened.runtime
  expect(library).toBe(packagedLibrary)
  expect(providers.at(-1)).toBe("CPUExecutionProvider")
  expect(providers.every((name) => /^[A-Z]\w+ExecutionProvider$/.test(name))).toBe(true)
})

function written(folder: TempFolder, name: string, text: string): string {
  writeFileSync(folder.file(name), text)
  return folder.file(name)
}

/** Calls itself 1.20.0, and has nothing to show for it. */
function withoutTable(folder: string): string {
  const text = `
    struct Base { const void* (*api)(unsigned); const char* (*version)(); };
    static const void* none(unsigned) { return nullptr; }
    static const char* version() { return "1.20.0"; }
    static const Base base = { none, version };
    extern "C" __attribute__((visibility("default"))) const Base* OrtGetApiBase() { return &base; }`
  return compileText(folder, "libempty.so", text)
}
