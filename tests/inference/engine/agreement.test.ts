import { describe, expect, test } from "bun:test"
import { join } from "node:path"
import { projectRoot } from "../../../app/base/paths.ts"
import { modelsOf, readCatalogue } from "../../../app/inference/catalogue.ts"
import { withLeakyRelus } from "../../../app/inference/engine/graph.ts"
import { openRuntime, type Runtime } from "../../../app/inference/engine/runtime.ts"
import type { Tensor } from "../../../app/inference/engine/tensor.ts"
import type { ModelManifest } from "../../../app/inference/manifest.ts"
import { locateModel } from "../../../app/inference/models.ts"
import { packagedLibrary } from "../../support/native/libraries.ts"
import { sharedModels } from "../../support/shared.ts"
import { floats, smallNetwork } from "./made-networks.ts"

/** Both ways to one library give the same bits: what differs between them is never the answer. */

const catalogue = await readCatalogue(join(projectRoot, "models"))
if (catalogue.kind === "failed") throw new Error(catalogue.why)
const models = new Map(catalogue.value.flatMap(modelsOf).map((model) => [model.manifest.name, model]))
const namesFrom = (kind: ModelManifest["source"]["kind"]) =>
  [...models.values()].filter(({ manifest }) => manifest.source.kind === kind).map(({ manifest }) => manifest.name)

async function bothRuntimes(): Promise<readonly Runtime[]> {
  const opened = [await openRuntime(), await openRuntime({ adapter: "ort-ffi", library: packagedLibrary })]
  return opened.map((each) => {
    if (each.kind === "refused") throw new Error(each.why)
    return each.runtime
  })
}

/**
 * The outputs of each run, through one way and through the other. A run that was seen before writes into arrays of ours: each input
 * is asked twice.
 */
async function answers(bytes: Uint8Array, inputs: readonly Tensor[], threads: number) {
  const given: Record<string, Tensor>[][] = []
  for (const runtime of await bothRuntimes()) {
    const session = await runtime.openSession(bytes, { threads })
    const outputs: Record<string, Tensor>[] = []
    for (const input of [...inputs, ...inputs]) outputs.push(await session.run({ [session.inputNames[0]!]: input }))
    await session.close()
    given.push(outputs)
  }
  return given as [Record<string, Tensor>[], Record<string, Tensor>[]]
}

/** Names, types, shapes and every bit. */
function fingerprint(outputs: Record<string, Tensor>) {
  return Object.entries(outputs).map(([name, { type, shape, data }]) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    return { name, type, shape, sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("hex") }
  })
}

async function expectSame(bytes: Uint8Array, inputs: readonly Tensor[], threads = 1) {
  const [node, foreign] = await answers(bytes, inputs, threads)
  expect(foreign.map(fingerprint)).toEqual(node.map(fingerprint))
}

test.each([1, 2])("a made network over pictures of many sizes, with %i threads", async (threads) => {
  const shapes = [
    [1, 3, 1, 1],
    [1, 3, 17, 31],
    [4, 3, 64, 64],
    [2, 3, 120, 160],
    [1, 3, 480, 640],
  ]
  await expectSame(
    smallNetwork(),
    shapes.map((shape, seed) => floats(shape, seed)),
    threads,
  )
})

async function expectSameModel(name: string, searchFolders: readonly string[]) {
  const located = await locateModel(models.get(name)!, searchFolders)
  if (located.kind !== "ok") throw new Error(`${located.what}: ${located.remedy}`)
  const { manifest, paths } = located.value
  for (const { file, shape, seed } of manifest.golden) {
    const bytes = withLeakyRelus(await Bun.file(paths[file]!).bytes())
    await expectSame(bytes, [floats(shape, seed), floats(shape, seed + 1)])
  }
}

describe("models made at set-up", () => {
  test.each(namesFrom("npm"))("%s", (name) => expectSameModel(name, []))
})

describe.skipIf(sharedModels() === undefined)("models of the shared folder", () => {
  test.each(namesFrom("url"))("%s", (name) => expectSameModel(name, [sharedModels() ?? ""]))
})
