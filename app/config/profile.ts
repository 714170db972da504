import { closeSync, existsSync, openSync, readSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { z } from "zod"

/** Settings for a kind of machine, each a file `edge-config/<name>.jsonc`. */
export const profileNames = ["default", "jetson-orin", "jetson-xavier", "kunpeng-920", "x86"] as const
export type ProfileName = (typeof profileNames)[number]

/** `auto` looks at the machine. */
export const profileChoice = z.enum(["auto", ...profileNames])
export type ProfileChoice = z.output<typeof profileChoice>

/** The profile that counts, and what made it so; said in the log, by the doctor, and in `/v1/system`. */
export interface Profile {
  readonly name: ProfileName
  readonly chosenBy: "detection" | "file" | "environment" | "option"
  /** In words: what was seen of the machine, or who said so. */
  readonly reason: string
}

/** What detection looks at; a test tells its own. */
export interface Surroundings {
  /** `x64`, `arm64`, as `process.arch`. */
  readonly arch: string
  /** Cores this process may use. */
  readonly cores: number
  /** In place of `/`, for `/proc`, `/sys` and `/etc`. */
  readonly root: string
}

/** NVIDIA's chips by the device tree's `compatible`, the same on every carrier board. */
const chips = [
  ["nvidia,tegra234", "jetson-orin"],
  ["nvidia,tegra194", "jetson-xavier"],
] as const

/** The profile of many cores holds engines of several threads on memory nodes: less than this is a virtual machine with a share. */
const kunpengCoresMin = 16

/** `implementer` and `part` of the cores of a Kunpeng 920 (TaiShan v110) in /proc/cpuinfo. */
const kunpeng920 = /^CPU implementer\s*:\s*0x48\n(?:.+\n)*?CPU part\s*:\s*0xd01$/m

/**
 * What machine this is. Reads at most three small files on ARM64 and none on x86-64, so it costs a start far less than 1 ms. What
 * it does not know is `default`, which runs anywhere.
 */
export function detectProfile(around = ownSurroundings()): Pick<Profile, "name" | "reason"> {
  const { arch, cores, root } = around
  if (arch === "x64") return { name: "x86", reason: "an x86-64 processor" }
  if (arch !== "arm64") return { name: "default", reason: `a processor of kind ${arch}, for which there is no profile` }

  const read = (path: string) => readStart(join(root, path))
  const model = words(read("proc/device-tree/model")) || "a board without a name"
  const compatible = read("proc/device-tree/compatible")?.split("\0") ?? []
  for (const [chip, name] of chips) {
    if (compatible.includes(chip)) return { name, reason: `${model} (${chip})` }
  }
  if (existsSync(join(root, "etc/nv_tegra_release"))) {
    return { name: "default", reason: `${model}: a Jetson, but neither an Orin nor a Xavier` }
  }
  const isKunpeng = kunpeng920.test(read("proc/cpuinfo") ?? "") || /TaiShan 200|Kunpeng 920/i.test(dmiName(read))
  if (!isKunpeng) return { name: "default", reason: "an ARM64 machine of no kind that has a profile" }
  if (cores < kunpengCoresMin) {
    const why = `Kunpeng 920, but with ${cores} cores; its profile is for ${kunpengCoresMin} and more`
    return { name: "default", reason: why }
  }
  return { name: "kunpeng-920", reason: `Kunpeng 920 with ${cores} cores` }
}

/** Virtual machines may hide the processor and show the server's name, or the other way round. */
function dmiName(read: (path: string) => string | undefined): string {
  return ["product_name", "board_name"].map((name) => words(read(`sys/class/dmi/id/${name}`))).join(" ")
}

/** Texts of a device tree end in a zero byte. */
function words(text: string | undefined): string {
  return text?.replaceAll("\0", " ").trim() ?? ""
}

/** The first core's part of /proc/cpuinfo is in there; of 128 cores the kernel would otherwise write 100 KB. */
const startBytes = 4096

function readStart(path: string): string | undefined {
  let file: number
  try {
    file = openSync(path, "r")
  } catch {
    return undefined // Not on this kind of machine, or a sandbox that hides it.
  }
  try {
    const bytes = Buffer.alloc(startBytes)
    return bytes.toString("utf8", 0, readSync(file, bytes))
  } finally {
    closeSync(file)
  }
}

function ownSurroundings(): Surroundings {
  return { arch: process.arch, cores: availableParallelism(), root: "/" }
}
