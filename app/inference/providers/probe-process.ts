import { message, tag, wireType, writeVarint } from "../engine/protobuf.ts"
import { openRuntime, type ProviderRequest } from "../engine/runtime.ts"
import { readMachineVersions } from "./machine.ts"
import type { ProbeAnswer, ProbeQuestion } from "./probe.ts"
import { plainWords } from "./words.ts"

/**
 * Loads a library of the machine, and with a provider named, runs the smallest network there is on it. In a process of its own:
 * what it loads may crash or hang.
 */
export async function answerProbe({ library, provider, deviceId }: ProbeQuestion): Promise<ProbeAnswer> {
  const opened = await openRuntime({ adapter: "ort-ffi", library })
  if (opened.kind === "refused") return opened
  const { runtime } = opened
  if (provider === undefined) {
    const versions = { runtime: runtime.version, ...readMachineVersions() }
    return { kind: "ok", providers: [...runtime.providers], versions }
  }
  try {
    const session = await runtime.openSession(smallestNetwork(), { threads: 1, provider: requestOf(provider, deviceId) })
    const { y } = await session.run({ x: { type: "float32", data: Float32Array.of(-1, 2), shape: [2] } })
    await session.close()
    if (y?.type !== "float32" || y.data[0] !== 0 || y.data[1] !== 2)
      return {
        kind: "refused",
        why: `${provider} computes wrongly: max(0, x) of -1 and 2 came out as ${y?.data.join(", ")}`,
        remedy: reinstall,
      }
    return { kind: "ok", providers: [...runtime.providers], versions: { runtime: runtime.version } }
  } catch (error) {
    const why = `${provider} cannot be used: ${plainWords(error)}`
    return { kind: "refused", why, remedy: remedies[provider] }
  }
}

const reinstall = "install driver and libraries of the accelerator again; until then the processor serves"

const remedies = {
  tensorrt:
    "install the TensorRT and CUDA that this library was built for (on a Jetson: apt-get install nvidia-jetpack), with libonnxruntime_providers_tensorrt.so beside it",
  cuda: "install the CUDA and cuDNN that this library was built for, with libonnxruntime_providers_cuda.so beside it; nvidia-smi shows whether the driver runs",
  cann: "install Ascend's driver and CANN toolkit, source its set_env.sh for the service, and see with npu-smi info whether the driver runs",
} as const

/** TensorRT leaves a network of one node to the processor: no engine is compiled, which would take seconds. */
function requestOf(name: "tensorrt" | "cuda" | "cann", deviceId: number): ProviderRequest {
  const minimal: Record<string, string> = name === "tensorrt" ? { trt_min_subgraph_size: "1000" } : {}
  return { name, options: { device_id: String(deviceId), ...minimal } }
}

/** y = Relu(x) for two floats, as an ONNX file of operators' version 13 (onnx.proto gives the numbers of the fields). */
function smallestNetwork(): Buffer {
  const text = (field: number, value: string) => message(field, [Buffer.from(value)])
  const number = (field: number, value: number) => Buffer.concat([tag(field, wireType.varint), writeVarint(value)])
  const value = (field: number, name: string) => {
    const float = 1
    const shape = message(2, [message(1, [number(1, 2)])])
    return message(field, [text(1, name), message(2, [message(1, [number(1, float), shape])])])
  }
  const node = message(1, [text(1, "x"), text(2, "y"), text(4, "Relu")])
  const graph = message(7, [node, text(2, "smallest"), value(11, "x"), value(12, "y")])
  return Buffer.concat([number(1, 8), graph, message(8, [text(1, ""), number(2, 13)])])
}
