import { expect, test } from "bun:test"
import { openRuntime, type ProviderRequest, type Session } from "../../../../app/inference/engine/runtime.ts"
import { buildStandIn, packagedLibrary, type StandIn, type StandInSettings } from "../../../support/native/libraries.ts"
import { tempFolder } from "../../../support/shared.ts"
import { floats, severalNetwork, smallNetwork } from "../made-networks.ts"

async function openOn(library: string, provider: ProviderRequest, bytes = severalNetwork()): Promise<Session> {
  const opened = await openRuntime({ adapter: "ort-ffi", library })
  if (opened.kind === "refused") throw new Error(opened.why)
  return opened.runtime.openSession(bytes, { threads: 1, provider })
}

/** A box with accelerators, and what they were told. */
function standIn(settings: StandInSettings = {}): StandIn & Disposable {
  const folder = tempFolder()
  return { ...buildStandIn(folder.path, settings), [Symbol.dispose]: () => folder[Symbol.dispose]() }
}

const requests: readonly Exclude<ProviderRequest, { name: "cpu" }>[] = [
  { name: "tensorrt", options: { device_id: "0", trt_fp16_enable: "1", trt_max_workspace_size: "1073741824" } },
  { name: "cuda", options: { device_id: "1", cudnn_conv_algo_search: "HEURISTIC" } },
  { name: "cann", options: { device_id: "0", precision_mode: "force_fp16" } },
]

test.each(requests)("$name is put in front with the options it was given, and runs what it can", async (request) => {
  using box = standIn()
  const session = await openOn(box.library, request)
  expect(box.events().find(({ event }) => event === "append")).toEqual({
    event: "append",
    provider: request.name,
    options: request.options,
  })
  expect(session.nodesByProvider()?.size).toBe(1)
  const [[name, nodes] = []] = [...(session.nodesByProvider() ?? [])]
  expect(name?.toLowerCase()).toBe(`${request.name}executionprovider`)
  expect(nodes).toBe(3)
  const four = floats([1, 4])
  const { sum } = await session.run({ a: four, b: four })
  expect([...sum!.data].map(Number)).toEqual([...four.data].map((value) => Math.fround(2 * value)))
  await session.close()
})

test.each(requests)("$name without options keeps its own", async ({ name }) => {
  using box = standIn()
  await (await openOn(box.library, { name, options: {} })).close()
  expect(box.events()[0]).toEqual({ event: "append", provider: name, options: {} })
})

test.each(requests)("$name that cannot be had is refused in the library's words", async (request) => {
  using box = standIn({ [`refuse_${request.name}`]: "no such board" })
  expect(await openOn(box.library, request).then(() => "opened", String)).toBe("Error: no such board")
})

test("the packaged library says itself what it lacks", async () => {
  const words = async (request: ProviderRequest) => openOn(packagedLibrary, request).then(() => "opened", String)
  const [tensorrt, cuda, cann] = requests
  expect(await words(cann!)).toBe("Error: CANN execution provider is not enabled in this build.")
  if (process.arch === "x64") {
    expect(await words(tensorrt!)).toContain("libonnxruntime_providers_shared.so: cannot open shared object file")
    expect(await words(cuda!)).toContain("Failed to load")
  }
})

test("nodes are counted where they run: all on the processor without another provider", async () => {
  const session = await openOn(packagedLibrary, { name: "cpu" }, smallNetwork())
  // Two convolutions, one joined with its ReLU; pooling, flattening, product.
  expect(session.nodesByProvider()).toEqual(new Map([["CPUExecutionProvider", 6]]))
  await session.close()
})

test("a run that fails is not tried a second time in secret", async () => {
  using box = standIn({ fault: "fail", runs_before_fault: 2, faults: 1 })
  const session = await openOn(box.library, { name: "cuda", options: {} })
  const inputs = { a: floats([2, 4]), b: floats([2, 4]) }
  const outcomes: string[] = []
  for (let run = 0; run < 4; run++)
    outcomes.push(
      await session.run(inputs).then(
        () => "ok",
        () => "failed",
      ),
    )
  expect(outcomes).toEqual(["ok", "ok", "failed", "ok"])
  await session.close()
})
