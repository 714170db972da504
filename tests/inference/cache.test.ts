import { expect, spyOn, test } from "bun:test"
import { createMetrics } from "../../app/base/metrics.ts"
import type { Answer } from "../../app/inference/answer.ts"
import { cacheAnswers } from "../../app/inference/cache.ts"
import { type CacheOptions, inferenceOptions } from "../../app/inference/options.ts"
import type { Work } from "../../app/inference/work.ts"
import { paint, readPainted } from "../support/painted.ts"

type Ok = Extract<Answer, { kind: "ok" }>

/** Painted engines behind a cache, and how often they were asked. */
function cached(options: Partial<CacheOptions> = {}, given: (answer: Answer) => Answer = (answer) => answer) {
  const metrics = createMetrics()
  let runs = 0
  const analyze = async (work: Work) => {
    runs += 1
    return given(await readPainted(work))
  }
  const ask = cacheAnswers(analyze, "painted", { ...inferenceOptions.parse({}).cache, ...options }, metrics)
  return {
    metrics,
    runs: () => runs,
    ask: async (picture: Uint8Array, more: Partial<Work> = {}, asked: Partial<Work["options"]> = {}) =>
      (await ask({
        picture,
        options: { faceWidthPxMin: 48, facesMax: 10, embed: "all", ...asked },
        deadlineTickMs: performance.now() + 1000,
        ...more,
      })) as Ok,
  }
}

const ada = paint({ person: "Ada" })

test("the same bytes are answered again without an engine, and say so", async () => {
  const { ask, runs, metrics } = cached()
  const first = await ask(ada)
  const second = await ask(ada.slice())
  expect(runs()).toBe(1)
  expect(first.cached).toBeUndefined()
  expect(second).toMatchObject({ cached: true, image: first.image, faces: first.faces, degraded: [] })
  expect(second.timingsMs).toEqual({ wait: 0, decode: 0, detect: 0, align: 0, embed: 0, cache: expect.any(Number) })
  expect(first.timingsMs).toMatchObject({ decode: 1, cache: expect.any(Number) })
  const text = await metrics.registry.metrics()
  for (const line of [`cache_total{result="hit"} 1`, `cache_total{result="miss"} 1`, "cache_entries 1"])
    expect(text).toContain(`gatehouse_${line}`)
})

test.each<[string, Uint8Array, Partial<Work["options"]>]>([
  ["another picture", paint({ person: "Grace" }), {}],
  ["another width", ada, { faceWidthPxMin: 47 }],
  ["another number of faces", ada, { facesMax: 9 }],
  ["other embeddings", ada, { embed: "largest" }],
  ["a smaller detector input", ada, { detectorInput: "small" }],
  ["a picture of the frame", ada, { snapshot: { longestSidePx: 640, quality: 80 } }],
  ["pictures of the faces", ada, { chips: true }],
])("%s is another question", async (_what, picture, asked) => {
  const { ask, runs } = cached()
  await ask(ada)
  expect((await ask(picture, {}, asked)).cached).toBeUndefined()
  expect(runs()).toBe(2)
})

test("two pictures with one short hash are two pictures", async () => {
  const { wyhash } = Bun.hash
  using hash = spyOn(Bun, "hash").mockReturnValue(1n)
  Object.assign(hash, { wyhash })
  const { ask, runs } = cached()
  await ask(ada)
  expect((await ask(paint({ person: "Grace" }))).cached).toBeUndefined()
  expect(runs()).toBe(2)
  expect((await ask(paint({ person: "Grace" }))).cached).toBe(true)
})

test("what goes without saying is the same question", async () => {
  const { ask } = cached()
  await ask(ada)
  expect((await ask(ada, {}, { detectorInput: "full", chips: false, snapshot: undefined })).cached).toBe(true)
})

test("an answer is given again only for so long", async () => {
  const { ask, runs } = cached({ ttlMs: 30 })
  await ask(ada)
  await Bun.sleep(60)
  expect((await ask(ada)).cached).toBeUndefined()
  expect(runs()).toBe(2)
})

test("of too many answers those asked for longest ago leave", async () => {
  const { ask, runs } = cached({ entriesMax: 2 })
  for (const person of ["A", "B", "A", "C"]) await ask(paint({ person }))
  expect(runs()).toBe(3)
  expect((await ask(paint({ person: "A" }))).cached).toBe(true)
  expect((await ask(paint({ person: "B" }))).cached).toBeUndefined()
})

test("answers are bounded in bytes: those of many faces leave sooner, and one larger than all may be is not kept", async () => {
  const { ask } = cached({ bytesMax: 100_000 })
  const crowdOf = (count: number, what: string) =>
    paint(...Array.from({ length: count }, (_, i) => ({ person: `${what} ${i}` })))
  const look = async (picture: Uint8Array) => (await ask(picture, {}, { facesMax: 100 })).cached === true
  for (const what of ["A", "B"]) await look(crowdOf(30, what))
  expect(await look(crowdOf(30, "B"))).toBe(true)
  expect(await look(crowdOf(30, "A"))).toBe(false)
  await look(crowdOf(60, "C"))
  expect(await look(crowdOf(60, "C"))).toBe(false)
  expect(await look(crowdOf(30, "A"))).toBe(true)
})

test("frames of a camera go past it, unless told otherwise", async () => {
  const past = cached()
  await past.ask(ada, { camera: "door" })
  expect((await past.ask(ada, { camera: "door" })).cached).toBeUndefined()
  const through = cached({ cameraFrames: true })
  await through.ask(ada, { camera: "door" })
  expect((await through.ask(ada, { camera: "door" })).cached).toBe(true)
})

test.each<[string, (answer: Answer) => Answer]>([
  ["less effort", (answer) => ({ ...answer, degraded: ["detectorInput"] }) as Answer],
  ["a broken picture", () => ({ kind: "refused", reason: "bad_image", why: "cut off" })],
  ["no engine", () => ({ kind: "unavailable", retryAfterS: 1, why: "none is up" })],
])("an answer of %s is not kept", async (_what, given) => {
  const { ask, runs } = cached({}, given)
  await ask(ada)
  expect((await ask(ada)).cached).toBeUndefined()
  expect(runs()).toBe(2)
})

test("switched off it is not there at all", async () => {
  const { ask, runs } = cached({ enabled: false })
  await ask(ada)
  expect((await ask(ada)).timingsMs).not.toHaveProperty("cache")
  expect(runs()).toBe(2)
})
