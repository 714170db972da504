import { CFunction, CString, dlopen, linkSymbols, type Pointer, read } from "bun:ffi"
import { resolve } from "node:path"
import { assert } from "../../../base/assert.ts"
import { apiVersion, functions } from "./functions.ts"
import { type Address, cString, pointerIn, pointerSlots, toPointer } from "./memory.ts"
import { switchTelemetryOff } from "./telemetry.ts"

/** The oldest version whose options and providers are the ones we set: that of the last software for Jetson Xavier. */
export const oldestMinor = 17

type Calls = ReturnType<typeof link>

/** A loaded library of ONNX Runtime. It stays for the life of the process, and so does its one environment. */
export interface Library {
  readonly path: string
  /** `1.27.0`. */
  readonly version: string
  /** Compiled in, by ONNX Runtime's names, in its order. */
  readonly providers: readonly string[]
  readonly call: Calls
  readonly environment: Pointer
  /** Throws the library's own words where a function did not answer with success. */
  must(status: Address): void
  /** What a function writes where its last argument points to. Throws like `must`. */
  take(ask: (out: BigUint64Array) => Address): Pointer
  /** Whether the library has this function; the others are not there to be called. */
  has(name: keyof typeof functions): boolean
}

export type LoadedLibrary =
  | { readonly kind: "ok"; readonly library: Library }
  | { readonly kind: "refused"; readonly why: string; readonly remedy: string }

const loaded = new Map<string, LoadedLibrary>()

/**
 * Loads the library at a path, which may crash the process when the file is not what it says: the parent has it tried in a
 * process of its own. A path that was loaded before gives the same library.
 */
export function loadLibrary(path: string): LoadedLibrary {
  const absolute = resolve(path)
  const known = loaded.get(absolute) ?? load(absolute)
  loaded.set(absolute, known)
  return known
}

function load(path: string): LoadedLibrary {
  switchTelemetryOff()
  const base = openBase(path)
  if (typeof base === "string") {
    return refused(
      `${path} cannot be loaded: ${base}`,
      "name a libonnxruntime.so for this machine's processor, with what it needs beside it",
    )
  }
  const getApi = CFunction({ ptr: pointerAt(base, 0), args: ["u32"], returns: "ptr" })
  const getVersion = CFunction({ ptr: pointerAt(base, 1), args: [], returns: "cstring" })
  const version = String(getVersion())
  const minor = minorOf(version)
  if (minor === undefined) {
    return refused(
      `${path} calls itself version ${JSON.stringify(version.slice(0, 40))}`,
      "name a libonnxruntime.so of ONNX Runtime 1.x",
    )
  }
  if (minor < oldestMinor) {
    return refused(
      `${path} is ONNX Runtime ${version}, and 1.${oldestMinor} is the oldest we know`,
      "install a newer one for this machine",
    )
  }
  const table = toPointer(getApi(Math.min(minor, apiVersion)) as Address)
  if (table === null) {
    return refused(
      `${path} (ONNX Runtime ${version}) has no API of version ${Math.min(minor, apiVersion)}`,
      "the file is damaged: install it again",
    )
  }
  return { kind: "ok", library: open(path, version, minor, table) }
}

/** The structure of two functions where everything begins; in words why it cannot be had. */
function openBase(path: string): Pointer | string {
  try {
    const { OrtGetApiBase } = dlopen(path, { OrtGetApiBase: { args: [], returns: "ptr" } }).symbols
    return toPointer(OrtGetApiBase()) ?? "OrtGetApiBase gave nothing"
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Of `1.27.0` 27; `undefined` when it is not 1.x. */
function minorOf(version: string): number | undefined {
  const minor = /^1\.(\d{1,3})(\.|$)/.exec(version)?.[1]
  return minor === undefined ? undefined : Number(minor)
}

function open(path: string, version: string, minor: number, table: Pointer): Library {
  const call = link(table, minor)

  function must(status: Address): void {
    if (status === null) return
    const words = String(call.GetErrorMessage(status))
    call.ReleaseStatus(status)
    throw new Error(words)
  }

  function take(ask: (out: BigUint64Array) => Address): Pointer {
    const out = pointerSlots(1)
    must(ask(out))
    const taken = pointerIn(out)
    assert(taken !== null, "a function that succeeded has written its result")
    return taken
  }

  const environment = take((out) => call.CreateEnv(logOnlyErrors, cString("gatehouse"), out))
  // For those that do not look at the environment.
  must(call.DisableTelemetryEvents(environment))
  return {
    path,
    version,
    providers: readProviders(),
    call,
    environment,
    must,
    take,
    has: (name) => functions[name].since <= minor,
  }

  function readProviders(): string[] {
    const count = new Int32Array(new ArrayBuffer(4))
    const list = take((out) => call.GetAvailableProviders(out, count))
    const names = Array.from({ length: count[0]! }, (_, index) => String(new CString(pointerAt(list, index))))
    must(call.ReleaseAvailableProviders(list, count[0]!))
    return names
  }
}

/** ORT_LOGGING_LEVEL_ERROR. */
export const logOnlyErrors = 3

/** The functions of the table, without those that a library of this version does not have: their places lie behind its end. */
function link(table: Pointer, minor: number) {
  const there = Object.entries(functions).filter(([, { since }]) => since <= minor)
  const placed = there.map(([name, { index, args, returns }]) => [name, { ptr: pointerAt(table, index), args, returns }])
  // `Library.has` tells of those that are missing.
  return linkSymbols(Object.fromEntries(placed) as typeof functions).symbols
}

/** The pointer at a place of an array of pointers. */
export function pointerAt(array: Pointer, index: number): Pointer {
  const address = read.ptr(array, index * 8)
  assert(address !== 0, "no pointer of a table of ONNX Runtime is null")
  return address as Pointer
}

function refused(why: string, remedy: string): LoadedLibrary {
  return { kind: "refused", why, remedy }
}
