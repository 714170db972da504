import { readFileSync } from "node:fs"
import { availableParallelism, freemem, totalmem } from "node:os"
import type { MachineState } from "../../base/machine/machine.ts"
import type { Profile } from "../../config/profile.ts"
import { type Finding, ok, warn } from "./finding.ts"

/** What the kernel says of this machine; absent where there is no such file (not Linux). */
export interface MachineFacts {
  readonly arch: string
  readonly cores: number
  readonly memoryBytes: number
  readonly memoryFreeBytes: number
  /** Feature names as in /proc/cpuinfo. */
  readonly cpuFeatures: readonly string[] | undefined
  readonly pageBytes: number | undefined
  readonly bunVersion: string
}

export function readMachineFacts(): MachineFacts {
  const cpuinfo = readProc("/proc/cpuinfo")
  const pageKiB = readProc("/proc/self/smaps")?.match(/^KernelPageSize:\s+(\d+) kB$/m)?.[1]
  return {
    arch: process.arch,
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    memoryFreeBytes: freemem(),
    // "flags" on x86, "Features" on ARM.
    cpuFeatures: cpuinfo
      ?.match(/^(?:flags|Features)\s*:\s*(.+)$/m)?.[1]
      ?.trim()
      .split(/\s+/),
    pageBytes: pageKiB === undefined ? undefined : Number(pageKiB) * 1024,
    bunVersion: Bun.version,
  }
}

/** Features the hot path gains from, by their kernel names. */
const usefulFeatures = {
  x64: ["avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni"],
  // asimd is NEON; asimddp the int8 dot product.
  arm64: ["asimd", "asimddp", "i8mm", "bf16", "sve"],
} as const

const pageBytesTested: readonly number[] = [4096, 16_384, 65_536]

export function checkMachine(facts: MachineFacts): readonly Finding[] {
  const gib = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GiB`
  return [
    checkCpu(facts),
    facts.pageBytes === undefined || pageBytesTested.includes(facts.pageBytes)
      ? ok("page size", facts.pageBytes === undefined ? "unknown" : `${facts.pageBytes} bytes`)
      : warn("page size", `${facts.pageBytes} bytes`, "Gatehouse was tried with pages of 4, 16 and 64 KiB; use such a kernel"),
    ok("memory", `${gib(facts.memoryFreeBytes)} free of ${gib(facts.memoryBytes)}`),
    ok("runtime", `Bun ${facts.bunVersion}`),
  ]
}

function checkCpu({ arch, cores, cpuFeatures }: MachineFacts): Finding {
  const text = (features: readonly string[]) => `${arch}, ${cores} cores, ${features.join(" ") || "no vector features"}`
  if ((arch !== "x64" && arch !== "arm64") || cpuFeatures === undefined) return ok("cpu", `${arch}, ${cores} cores`)
  const present = usefulFeatures[arch].filter((feature) => cpuFeatures.includes(feature))
  const needed = usefulFeatures[arch][0]
  if (cpuFeatures.includes(needed)) return ok("cpu", text(present))
  return warn(
    "cpu",
    `${text(present)}: ${needed} is missing`,
    "everything works, several times slower; in a virtual machine, pass the host's CPU model through",
  )
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch {
    // Not Linux, or a sandbox without /proc: the report says "unknown".
    return undefined
  }
}

/** A clock that is wrong dates sightings wrongly, and lets people in whose time is over. */
export function checkClock({ clock, timeZone }: Pick<MachineState, "clock" | "timeZone">): Finding {
  const { state, keeper, errorMsMax } = clock
  const by = keeper === undefined ? "" : `, kept by ${keeper}`
  const error = state === "synchronised" && errorMsMax !== undefined ? ` to ${errorMsMax.toFixed(0)} ms` : ""
  const text = `${state}${error}${by}, time zone ${timeZone}`
  if (state === "synchronised") return ok("clock", text)
  const remedy =
    keeper === undefined
      ? "times in the record may be wrong: let systemd-timesyncd or chrony run (timedatectl set-ntp true), or set the clock by hand where there is no network"
      : `times in the record may be wrong: look whether ${keeper} reaches a time server`
  return warn("clock", text, remedy)
}

export function checkProfile({ name, reason }: Profile): Finding {
  return ok("profile", `${name}: ${reason}`)
}
