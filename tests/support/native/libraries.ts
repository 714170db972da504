import { chmodSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../../app/base/paths.ts"

/** Libraries that a board might have, made for a test by g++, which comes with what `scripts/debian-packages.txt` lists. */

/** onnxruntime-node's own library: a real ONNX Runtime with a CPU provider. */
export const packagedLibrary = join(
  projectRoot,
  `node_modules/onnxruntime-node/bin/napi-v6/linux/${process.arch === "arm64" ? "arm64" : "x64"}/libonnxruntime.so.1`,
)

/** What `standin.cpp` can be told; its first lines say what each does. */
export interface StandInSettings {
  readonly runtime?: string
  readonly version?: string
  readonly providers?: string
  readonly log?: string
  readonly refuse_tensorrt?: string
  readonly refuse_cuda?: string
  readonly refuse_cann?: string
  readonly build?: "crash" | "hang" | "fail" | `slow:${number}`
  readonly load?: "crash"
  readonly runs_before_fault?: number
  readonly faults?: number
  readonly fault?: "fail" | "hang" | "crash" | "nan" | "wrong" | `slow:${number}`
}

export interface StandIn {
  readonly library: string
  /** In place of all that it was told before; libraries that are loaded hear of it at their next call. */
  tell(settings: StandInSettings): void
  /** What happened so far, as it was written down. */
  events(): readonly StandInEvent[]
}

export type StandInEvent =
  | { readonly event: "append"; readonly provider: string; readonly options: Readonly<Record<string, string>> }
  | {
      readonly event: "session"
      readonly provider: string
      readonly bytes: number
      readonly engine: "built" | "found" | "none"
    }
  | { readonly event: "fault"; readonly fault: string; readonly run: number }

/** The stand-in as this process has made it once. */
let madeStandIn: Buffer | undefined

/** Makes a stand-in provider library in `folder` (see `standin.cpp`). */
export function buildStandIn(folder: string, settings: StandInSettings = {}): StandIn {
  const library = join(folder, "libonnxruntime.so")
  // A copy is a library of its own to the loader, and made in no time.
  if (madeStandIn === undefined)
    madeStandIn = readFileSync(compile(folder, "libonnxruntime.so", join(import.meta.dir, "standin.cpp")))
  else writeFileSync(library, madeStandIn)
  const log = join(folder, "standin.log")
  function tell(told: StandInSettings) {
    const lines = Object.entries({ runtime: packagedLibrary, log, ...told }).map(([key, value]) => `${key}=${value}\n`)
    writeFileSync(`${library}.conf`, lines.join(""))
  }
  tell(settings)
  return {
    library,
    tell,
    events() {
      const lines = textOf(log).split("\n")
      return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as StandInEvent)
    },
  }
}

/** A library that ends the process as soon as it is loaded. */
export function buildCrashingLibrary(folder: string): string {
  return compileText(folder, "libcrash.so", "__attribute__((constructor)) static void go() { __builtin_trap(); }")
}

/** A library whose loading never ends. */
export function buildHangingLibrary(folder: string): string {
  return compileText(
    folder,
    "libhang.so",
    "#include <unistd.h>\n__attribute__((constructor)) static void go() { for (;;) sleep(60); }",
  )
}

/** What TensorRT 10.3.1, CUDA 12.6 and the driver of an Orin say of themselves, by the names under which they are loaded. */
export function buildMakersLibraries(folder: string): void {
  const makers = {
    "libnvinfer.so.10": "int getInferLibVersion() { return 100301; }",
    "libcudart.so.12": "int cudaRuntimeGetVersion(int* version) { *version = 12060; return 0; }",
    "libcuda.so.1":
      "int cuInit(unsigned) { return 0; } int cuDeviceGet(int* device, int) { *device = 0; return 0; }" +
      "int cuDeviceGetAttribute(int* value, int which, int) { *value = which == 75 ? 8 : 7; return 0; }",
  }
  for (const [name, text] of Object.entries(makers))
    compileText(folder, name, `extern "C" {\n#pragma GCC visibility push(default)\n${text}\n}`)
}

/** A library that is fine and is none of ONNX Runtime. */
export function buildForeignLibrary(folder: string): string {
  return compileText(folder, "libforeign.so", 'extern "C" int answer() { return 42; }')
}

/** The packaged library as one for the other kind of processor: its header alone is read before it is refused. */
export function foreignArchitecture(folder: string): string {
  const bytes = readFileSync(packagedLibrary)
  const [x64, arm64] = [62, 183]
  // e_machine of the ELF header.
  bytes.writeUInt16LE(process.arch === "arm64" ? x64 : arm64, 18)
  const path = join(folder, "libother.so")
  writeFileSync(path, bytes.subarray(0, 4096))
  return path
}

/** A library of this C++ text. */
export function compileText(folder: string, name: string, text: string): string {
  const source = join(folder, `${name}.cpp`)
  writeFileSync(source, text)
  return compile(folder, name, source)
}

function compile(folder: string, name: string, source: string): string {
  const library = join(folder, name)
  const made = Bun.spawnSync([
    "g++",
    "-std=c++17",
    "-O1",
    "-shared",
    "-fPIC",
    "-fvisibility=hidden",
    "-o",
    library,
    source,
    "-ldl",
  ])
  if (made.exitCode !== 0) throw new Error(`g++ cannot make ${name}: ${made.stderr.toString()}`)
  chmodSync(library, 0o755)
  return library
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    // Nothing has happened yet.
    return ""
  }
}
