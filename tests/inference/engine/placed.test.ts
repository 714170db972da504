import { expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { type Analyzer, type OpenedAnalyzer, openAnalyzer } from "../../../app/inference/engine/run.ts"
import type { RuntimePlan } from "../../../app/inference/providers/plan.ts"
import { buildStandIn, packagedLibrary, type StandInEvent } from "../../support/native/libraries.ts"
import { acceleratedPlan } from "../../support/native/plan.ts"
import { tempFolder } from "../../support/shared.ts"
import { locateSet, samplePhoto } from "./support.ts"

/** The default set, whose weights set-up makes: a detector of two networks, landmarks, two embedders. */
const set = await locateSet("default")
const options = { faceWidthPxMin: 48, facesMax: 50, embed: "all" } as const
const picture = readFileSync(samplePhoto(3))

async function open(plan: RuntimePlan): Promise<Analyzer & AsyncDisposable> {
  const opened = await openAnalyzer(set, { threads: 1, plan })
  if (opened.kind === "unfit") throw new Error(opened.why)
  return { ...opened.analyzer, [Symbol.asyncDispose]: () => opened.analyzer.close() }
}

async function openings(plan: RuntimePlan): Promise<{ opened: OpenedAnalyzer; stages: string[] }> {
  const stages: string[] = []
  const onProgress = (stage: string, model: string) => stages.push(`${stage} ${model}`)
  const opened = await openAnalyzer(set, { threads: 1, plan, onProgress })
  if (opened.kind === "ready") await opened.analyzer.close()
  return { opened, stages }
}

const appended = (events: readonly StandInEvent[]) =>
  events.flatMap((event) => (event.event === "append" ? [event.options] : []))
const made = (events: readonly StandInEvent[]) => events.flatMap((event) => (event.event === "session" ? [event.engine] : []))

test("what is configured for TensorRT arrives there: half precision, workspace, caches, device, and sizes", async () => {
  using temp = tempFolder()
  const { library, events } = buildStandIn(temp.path)
  const cache = temp.file("compiled")
  const plan = acceleratedPlan(library, cache, {
    deviceId: 1,
    tensorrt: {
      fp16: true,
      workspaceBytes: 2 ** 29,
      shapes: { "mobilefacenet.onnx": { input: { min: [1, 3, 112, 112], opt: [4, 3, 112, 112], max: [9, 3, 112, 112] } } },
    },
  })
  const first = await openings(plan)
  expect(first.opened.kind).toBe("ready")
  expect(appended(events())).toHaveLength(5)
  for (const told of appended(events()))
    expect(told).toMatchObject({
      device_id: "1",
      trt_fp16_enable: "1",
      trt_max_workspace_size: "536870912",
      trt_engine_cache_enable: "1",
      trt_engine_cache_path: expect.stringMatching(/compiled\/(detector|landmarks|embedder)-[\w.-]+\.draft$/),
      trt_timing_cache_enable: "1",
      trt_timing_cache_path: expect.stringContaining("compiled/timings-"),
    })
  const profiles = appended(events()).map((told) => [
    told.trt_profile_min_shapes,
    told.trt_profile_opt_shapes,
    told.trt_profile_max_shapes,
  ])
  expect(profiles).toContainEqual(["input:1x3x64x64", "input:1x3x288x480", "input:1x3x1280x1280"])
  expect(profiles).toContainEqual(["input:1x3x112x112", "input:4x3x112x112", "input:9x3x112x112"])
  expect(first.stages.slice(0, 2)).toEqual(["compile detector ultraface 1", "check detector ultraface 1"])

  // Renamed when the answers were right; nothing else is left behind.
  expect(
    readdirSync(cache)
      .map((name) => name.replace(/[0-9a-f]{16}$/, "…"))
      .toSorted(),
  ).toEqual([
    "detector-ultraface-1-…",
    "embedder-dlib-resnet-1-…",
    "embedder-mobilefacenet-1-…",
    "landmarks-points68-1-…",
    "timings-…",
  ])
  const key = readFileSync(join(cache, readdirSync(cache).find((name) => name.includes("dlib")) ?? "", "key.json"), "utf8")
  expect(JSON.parse(key)).toMatchObject({ model: "embedder/dlib-resnet/1", fp16: true, versions: plan.versions })

  // The second time nothing is compiled.
  const second = await openings(plan)
  if (second.opened.kind === "unfit") throw new Error(second.opened.why)
  expect(second.opened.analyzer.models.map(({ placement }) => placement.cache)).toEqual(["hit", "hit", "hit", "hit"])
  expect(second.stages).toContain("load detector ultraface 1")
  expect(made(events()).join(" ")).toBe(`${"built ".repeat(5)}${"found ".repeat(5)}`.trim())

  // In full precision it is another engine, asked for so.
  const full = await openings({ ...plan, tensorrt: { ...plan.tensorrt, fp16: false } })
  expect(full.stages).toContain("compile detector ultraface 1")
  expect(appended(events()).at(-1)).toMatchObject({ trt_fp16_enable: "0" })
}, 60_000)

test("on an accelerator a picture is answered as on the processor, and each model says where it runs", async () => {
  using temp = tempFolder()
  const { library } = buildStandIn(temp.path)
  await using processor = await open({ adapter: "onnxruntime-node" })
  const expected = await processor.analyze(picture, options)
  expect(processor.models.map(({ placement }) => [placement.requested, placement.active, placement.cache])).toEqual(
    Array.from({ length: 4 }, () => ["cpu", "cpu", "none"]),
  )
  for (const provider of ["tensorrt", "cuda", "cann", "cpu"] as const) {
    const plan = { ...acceleratedPlan(library, temp.file("compiled")), provider }
    await using accelerated = await open(plan)
    expect(accelerated.runtime).toMatchObject({ name: "ort-ffi", provider })
    expect(accelerated.refusals).toEqual([])
    for (const { placement } of accelerated.models) {
      expect(placement).toMatchObject({ requested: provider, active: provider, library, libraryVersion: "1.27.0" })
      expect(placement.nodes).toEqual({ [provider]: expect.any(Number) })
      expect(placement.score).toBe(1)
    }
    expect(accelerated.models[0]?.placement.overlap ?? 1).toBeCloseTo(1, 6)
    expect(accelerated.models[0]?.placement.overlap === undefined).toBe(provider === "cpu")
    const found = await accelerated.analyze(picture, options)
    if (found.kind !== "ok" || expected.kind !== "ok") throw new Error("refused")
    expect(found.faces.map(({ box }) => box)).toEqual(expected.faces.map(({ box }) => box))
    for (const [index, face] of found.faces.entries()) {
      const similarity = face.embedding!.reduce((sum, value, at) => sum + value * expected.faces[index]!.embedding![at]!, 0)
      expect(similarity).toBeGreaterThan(0.9999)
    }
  }
}, 60_000)

test.each([
  ["wrong", "answers differently from the processor"],
  ["nan", "answers differently from the processor"],
  ["fail", "CUDA failure 719"],
] as const)(
  "an accelerator whose answers are %s gets no model; the processor answers instead, and why is said",
  async (fault, why) => {
    using temp = tempFolder()
    const { library } = buildStandIn(temp.path, { fault })
    const cache = temp.file("compiled")
    await using analyzer = await open(acceleratedPlan(library, cache))
    expect(analyzer.models.map(({ placement }) => [placement.requested, placement.active])).toEqual(
      Array.from({ length: 4 }, () => ["tensorrt", "cpu"]),
    )
    expect(analyzer.runtime.provider).toBe("cpu")
    expect(analyzer.refusals).toHaveLength(4)
    for (const refusal of analyzer.refusals)
      expect(refusal).toMatchObject({ provider: "tensorrt", why: expect.stringContaining(why), remedy: expect.any(String) })
    const answer = await analyzer.analyze(picture, options)
    expect(answer.kind === "ok" && answer.faces.length).toBeGreaterThan(0)
    // Nothing wrong stays in the cache.
    expect(readdirSync(cache).filter((name) => !name.startsWith("timings-") && !name.endsWith(".attempts"))).toEqual([])
  },
  60_000,
)

test("an answer that goes wrong later does not leave the engine", async () => {
  using temp = tempFolder()
  const { library, tell } = buildStandIn(temp.path)
  await using analyzer = await open(acceleratedPlan(library, temp.file("compiled")))
  expect((await analyzer.analyze(picture, options)).kind).toBe("ok")
  tell({ fault: "wrong" })
  await expect(analyzer.analyze(picture, options)).rejects.toThrow("the known question came out differently")
}, 60_000)

test("a picture larger than what was compiled is looked at by the processor", async () => {
  using temp = tempFolder()
  const { library, tell, events } = buildStandIn(temp.path)
  const small = { input: { min: [1, 3, 64, 64], opt: [1, 3, 96, 128], max: [1, 3, 128, 128] } }
  const plan = acceleratedPlan(library, temp.file("compiled"))
  const faults = () => events().filter(({ event }) => event === "fault").length
  await using analyzer = await open({ ...plan, tensorrt: { ...plan.tensorrt, shapes: { "ultraface.onnx": small } } })
  const detected = { ...options, embed: "none" } as const
  tell({ fault: "slow:1" })
  const answer = await analyzer.analyze(picture, detected)
  expect(answer.kind === "ok" && answer.faces.length).toBeGreaterThan(0)
  // The boxes came from the processor: what ran on the accelerator are its known question, the landmarks of boxes, and theirs.
  const runs = faults()
  await using whole = await open(plan)
  const before = faults()
  await whole.analyze(picture, detected)
  expect(faults() - before).toBe(runs + 1)
}, 60_000)

test("sizes that leave out the known question get no accelerator: nobody could doubt its answers", async () => {
  using temp = tempFolder()
  const { library, events } = buildStandIn(temp.path)
  const plan = acceleratedPlan(library, temp.file("compiled"))
  const one = { input: { min: [1, 3, 112, 112], opt: [1, 3, 112, 112], max: [1, 3, 112, 112] } }
  const { opened } = await openings({ ...plan, tensorrt: { ...plan.tensorrt, shapes: { "mobilefacenet.onnx": one } } })
  if (opened.kind === "unfit") throw new Error(opened.why)
  expect(opened.analyzer.refusals).toMatchObject([
    {
      provider: "tensorrt",
      why: expect.stringContaining(
        "the known question of mobilefacenet.onnx is 2x3x112x112, outside of 1x3x112x112 … 1x3x112x112",
      ),
      remedy: expect.stringContaining("inference.tensorrt.shapes"),
    },
  ])
  expect(opened.analyzer.models.map(({ placement }) => placement.active)).toContain("cpu")
  expect(appended(events())).toHaveLength(4)
}, 60_000)

test("a library that is no accelerator at all, or is not there, makes the engine unfit with the reason", async () => {
  using temp = tempFolder()
  const missing = await openings(acceleratedPlan(temp.file("none.so"), temp.file("compiled")))
  expect(missing.opened).toMatchObject({
    kind: "unfit",
    refusals: [{ provider: "tensorrt", why: expect.stringContaining("none.so") }],
  })
  const packaged = await openings(acceleratedPlan(packagedLibrary, temp.file("compiled"), { provider: "cuda" }))
  if (packaged.opened.kind === "unfit") throw new Error(packaged.opened.why)
  const { refusals } = packaged.opened.analyzer
  expect(refusals).toHaveLength(4)
  expect(refusals[0]?.why).toContain("cannot open shared object file")
}, 60_000)
