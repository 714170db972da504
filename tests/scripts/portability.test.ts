import { describe, expect, test } from "bun:test"
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { packContents } from "../../scripts/build/payload.ts"
import { targets } from "../../scripts/build/targets.ts"
import { checkPortability } from "../../scripts/portability/check.ts"
import { parseElf } from "../../scripts/portability/elf.ts"
import { compareVersions, highestVersion } from "../../scripts/portability/judge.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"

const packages = join(projectRoot, "node_modules")
const armJpegTurbo = join(packages, "@julusian/jpeg-turbo/prebuilds/jpeg-turbo-linux-arm64")

/** What is wrong and not accepted, as `kind value`. */
async function wrongAt(folder: TempFolder, ...paths: string[]): Promise<string[]> {
  const checked = await checkPortability(paths, folder.file("scratch"))
  if (checked.kind === "failed") throw new Error(checked.why)
  return checked.value.files.flatMap(({ findings }) =>
    findings.filter(({ accepted }) => accepted === undefined).map(({ kind, value }) => `${kind} ${value}`),
  )
}

/** Compiles a small library. */
async function library(folder: TempFolder, name: string, source: string, ...flags: string[]): Promise<string> {
  const target = folder.file(name)
  await Bun.$`g++ -x c - -x none -shared -fPIC -nostdlib -Wl,-soname,${name} ${flags} -o ${target} < ${Buffer.from(source)}`.quiet()
  return target
}

/** A library that asks for `pthread_create` as glibc 2.34 and newer have it, whatever glibc this machine has. */
async function newLibrary(folder: TempFolder): Promise<string> {
  writeFileSync(folder.file("versions"), "GLIBC_2.34 { global: pthread_create; };")
  const libc = await library(
    folder,
    "libc.so.6",
    "void pthread_create(void) {}",
    `-Wl,--version-script=${folder.file("versions")}`,
  )
  return library(folder, "planted.node", "void pthread_create(void); void start(void) { pthread_create(); }", libc)
}

/** A compiled program with one file inside, and a line of code more. */
async function compiledWith(folder: TempFolder, content: Uint8Array, code = ""): Promise<string> {
  writeFileSync(folder.file("inside.zst"), content)
  writeFileSync(
    folder.file("main.ts"),
    `import inside from "./inside.zst" with { type: "file" }\nconsole.log(Bun.file(inside).size)\n${code}`,
  )
  const outfile = folder.file("program")
  await Bun.build({ entrypoints: [folder.file("main.ts")], minify: true, compile: { outfile } })
  return outfile
}

test("what this checkout runs loads on every box we name, on both processor families", async () => {
  using folder = tempFolder()
  const checked = await checkPortability(
    [
      process.execPath,
      join(projectRoot, ".cache/native"),
      join(packages, "@img"),
      join(packages, "@napi-rs"),
      join(packages, "@julusian/jpeg-turbo/prebuilds/jpeg-turbo-linux-x64"),
      armJpegTurbo,
      join(packages, "onnxruntime-node/bin/napi-v6/linux"),
    ],
    folder.file("scratch"),
  )
  if (checked.kind === "failed") throw new Error(checked.why)
  expect(checked.value.wrong).toBe(0)
  expect(checked.value.files.length).toBeGreaterThan(12)
  // Whoever takes an exception away from its reason has to look here again.
  const accepted = checked.value.files.filter(({ findings }) => findings.length > 0)
  expect(new Set(accepted.map(({ facts }) => facts.soname))).toEqual(new Set(["libturbojpeg.so.0"]))
})

describe("planted faults are found", () => {
  test("a symbol of glibc 2.34, by its name", async () => {
    using folder = tempFolder()
    const planted = await newLibrary(folder)
    const checked = await checkPortability([planted], folder.file("scratch"))
    if (checked.kind === "failed") throw new Error(checked.why)
    expect(checked.value.files[0]?.findings).toEqual([
      expect.objectContaining({ kind: "version", value: "GLIBC_2.34", symbols: ["pthread_create"] }),
    ])
  })

  test("… and the command ends with 1", async () => {
    using folder = tempFolder()
    const command = join(projectRoot, "scripts/check-portability")
    const planted = Bun.spawnSync([command, await newLibrary(folder)])
    expect({ code: planted.exitCode, out: planted.stdout.toString() }).toEqual({
      code: 1,
      out: expect.stringMatching(/WRONG .*planted\.node: version "GLIBC_2\.34" \(pthread_create\)/),
    })
    expect(Bun.spawnSync([command, armJpegTurbo]).exitCode).toBe(0)
  })

  test("segments of 4 KiB on ARM64", async () => {
    using folder = tempFolder()
    const bytes = readFileSync(join(armJpegTurbo, "node-napi-v10.node"))
    for (let i = 0; i < bytes.readUInt16LE(56); i++) {
      const header = Number(bytes.readBigUInt64LE(32)) + i * 56
      if (bytes.readUInt32LE(header) === 1) bytes.writeBigUInt64LE(4096n, header + 48)
    }
    mkdirSync(folder.file("shipped"))
    copyFileSync(join(armJpegTurbo, "libturbojpeg.so.0"), folder.file("shipped/libturbojpeg.so.0"))
    writeFileSync(folder.file("shipped/node-napi-v10.node"), bytes)
    expect(await wrongAt(folder, folder.file("shipped"))).toEqual(["alignment 4096"])
  })

  test("a library that does not come along, a run path of the machine that built it, an executable stack", async () => {
    using folder = tempFolder()
    const helper = await library(folder, "libhelper.so.9", "void help(void) {}")
    const flags = [helper, "-Wl,-rpath,/build/out:$ORIGIN/lib", "-Wl,-z,execstack"]
    const planted = await library(folder, "planted.node", "void help(void); void start(void) { help(); }", ...flags)
    expect(await wrongAt(folder, planted)).toEqual(["library libhelper.so.9", "run_path /build/out", "stack executable"])
    expect(await wrongAt(folder, planted, helper)).toEqual(["run_path /build/out", "stack executable"])
  })

  test("an empty run path, where more than the C library is needed", async () => {
    using folder = tempFolder()
    const helper = await library(folder, "libhelper.so.9", "void help(void) {}")
    const flags = [helper, "-Wl,-rpath,:", "-Wl,-soname,libturbojpeg.so.0"]
    const planted = await library(folder, "planted.so", "void help(void); void start(void) { help(); }", ...flags)
    expect(await wrongAt(folder, planted, helper)).toEqual(["run_path "])
  })

  test("inside a compiled program, in a compressed payload", async () => {
    using folder = tempFolder()
    const planted = readFileSync(await newLibrary(folder))
    const sound = readFileSync(join(armJpegTurbo, "libturbojpeg.so.0"))
    const payload = Buffer.concat([Buffer.from("a head of its own"), sound, planted])
    expect(await wrongAt(folder, await compiledWith(folder, Bun.zstdCompressSync(payload)))).toEqual(["version GLIBC_2.34"])
  })

  test("inside a program as build.ts packs it, by the name it has there", async () => {
    using folder = tempFolder()
    writeFileSync(folder.file("weights.onnx"), Buffer.alloc(100_000, "few values"))
    // Machine code and weights are rewritten before they are packed, each in its way.
    const sources = {
      "models/a/weights.onnx": folder.file("weights.onnx"),
      "node_modules/planted/planted.node": await newLibrary(folder),
      "node_modules/sound/libturbojpeg.so.0": join(armJpegTurbo, "libturbojpeg.so.0"),
    }
    const contents = Object.entries(sources).map(([path, source]) => ({ path, source, role: "native" as const }))
    const { embedded, payload } = await packContents(targets[0]!, contents, 1)
    expect(embedded.files.map(({ filter }) => filter?.kind)).toEqual(["palettes", "code", undefined])
    const program = await compiledWith(folder, payload, `globalThis.embedded = ${JSON.stringify(embedded)}`)
    const checked = await checkPortability([program], folder.file("scratch"))
    if (checked.kind === "failed") throw new Error(checked.why)
    const inside = checked.value.files.slice(1)
    expect(inside.map(({ name }) => name.split(" › ")[1])).toEqual(Object.keys(sources).slice(1))
    expect(inside[0]?.findings).toEqual([expect.objectContaining({ value: "GLIBC_2.34", symbols: ["pthread_create"] })])
    expect(Bun.spawnSync([join(projectRoot, "scripts/check-portability"), program]).exitCode).toBe(1)
  })

  test("a compiled program in which nothing is seen is no good sign", async () => {
    using folder = tempFolder()
    const program = await compiledWith(folder, Buffer.from("packed in another way"))
    expect(await checkPortability([program], folder.file("scratch"))).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("no native library is seen"),
    })
  })

  test("a folder without native code", async () => {
    using folder = tempFolder()
    writeFileSync(folder.file("readme"), "nothing here")
    expect(await checkPortability([folder.path], folder.file("scratch"))).toMatchObject({ kind: "failed" })
  })
})

describe("what readelf says", () => {
  const head = "  Machine:                           AArch64\n"
  const need = (flags: string) => `${head}  0x0010:   Name: GLIBC_2.34  Flags: ${flags}  Version: 6\n`

  test("versions that the loader does without do not count", () => {
    const versions = (text: string) => {
      const parsed = parseElf(text)
      return parsed.kind === "ok" ? parsed.value.versions : parsed
    }
    expect(versions(need("none"))).toEqual(["GLIBC_2.34"])
    expect(versions(need("WEAK"))).toEqual([])
  })

  test("numbers between dots are numbers", () => {
    expect(compareVersions("2.4", "2.28")).toBeLessThan(0)
    expect(compareVersions("3.4", "3.4.22")).toBeLessThan(0)
    expect(highestVersion(["GLIBC_2.4", "GLIBC_2.28", "GLIBCXX_3.4"], "GLIBC")).toBe("2.28")
  })
})
