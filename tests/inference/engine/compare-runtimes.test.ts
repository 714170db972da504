import { expect, test } from "bun:test"
import { compareRuntimes } from "../../../app/inference/engine/compare-runtimes.ts"
import { buildForeignLibrary, packagedLibrary } from "../../support/native/libraries.ts"
import { tempFolder } from "../../support/shared.ts"
import { locateSet } from "./support.ts"

test("the packaged library says the same through its C API, to the bit and to the word", async () => {
  const compared = await compareRuntimes(await locateSet("default"), packagedLibrary)
  if (compared.kind === "failed") throw new Error(compared.why)
  const { networks, refusals, version, packagedVersion, cycles } = compared.value
  expect(version).toBe(packagedVersion)
  expect(networks.length).toBeGreaterThanOrEqual(4)
  for (const network of networks) expect(network).toMatchObject({ sameBits: true, differenceMax: 0, agrees: true })
  expect(networks.every(({ nodes }) => nodes !== undefined && nodes > 5)).toBe(true)
  expect(refusals.map(({ same }) => same)).toEqual([true, true, true, true])
  expect(refusals.map(({ words }) => words).join("\n")).toContain("Unexpected input data type")
  expect(cycles).toBe(20)
})

test("a library that is none ends with the reason", async () => {
  using folder = tempFolder()
  const compared = await compareRuntimes(await locateSet("default"), buildForeignLibrary(folder.path))
  expect(compared).toMatchObject({ kind: "failed", why: expect.stringContaining("OrtGetApiBase") })
})
