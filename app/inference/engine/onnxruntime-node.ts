import { env, InferenceSession, Tensor as NodeTensor } from "onnxruntime-node"
import type { Runtime, Session, SessionOptions } from "./runtime.ts"
import { sessionOver } from "./session.ts"
import { isElementType, refusedOutput, type Tensor } from "./tensor.ts"

/** The library inside the package, which computes on the processor of every machine. */
export function openNodeRuntime(): Runtime {
  return {
    name: "onnxruntime-node",
    version: env.versions.node ?? env.versions.common,
    providers: ["CPUExecutionProvider"],
    openSession,
  }
}

async function openSession(bytes: Uint8Array, { threads, provider, spinning = false }: SessionOptions): Promise<Session> {
  if (provider !== undefined && provider.name !== "cpu") {
    // The package would hand on a device number and nothing else: no half precision, no cache of engines.
    throw new Error(`onnxruntime-node runs on the processor; ${provider.name} needs a library of the box (ort-ffi)`)
  }
  const session = await InferenceSession.create(bytes, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    executionMode: "sequential",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Frames, pyramid levels and batches come in ever new shapes, and the runtime would keep a plan for each one it saw.
    enableMemPattern: false,
    logSeverityLevel: 3,
    // Threads that wait by spinning take the core from the engine next door.
    extra: {
      session: { intra_op: { allow_spinning: spinning ? "1" : "0" }, inter_op: { allow_spinning: spinning ? "1" : "0" } },
    },
  })
  const { inputNames, outputNames } = session

  return sessionOver({
    inputNames,
    outputNames,
    async run(inputs) {
      const feeds: Record<string, NodeTensor> = {}
      for (const name of inputNames) feeds[name] = toNode(inputs[name]!)
      const results = await session.run(feeds)
      return Object.fromEntries(outputNames.map((name) => [name, fromNode(name, results[name])]))
    },
    // All of them on the processor, and the package does not say how many that is.
    nodesByProvider: () => undefined,
    release: () => session.release(),
  })
}

function toNode({ type, data, shape }: Tensor): NodeTensor {
  return new NodeTensor(type, data, shape)
}

function fromNode(name: string, tensor: NodeTensor | undefined): Tensor {
  if (tensor === undefined || !isElementType(tensor.type)) throw refusedOutput(name, tensor?.type ?? "nothing")
  return { type: tensor.type, data: tensor.data, shape: tensor.dims } as Tensor
}
