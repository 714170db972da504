import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { selfCommand } from "../../../app/base/self.ts"
import { inferenceOptions } from "../../../app/inference/options.ts"
import { chooseProviders, type ProviderChoice } from "../../../app/inference/providers/choose.ts"
import { foreignLibrary } from "../../../app/inference/providers/elf.ts"
import { findLibraries } from "../../../app/inference/providers/libraries.ts"
import { probe } from "../../../app/inference/providers/probe.ts"
import {
  buildCrashingLibrary,
  buildForeignLibrary,
  buildHangingLibrary,
  buildMakersLibraries,
  buildStandIn,
  foreignArchitecture,
  packagedLibrary,
} from "../../support/native/libraries.ts"
import { tempFolder } from "../../support/shared.ts"

const env = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "" }

/** With real probes of this very program; `limitMs` for those that hang. */
function choose(told: object, limitMs?: number, folders: readonly string[] = []): Promise<ProviderChoice> {
  const { signal } = new AbortController()
  return chooseProviders(inferenceOptions.parse(told), {
    ask: (question) => probe(selfCommand(), question, env, signal, limitMs),
    folders,
    cacheFolder: "/nowhere",
  })
}

const reasons = ({ refusals }: ProviderChoice) => refusals.map(({ provider, why }) => `${provider}: ${why}`)

test("when the box was stopped already, nothing is started to look, and that is said", async () => {
  const question = { library: "/opt/gatehouse/ort/libonnxruntime.so", provider: undefined, deviceId: 0 } as const
  const answer = await probe(["/nowhere/no-program"], question, env, AbortSignal.abort())
  expect(answer).toMatchObject({ kind: "refused", why: `${question.library} was not looked at to the end` })
})

test("a library of the machine offers its accelerators best first, and each is tried by itself", async () => {
  using temp = tempFolder()
  const { library, tell, events } = buildStandIn(temp.path)
  const all = await choose({ ortLibrary: library })
  expect(all.plans.map(({ provider }) => provider)).toEqual(["tensorrt", "cuda", "cann"])
  expect(all.plans[0]).toMatchObject({
    adapter: "ort-ffi",
    library,
    deviceId: 0,
    cacheFolder: "/nowhere",
    versions: { runtime: expect.stringMatching(/^1\./) },
    tensorrt: { fp16: true, workspaceBytes: 1024 ** 3 },
  })
  expect(all.refusals).toEqual([])
  expect(events().map((event) => event.event === "append" && event.provider)).toContain("cann")

  tell({ refuse_tensorrt: "libnvinfer.so.10: cannot open shared object file" })
  const fewer = await choose({ ortLibrary: library })
  expect(fewer.plans.map(({ provider }) => provider)).toEqual(["cuda", "cann"])
  expect(fewer.refusals).toMatchObject([
    {
      provider: "tensorrt",
      why: expect.stringContaining("libnvinfer.so.10: cannot open shared object file"),
      remedy: expect.stringContaining("install the TensorRT"),
    },
  ])

  // A provider that crashes costs nobody else anything.
  tell({ fault: "crash", providers: "CUDAExecutionProvider" })
  const none = await choose({ ortLibrary: library, provider: "cuda" })
  expect(none.plans).toEqual([])
  expect(none.refusals).toMatchObject([{ provider: "cuda", why: expect.stringContaining("crashed the process that tried it") }])

  tell({ fault: "wrong" })
  expect(reasons(await choose({ ortLibrary: library, provider: "cann" }))).toEqual([
    expect.stringContaining("cann computes wrongly"),
  ])
}, 60_000)

test("what is wanted decides what is looked for", async () => {
  using temp = tempFolder()
  const { library } = buildStandIn(temp.path, { providers: "CUDAExecutionProvider" })
  expect(await choose({ provider: "cpu", ortLibrary: library })).toEqual({ plans: [], refusals: [] })
  const required = await choose({ require: "tensorrt", ortLibrary: library })
  expect(required.plans).toEqual([])
  expect(reasons(required)).toEqual([expect.stringContaining("was built without tensorrt: it has CUDAExecutionProvider")])
  expect(() => inferenceOptions.parse({ provider: "cpu", require: "tensorrt" })).toThrow(
    "what is required is what provider names",
  )
  const nothing = await choose({})
  expect(nothing.plans).toEqual([])
  expect(nothing.refusals).toMatchObject([
    {
      provider: "tensorrt",
      why: expect.stringContaining("no library of ONNX Runtime"),
      remedy: expect.stringContaining("GATEHOUSE_ORT_LIB"),
    },
    { provider: "cuda", absent: true },
    { provider: "cann", absent: true },
  ])
  // Who names one has it, or thinks so: then it is not nothing that there is none.
  expect((await choose({ provider: "cuda" })).refusals[0]).not.toHaveProperty("absent")
})

test("a library that cannot be used is refused with the reason and the remedy", async () => {
  using temp = tempFolder()
  const tooOld = buildStandIn(temp.path, { version: "1.10.0" }).library
  const text = temp.file("text.so")
  writeFileSync(text, "#!/bin/sh\nnot a library")
  const cases: [string, string][] = [
    [temp.file("none.so"), "is missing"],
    [text, "it is no library at all"],
    [
      foreignArchitecture(temp.path),
      process.arch === "x64" ? "it is for ARM64, and this machine is x86-64" : "it is for x86-64",
    ],
    [tooOld, "ONNX Runtime 1.10.0"],
    [buildForeignLibrary(temp.path), "OrtGetApiBase"],
    [buildCrashingLibrary(temp.path), "crashed the process that tried it"],
  ]
  for (const [ortLibrary, why] of cases) {
    const { plans, refusals } = await choose({ ortLibrary, provider: "tensorrt" })
    expect(plans).toEqual([])
    expect(refusals).toHaveLength(1)
    expect(refusals[0]?.why).toContain(why)
    expect(refusals[0]?.remedy.length).toBeGreaterThan(10)
  }
  const hanging = await choose({ ortLibrary: buildHangingLibrary(temp.path), provider: "tensorrt" }, 2000)
  expect(reasons(hanging)).toEqual([expect.stringContaining("did not answer within 2 s")])
}, 60_000)

test("a process that a library leaves behind keeps nobody waiting", async () => {
  const { signal } = new AbortController()
  const question = { library: "/none.so", provider: undefined, deviceId: 0 }
  const startedMs = Date.now()
  // It holds on to the outputs of the one that was asked.
  const told = `sleep 40 & echo 'cannot go on' >&2; exit 3`
  const answer = await probe(["/bin/sh", "-c", told], question, env, signal)
  expect(answer).toMatchObject({ kind: "refused", why: expect.stringContaining("exit code 3 (cannot go on)") })
  expect(Date.now() - startedMs).toBeLessThan(20_000)
}, 60_000)

test("the packaged library lists accelerators that it cannot load, and is refused in its own words", async () => {
  const { plans, refusals } = await choose({ ortLibrary: packagedLibrary })
  expect(plans).toEqual([])
  expect(refusals.map(({ provider }) => provider)).toEqual(["tensorrt", "cuda", "cann"])
  for (const { why } of refusals) expect(why).toMatch(/cannot open shared object file|was built without/)
}, 60_000)

test("versions that a compiled engine is bound to are asked of the machine's own libraries", async () => {
  using temp = tempFolder()
  const { library } = buildStandIn(temp.path)
  buildMakersLibraries(temp.path)
  writeFileSync(temp.file("version.cfg"), "# of the toolkit\nVersion=8.0.RC3\n")
  const surroundings = { ...env, LD_LIBRARY_PATH: temp.path, ASCEND_TOOLKIT_HOME: temp.path }
  const { signal } = new AbortController()
  const question = { library, provider: undefined, deviceId: 0 }
  expect(await probe(selfCommand(), question, surroundings, signal)).toMatchObject({
    kind: "ok",
    versions: { tensorrt: "10.3.1", cuda: "12.6", computeCapability: "8.7", cann: "8.0.RC3" },
  })
}, 60_000)

test("libraries: the named one alone, else the folders in their order, each file once", async () => {
  using temp = tempFolder()
  for (const name of ["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.20.1", "libonnxruntime_providers_cuda.so", "other.so"])
    writeFileSync(temp.file(name), name)
  expect(await findLibraries(null, [temp.file("absent"), temp.path])).toEqual([
    temp.file("libonnxruntime.so.1.20.1"),
    temp.file("libonnxruntime.so.1.9.0"),
  ])
  expect(await findLibraries(temp.path)).toEqual([temp.file("libonnxruntime.so.1.20.1")])
  expect(await findLibraries(temp.file("absent.so"), [temp.path])).toEqual([temp.file("absent.so")])
  expect(await foreignLibrary(packagedLibrary)).toBeUndefined()
})
