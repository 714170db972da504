import { readFile } from "node:fs/promises"
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

/** Milliseconds of one decoding and one run of every network. */
export type FloorTimes = Readonly<Record<FloorStage | "total", number>>

/**
 * The least that this picture can cost with these models, this runtime and this decoder: the weights as they are published, run
 * as anybody would run them.
 */
export interface Floor {
  /** The network runs in their order, for the reader to check. */
  readonly runs: readonly FloorRun[]
  readonly faces: number
  /** Decodes once and runs every network once on what it was really given. */
  measure(): Promise<FloorTimes>
  /** The same with the networks as the engine rewrites them before they are opened: what its own work comes on top of. */
  measureRewritten(): Promise<FloorTimes>
  close(): Promise<void>
}

type Feeds = Record<string, Tensor>
type Session = Awaited<ReturnType<typeof InferenceSession.create>>

interface Opened extends Pick<FloorRun, "model" | "stage"> {
  /** How the engine runs it. */
  readonly rewritten: (feeds: Feeds) => Promise<unknown>
  /** The published file under the same settings. */
  readonly published: Session
}

interface Recorded extends FloorRun {
  readonly network: Opened
  readonly feeds: Feeds
}

/**
 * Lets the real analyzer look at the picture once and keeps every tensor it gives to a network, so that the floor runs on the
 * same values: a PReLU takes three times as long on a face as on zeros.
 */
export async function openFloor(set: ModelSet, jpeg: Buffer, options: AnalyzeOptions): Promise<Result<Floor>> {
  const runs: Recorded[] = []
  const recorder = recordRuns(set, runs)
  const opened = await openAnalyzer(set, { threads: 1 }).finally(recorder.restore)
  if (opened.kind === "unfit") return { kind: "failed", why: opened.why }
  const { analyzer } = opened
  // What it ran while it was opened were known answers and made-up pictures.
  runs.length = 0
  const analysis = await analyzer.analyze(jpeg, options).finally(recorder.stop)
  if (analysis.kind !== "ok") return { kind: "failed", why: analysis.why }
  if (runs.length === 0) return { kind: "failed", why: "no network run was seen: the engine no longer runs onnxruntime-node" }

  const pixels = Buffer.alloc(analysis.image.width * analysis.image.height * 3)
  const measure = async (run: (recorded: Recorded) => Promise<unknown>): Promise<FloorTimes> => {
    const ms = { decode: 0, detect: 0, embed: 0, total: 0 }
    const startTickMs = nowTickMs()
    decompressRgb(jpeg, pixels)
    ms.decode = nowTickMs() - startTickMs
    for (const recorded of runs) {
      const runTickMs = nowTickMs()
      await run(recorded)
      ms[recorded.stage] += nowTickMs() - runTickMs
    }
    ms.total = nowTickMs() - startTickMs
    return ms
  }
  return {
    kind: "ok",
    value: {
      runs: runs.map(({ model, stage, shape }) => ({ model, stage, shape })),
      faces: analysis.faces.length,
      measure: () => measure(({ network, feeds }) => network.published.run(feeds)),
      measureRewritten: () => measure(({ network, feeds }) => network.rewritten(feeds)),
      close: async () => {
        await analyzer.close()
        await Promise.all(recorder.published.map((session) => session.release()))
      },
    },
  }
}

/** Wraps the sessions that are made until `restore`; their runs are kept in `runs` until `stop`. */
function recordRuns(set: ModelSet, runs: Recorded[]) {
  const files = filesOf(set)
  const published: Session[] = []
  const create = InferenceSession.create
  let recording = true

  async function createRecorded(weights: Uint8Array, options: object): Promise<Session> {
    const file = files[published.length]
    if (file === undefined) throw new Error("the engine opens more networks than its model set has files")
    const session = await create.call(InferenceSession, weights, options)
    const plain = await create.call(InferenceSession, await readFile(file.path), options)
    published.push(plain)
    const rewritten = session.run.bind(session) as (feeds: Feeds) => Promise<unknown>
    const network: Opened = { model: file.model, stage: file.stage, rewritten, published: plain }
    const run = (feeds: Feeds) => {
      if (!recording) return rewritten(feeds)
      const kept = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, copyOf(tensor)]))
      const shape = Object.values(kept).map(({ dims }) => dims.join("×"))
      runs.push({ model: file.model, stage: file.stage, shape: shape.join(", "), network, feeds: kept })
      return rewritten(feeds)
    }
    // The type knows several ways to call it; the engine uses this one.
    session.run = run as Session["run"]
    return session
  }

  InferenceSession.create = createRecorded as typeof create
  return {
    published,
    restore: () => {
      InferenceSession.create = create
    },
    stop: () => {
      recording = false
    },
  }
}

function copyOf(tensor: Tensor): Tensor {
  if (!(tensor.data instanceof Float32Array)) throw new Error(`a network was given ${tensor.type}; float32 was expected`)
  return new Tensor("float32", tensor.data.slice(), tensor.dims)
}

/** In the order in which an analyzer opens them. */
function filesOf({ detector, landmarks, embedders }: ModelSet): { model: string; stage: FloorStage; path: string }[] {
  const models = [
    { stage: "detect" as const, located: detector },
    ...(landmarks === undefined ? [] : [{ stage: "detect" as const, located: landmarks }]),
    ...embedders.map((located) => ({ stage: "embed" as const, located })),
  ]
  return models.flatMap(({ stage, located: { manifest, paths } }) =>
    manifest.files.map(({ name }) => ({ model: name, stage, path: paths[name] ?? name })),
  )
}
