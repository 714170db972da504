import { describe, expect, test } from "bun:test"
import { dirname, join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"

/** Every file that is or would be committed. */
async function repositoryFiles(): Promise<string[]> {
  const listed = await Bun.$`git ls-files --cached --others --exclude-standard -z`.cwd(projectRoot).text()
  const paths = [...new Set(listed.split("\0"))].filter((path) => path !== "")
  const present = await Promise.all(paths.map((path) => Bun.file(join(projectRoot, path)).exists()))
  return paths.filter((_, index) => present[index])
}

/** The registry this machine installs from may be somebody's private mirror: its name is nobody else's business. */
async function registryHosts(): Promise<string[]> {
  if (Bun.which("npm") === null) return []
  const configured = await Bun.$`npm config get registry`.cwd(projectRoot).quiet().text()
  return URL.canParse(configured.trim()) ? [new URL(configured.trim()).host] : []
}

async function linesWith(wanted: RegExp): Promise<string[]> {
  const found: string[] = []
  for (const path of await repositoryFiles()) {
    const text = await Bun.file(join(projectRoot, path)).text()
    for (const [index, line] of text.split("\n").entries())
      if (wanted.test(line)) found.push(`${path}:${index + 1}: ${line.trim()}`)
  }
  return found
}

const literally = (text: string) => text.replace(/[.\\^$+?()[\]{}|*]/g, "\\$&")

describe("the text of the repository", () => {
  test("names no folder of one machine", async () => {
    expect(await linesWith(/(?<![\w.-])\/(?:home|root|work|Users)\/\w/)).toEqual([])
    const above = dirname(projectRoot)
    if (above !== "/") expect(await linesWith(new RegExp(`(?<![\\w.])${literally(above)}/`))).toEqual([])
  })

  test("names no registry host", async () => {
    for (const host of await registryHosts()) expect(await linesWith(new RegExp(literally(host)))).toEqual([])
    expect(await Bun.file(join(projectRoot, "bun.lock")).text()).not.toContain("://")
  })

  test("leaves no marks of unfinished work", async () => {
    expect(await linesWith(/\b(?:TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b/)).toEqual([])
  })

  test("holds no weights, no pictures and nothing large", async () => {
    const files = await repositoryFiles()
    expect(files).toContain("package.json")
    expect(files.filter((path) => /\.(onnx|tflite|bin|pt|pth|param|xml|node|so|jpe?g|png|webp)$/i.test(path))).toEqual([])
    const large = files.filter((path) => Bun.file(join(projectRoot, path)).size > 500_000)
    expect(large).toEqual([])
  })
})

describe("what is installed is what was tested", () => {
  test("every version in package.json is exact, and no package may run a script", async () => {
    const manifest = await Bun.file(join(projectRoot, "package.json")).json()
    const versions = Object.entries<string>({ ...manifest.dependencies, ...manifest.devDependencies })
    expect(versions.length).toBeGreaterThan(10)
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
    expect(manifest.trustedDependencies).toEqual([])
  })

  test("the Bun that runs is the pinned one", async () => {
    const pinned = /^version (\S+)$/m.exec(await Bun.file(join(projectRoot, "scripts/bun.txt")).text())?.[1]
    expect(pinned).toBe(Bun.version)
  })
})
