/**
 * Derives app/inference/engine/ort-ffi/functions.ts from ONNX Runtime's public C header: where in the table of functions each one
 * stands that the adapter calls, since which version, and what it takes. By hand, when the adapter calls another function:
 *
 *   .tools/bin/bun scripts/ort-api.ts onnxruntime_c_api.h [headers of other versions …]
 *
 * The first header gives the table; the API version asked of a library is that header's. The table only ever grows at its end,
 * and with headers of other versions this is checked: every function they know stands where the first one says.
 * The header of a release: include/onnxruntime/core/session/onnxruntime_c_api.h at its tag in github.com/microsoft/onnxruntime.
 */
import { join } from "node:path"
import { projectRoot } from "../app/base/paths.ts"
import { type ApiHeader, callSite, readApiHeader } from "./ort-api/header.ts"

/** What the adapter calls, in the order of its use. */
const called = [
  ...["GetErrorMessage", "ReleaseStatus", "CreateEnv", "DisableTelemetryEvents"],
  ...["GetAvailableProviders", "ReleaseAvailableProviders", "GetAllocatorWithDefaultOptions", "AllocatorFree"],
  ...["CreateSessionOptions", "ReleaseSessionOptions", "SetSessionGraphOptimizationLevel", "SetSessionExecutionMode"],
  ...["SetIntraOpNumThreads", "SetInterOpNumThreads", "DisableMemPattern", "SetSessionLogSeverityLevel"],
  ...["AddSessionConfigEntry", "EnableProfiling"],
  ...["CreateTensorRTProviderOptions", "UpdateTensorRTProviderOptions", "ReleaseTensorRTProviderOptions"],
  "SessionOptionsAppendExecutionProvider_TensorRT_V2",
  ...["CreateCUDAProviderOptions", "UpdateCUDAProviderOptions", "ReleaseCUDAProviderOptions"],
  "SessionOptionsAppendExecutionProvider_CUDA_V2",
  ...["CreateCANNProviderOptions", "UpdateCANNProviderOptions", "ReleaseCANNProviderOptions"],
  ...["SessionOptionsAppendExecutionProvider_CANN"],
  ...["CreateSessionFromArray", "ReleaseSession", "SessionGetInputCount", "SessionGetOutputCount"],
  ...["SessionGetInputName", "SessionGetOutputName", "SessionEndProfiling", "Run"],
  ...["CreateCpuMemoryInfo", "CreateTensorWithDataAsOrtValue", "ReleaseValue", "IsTensor", "GetTensorMutableData"],
  ...["GetTensorTypeAndShape", "ReleaseTensorTypeAndShapeInfo", "GetTensorElementType", "GetDimensionsCount", "GetDimensions"],
  ...["Session_GetEpGraphAssignmentInfo", "EpAssignedSubgraph_GetEpName", "EpAssignedSubgraph_GetNodes"],
]

const [path, ...otherPaths] = process.argv.slice(2)
if (path === undefined) throw new Error("name the header: .tools/bin/bun scripts/ort-api.ts onnxruntime_c_api.h")
const header = readApiHeader(await Bun.file(path).text())
for (const otherPath of otherPaths) checkGrowth(header, readApiHeader(await Bun.file(otherPath).text()))

const lines = called.map((name) => {
  const site = callSite(header, name)
  return `  ${name}: { index: ${site.index}, since: ${site.since}, args: ${JSON.stringify(site.args)}, returns: "${site.returns}" },`
})
const target = join(projectRoot, "app/inference/engine/ort-ffi/functions.ts")
await Bun.write(
  target,
  `/**
 * Made by scripts/ort-api.ts from onnxruntime_c_api.h of API version ${header.version}; not edited by hand.
 *
 * \`index\`: place in the table of functions; \`since\`: the first API version that has it (0: all we take). Arguments and results
 * as bun:ffi names them: enumerations of C are i32, size_t is u64.
 */
export const apiVersion = ${header.version}

export const functions = {
${lines.join("\n")}
} as const
`,
)
const { exitCode } = Bun.spawnSync([process.execPath, "x", "biome", "check", "--write", target], { cwd: projectRoot })
if (exitCode !== 0) throw new Error(`${target} could not be formatted`)
console.log(`${target}: ${called.length} of ${header.functions.size} functions, API version ${header.version}`)

/** Throws where a function stands in one place in one version and elsewhere in the other. */
function checkGrowth(ours: ApiHeader, other: ApiHeader): void {
  const [shorter, longer] = ours.version < other.version ? [ours, other] : [other, ours]
  for (const [name, { index }] of shorter.functions) {
    const there = longer.functions.get(name)?.index
    if (there !== index)
      throw new Error(`${name} is number ${index} in API ${shorter.version} and ${there} in ${longer.version}`)
  }
  console.log(`API ${shorter.version}: all ${shorter.functions.size} functions stand in the same place in ${longer.version}`)
}
