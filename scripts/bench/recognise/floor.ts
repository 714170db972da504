import { InferenceSession, Tensor } from "onnxruntime-node"
import type { Result } from "../../../app/base/result.ts"
import { nowTickMs } from "../../../app/base/ticks.ts"
import { decompressRgb } from "../../../app/inference/engine/jpeg-turbo.ts"
import { openAnalyzer } from "../../../app/inference/engine/run.ts"
import type { ModelSet } from "../../../app/inference/manifest.ts"
import type { AnalyzeOptions } from "../../../app/inference/wire.ts"

/** What the floor's parts are compared with: stages of the server. */
export type FloorStage = "decode" | "detect" | "embed"

export interface FloorRun {
  readonly model: string
  readonly stage: FloorStage
  readonly shape: string
}

/** The least that this picture can cost with these models, this runtime and this decoder. */
export interface Floor {
  /** The network runs in their order, for the reader to check. */
  readonly runs: readonly FloorRun[]
  readonly faces: number
  /** Decodes once and runs every network once on what it was really given; milliseconds. */
  measure(): Promise<Readonly<Record<FloorStage | "total", number>>>
  close(): Promise<void>
}

type Feeds = Record<string, Tensor>
type Session = Awaited<ReturnType<typeof InferenceSession.create>>
interface Recorded extends FloorRun {
  run(): Promise<unknown>
}

/**
 * Lets the real analyzer look at the picture once and keeps every tensor it gives to a network, so that the floor runs the same
 * sessions on the same values: a PReLU takes three times as long on a face as on zeros.
 */
export async function openFloor(set: ModelSet, jpeg: Buffer, options: AnalyzeOptions): Promise<Result<Floor>> {
  const recorder = recordSessions(set)
  const opened = await openAnalyzer(set, { threads: 1 })
  recorder.restore()
  if (opened.kind === "unfit") return { kind: "failed", why: opened.why }
  const { analyzer } = opened
  const runs: Recorded[] = []
  recorder.into(runs)
  const analysis = await analyzer.analyze(jpeg, options)
  recorder.into(undefined)
  if (analysis.kind !== "ok") return { kind: "failed", why: analysis.why }
  if (runs.length === 0) return { kind: "failed", why: "no network run was seen: the engine no longer runs onnxruntime-node" }

  const pixels = Buffer.alloc(analysis.image.width * analysis.image.height * 3)
  return {
    kind: "ok",
    value: {
      runs: runs.map(({ model, stage, shape }) => ({ model, stage, shape })),
      faces: analysis.faces.length,
      measure: async () => {
        const ms = { decode: 0, detect: 0, embed: 0, total: 0 }
        const startTickMs = nowTickMs()
        decompressRgb(jpeg, pixels)
        ms.decode = nowTickMs() - startTickMs
        for (const { stage, run } of runs) {
          const runTickMs = nowTickMs()
          await run()
          ms[stage] += nowTickMs() - runTickMs
        }
        ms.total = nowTickMs() - startTickMs
        return ms
      },
      close: () => analyzer.close(),
    },
  }
}

/** Wraps the sessions that are made until `restore`; `into` says where their runs are kept. */
function recordSessions(set: ModelSet) {
  let runs: Recorded[] | undefined
  const create = InferenceSession.create
  const wrap = (session: Session, bytes: number) => {
    const bare = session.run.bind(session) as (feeds: Feeds) => Promise<unknown>
    const named = networkOf(set, bytes)
    const recording = (feeds: Feeds) => {
      const kept = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, copyOf(tensor)]))
      const shape = Object.values(kept).map(({ dims }) => dims.join("×"))
      runs?.push({ ...named, shape: shape.join(", "), run: () => bare(kept) })
      return bare(feeds)
    }
    // The type knows several ways to call it; the engine uses this one.
    session.run = recording as Session["run"]
    return session
  }
  InferenceSession.create = (async (weights: Uint8Array, options: object) =>
    wrap(await create.call(InferenceSession, weights, options), weights.length)) as typeof create
  return {
    into: (target: Recorded[] | undefined) => {
      runs = target
    },
    restore: () => {
      InferenceSession.create = create
    },
  }
}

function copyOf(tensor: Tensor): Tensor {
  if (!(tensor.data instanceof Float32Array)) throw new Error(`a network was given ${tensor.type}; float32 was expected`)
  return new Tensor("float32", tensor.data.slice(), tensor.dims)
}

/** A session is made from bytes alone; among the files of one set their number tells which. */
function networkOf({ detector, landmarks, embedders }: ModelSet, bytes: number): Pick<FloorRun, "model" | "stage"> {
  const models = [
    { stage: "detect" as const, manifest: detector.manifest },
    ...(landmarks === undefined ? [] : [{ stage: "detect" as const, manifest: landmarks.manifest }]),
    ...embedders.map(({ manifest }) => ({ stage: "embed" as const, manifest })),
  ]
  for (const { stage, manifest } of models) {
    const file = manifest.files.find((file) => file.bytes === bytes)
    if (file !== undefined) return { model: file.name, stage }
  }
  throw new Error(`a network of ${bytes} bytes is no file of the model set`)
}
