import { expect, test } from "bun:test"
import { readdirSync } from "node:fs"
import { functions } from "../../../../app/inference/engine/ort-ffi/functions.ts"
import { type Library, loadLibrary } from "../../../../app/inference/engine/ort-ffi/library.ts"
import { openForeignSession } from "../../../../app/inference/engine/ort-ffi/session.ts"
import { createValues } from "../../../../app/inference/engine/ort-ffi/values.ts"
import { packagedLibrary } from "../../../support/native/libraries.ts"
import { tempFolder } from "../../../support/shared.ts"
import { floats, smallNetwork } from "../made-networks.ts"

/** The packaged library without what came after 1.17, which is how the last software for older boards looks. */
function olderLibrary(): Library {
  const loaded = loadLibrary(packagedLibrary)
  if (loaded.kind === "refused") throw new Error(loaded.why)
  return { ...loaded.library, has: (name) => functions[name].since <= 17 }
}

const input = { x: floats([1, 3, 8, 8]) }

test("an older library tells its nodes by a profile, which is gone afterwards", async () => {
  using folder = tempFolder()
  const library = olderLibrary()
  const options = { threads: 1, profileFolder: folder.path }
  const session = openForeignSession(library, createValues(library), smallNetwork(), options)
  expect(session.nodesByProvider()).toBeUndefined()
  const before = await session.run(input)
  const nodes = session.nodesByProvider()
  expect([...(nodes?.keys() ?? [])]).toEqual(["CPUExecutionProvider"])
  // As it runs: the ReLU has become part of its convolution, and the layout of the values changes on the way.
  expect(nodes?.get("CPUExecutionProvider")).toBeGreaterThanOrEqual(5)
  expect(readdirSync(folder.path)).toEqual([])
  expect(await session.run(input)).toEqual(before)
  expect(session.nodesByProvider()).toEqual(nodes)
  await session.close()
})

test("a network that is closed before anybody asked leaves no profile either", async () => {
  using folder = tempFolder()
  const library = olderLibrary()
  const options = { threads: 1, profileFolder: folder.path }
  const session = openForeignSession(library, createValues(library), smallNetwork(), options)
  await session.run(input)
  await session.close()
  expect(readdirSync(folder.path)).toEqual([])
})

test("without a folder an older library's nodes are not known, and nothing is made up", async () => {
  const library = olderLibrary()
  const session = openForeignSession(library, createValues(library), smallNetwork(), { threads: 1 })
  await session.run(input)
  expect(session.nodesByProvider()).toBeUndefined()
  await session.close()
})
