import { dlopen } from "bun:ffi"
import { readFileSync } from "node:fs"
import type { MachineVersions } from "./plan.ts"

/**
 * Versions of what stands beneath an accelerator, asked of its own libraries: an engine that TensorRT has compiled is bound to all
 * of them. Loads libraries of the machine into this process; for a child that may crash.
 */
export function readMachineVersions(): Omit<MachineVersions, "runtime"> {
  return definedOnly({
    tensorrt: tensorrtVersion(),
    cuda: cudaVersion(),
    computeCapability: computeCapability(),
    l4t: l4tRelease(),
    cann: cannVersion(),
  })
}

/** NvInferRuntime.h: `int32_t getInferLibVersion()` gives 10 000 · major + 100 · minor + patch since 10, 1000 · major + … before. */
function tensorrtVersion(): string | undefined {
  for (const name of ["libnvinfer.so.10", "libnvinfer.so.8", "libnvinfer.so"]) {
    const library = tryOpen(name, { getInferLibVersion: { args: [], returns: "i32" } })
    if (library === undefined) continue
    const version = library.getInferLibVersion()
    const unit = version >= 100_000 ? 10_000 : 1000
    return `${Math.floor(version / unit)}.${Math.floor((version % unit) / 100)}.${version % 100}`
  }
  return undefined
}

/** `cudaRuntimeGetVersion(int*)`: 1000 · major + 10 · minor. */
function cudaVersion(): string | undefined {
  for (const name of ["libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0", "libcudart.so"]) {
    const library = tryOpen(name, { cudaRuntimeGetVersion: { args: ["ptr"], returns: "i32" } })
    if (library === undefined) continue
    const version = new Int32Array(1)
    if (library.cudaRuntimeGetVersion(version) !== 0) return undefined
    return `${Math.floor(version[0]! / 1000)}.${Math.floor((version[0]! % 1000) / 10)}`
  }
  return undefined
}

/** cuda.h: CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and …_MINOR. */
const capabilityMajor = 75
const capabilityMinor = 76

function computeCapability(): string | undefined {
  const driver = tryOpen("libcuda.so.1", {
    cuInit: { args: ["u32"], returns: "i32" },
    cuDeviceGet: { args: ["ptr", "i32"], returns: "i32" },
    cuDeviceGetAttribute: { args: ["ptr", "i32", "i32"], returns: "i32" },
  })
  const device = new Int32Array(1)
  if (driver === undefined || driver.cuInit(0) !== 0 || driver.cuDeviceGet(device, 0) !== 0) return undefined
  const attribute = (which: number) => {
    const value = new Int32Array(1)
    return driver.cuDeviceGetAttribute(value, which, device[0]!) === 0 ? value[0] : undefined
  }
  const [major, minor] = [attribute(capabilityMajor), attribute(capabilityMinor)]
  return major === undefined || minor === undefined ? undefined : `${major}.${minor}`
}

/** `# R36 (release), REVISION: 4.3, …` of a Jetson. */
function l4tRelease(): string | undefined {
  const [, release, revision] = /^# (R\d+) \(release\), REVISION: ([\d.]+)/.exec(textOf("/etc/nv_tegra_release")) ?? []
  return release === undefined || revision === undefined ? undefined : `${release}.${revision}`
}

/** `Version=8.0.0` of Ascend's toolkit. */
function cannVersion(): string | undefined {
  const home = process.env.ASCEND_TOOLKIT_HOME ?? "/usr/local/Ascend/ascend-toolkit/latest"
  return /^Version=(.+)$/m.exec(textOf(`${home}/version.cfg`) || textOf(`${home}/compiler/version.info`))?.[1]?.trim()
}

function tryOpen<Functions extends Parameters<typeof dlopen>[1]>(name: string, functions: Functions) {
  try {
    return dlopen<Functions>(name, functions).symbols
  } catch {
    // Not on this machine, which is nothing unusual.
    return undefined
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    // Not such a machine.
    return ""
  }
}

function definedOnly(versions: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(versions).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
