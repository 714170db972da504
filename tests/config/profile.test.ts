import { describe, expect, test } from "bun:test"
import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { readConfig } from "../../app/config/config.ts"
import { detectProfile, profileNames } from "../../app/config/profile.ts"
import { tempFolder } from "../support/shared.ts"

/** As the kernel of a TaiShan 200 writes it for each core. */
function cpuinfo(implementer: string, part: string): string {
  const core = `BogoMIPS\t: 200.00\nFeatures\t: fp asimd evtstrm\nCPU implementer\t: ${implementer}\nCPU architecture: 8
CPU variant\t: 0x1\nCPU part\t: ${part}\nCPU revision\t: 0\n`
  return [0, 1].map((number) => `processor\t: ${number}\n${core}\n`).join("")
}

/** What a machine of ours is called with these files in its /proc, /sys and /etc. */
function detected(files: Record<string, string>, around: { arch?: string; cores?: number } = {}) {
  using root = tempFolder()
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(root.file(path)), { recursive: true })
    writeFileSync(root.file(path), text)
  }
  return detectProfile({ arch: "arm64", cores: 8, root: root.path, ...around })
}

const tree = (model: string, ...compatible: string[]) => ({
  "proc/device-tree/model": `${model}\0`,
  "proc/device-tree/compatible": compatible.map((name) => `${name}\0`).join(""),
})
const orin = tree(
  "NVIDIA Jetson Orin NX Engineering Reference Developer Kit",
  "nvidia,p3768-0000+p3767-0000",
  "nvidia,tegra234",
)
const xavier = tree("NVIDIA Jetson Xavier NX Developer Kit", "nvidia,p3509-0000+p3668-0001", "nvidia,tegra194")
const thor = { ...tree("NVIDIA Jetson AGX Thor", "nvidia,tegra264"), "etc/nv_tegra_release": "# R38 (release)" }

describe("a machine is known by what its kernel says", () => {
  test.each([
    ["an Orin", orin, {}, "jetson-orin", "NVIDIA Jetson Orin NX"],
    ["an Orin on another maker's board", tree("ACME Box", "acme,box", "nvidia,tegra234"), {}, "jetson-orin", "ACME Box"],
    ["a Xavier", xavier, {}, "jetson-xavier", "tegra194"],
    ["a Jetson yet to come", thor, {}, "default", "neither an Orin nor a Xavier"],
    ["a Kunpeng 920", { "proc/cpuinfo": cpuinfo("0x48", "0xd01") }, { cores: 64 }, "kunpeng-920", "64 cores"],
    ["a share of a Kunpeng 920", { "proc/cpuinfo": cpuinfo("0x48", "0xd01") }, { cores: 4 }, "default", "16 and more"],
    [
      "a TaiShan by its name",
      { "sys/class/dmi/id/product_name": "TaiShan 200 (Model 2280)\n" },
      { cores: 96 },
      "kunpeng-920",
      "",
    ],
    ["another core of that maker", { "proc/cpuinfo": cpuinfo("0x48", "0xd40") }, { cores: 64 }, "default", "no kind"],
    ["a Neoverse", { "proc/cpuinfo": cpuinfo("0x41", "0xd0c") }, { cores: 64 }, "default", "no kind"],
    ["a machine that says nothing", {}, {}, "default", "no kind"],
    ["an x86-64 server", orin, { arch: "x64" }, "x86", "x86-64"],
    ["something else", {}, { arch: "riscv64" }, "default", "riscv64"],
  ] as const)("%s", (_what, files, around, name, reason) => {
    const found = detected(files, around)
    expect(found.name).toBe(name)
    expect(found.reason).toContain(reason)
  })
})

describe("a profile", () => {
  test.each([...profileNames])("%s is a file that is understood, and no other file is there", (profile) => {
    expect(readConfig({ profile }, {})).toMatchObject({ kind: "ok", value: { profile: { name: profile, chosenBy: "option" } } })
    const files = readdirSync(join(projectRoot, "edge-config")).filter((name) => name.endsWith(".jsonc"))
    expect(files.sort()).toEqual(profileNames.map((name) => `${name}.jsonc`).sort())
  })

  test("lies over the defaults and below the owner's file, the environment and the command line", () => {
    using folder = tempFolder()
    const configFile = folder.file("edge.jsonc")
    writeFileSync(configFile, `{ "profile": "jetson-xavier", "sightings": { "freeBytesMin": 1 }, "http": { "port": 1000 } }`)
    const config = readConfig({ configFile, port: "3000" }, { GATEHOUSE_ENGINES: "5" })
    if (config.kind !== "ok") throw new Error(config.why)
    const { inference, sightings, http, profile } = config.value
    expect(profile).toEqual({ name: "jetson-xavier", chosenBy: "file", reason: "chosen in the configuration file" })
    // Of the profile; of the file; of the environment; of the command line; of nobody.
    expect([inference.stuckRunMs, sightings.freeBytesMin, inference.engines, http.port, http.rateBurst]).toEqual([
      15_000, 1, 5, 3000, 400,
    ])
  })

  test.each([
    ["the option", { profile: "x86" }, { GATEHOUSE_PROFILE: "jetson-orin" }, "x86", "option"],
    ["the environment", {}, { GATEHOUSE_PROFILE: "jetson-orin" }, "jetson-orin", "environment"],
    ["the file", {}, {}, "kunpeng-920", "file"],
    ["nobody, when told to look", {}, { GATEHOUSE_PROFILE: "auto" }, detectProfile().name, "detection"],
  ] as const)("is named by %s", (_who, overrides, env, name, chosenBy) => {
    using folder = tempFolder()
    writeFileSync(folder.file("edge.jsonc"), `{ "profile": "kunpeng-920" }`)
    const config = readConfig({ configFile: folder.file("edge.jsonc"), ...overrides }, env)
    expect(config).toMatchObject({ kind: "ok", value: { profile: { name, chosenBy } } })
  })

  test.each([
    ["an option", { profile: "jetson" }, {}],
    ["a variable", {}, { GATEHOUSE_PROFILE: "jetson" }],
  ])("that there is none of is refused, as %s", (_what, overrides, env) => {
    expect(readConfig(overrides, env)).toMatchObject({ kind: "failed", why: expect.stringContaining("GATEHOUSE_PROFILE") })
  })
})

test("a service finds its owner's file where systemd says, and does without one", () => {
  using folder = tempFolder()
  const env = { CONFIGURATION_DIRECTORY: folder.path, GATEHOUSE_CONFIG: "" }
  expect(readConfig({}, env)).toMatchObject({ kind: "ok", value: { http: { port: 8080 } } })
  writeFileSync(folder.file("config.jsonc"), `{ "http": { "port": 1234 } }`)
  expect(readConfig({}, env)).toMatchObject({ kind: "ok", value: { http: { port: 1234 } } })
})
