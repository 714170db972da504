import { unreachable } from "../../base/assert.ts"
import type { AnalyzedFace } from "../../face/face.ts"
import type { Point } from "../../face/geometry.ts"
import { type Channel, channelHandlers } from "../channel.ts"
import type { ModelSet } from "../manifest.ts"
import { type FromEngine, type ToEngine, toEngine } from "../wire.ts"
import { type Analyzer, openAnalyzer } from "./run.ts"

/**
 * The engine process: it connects to its parent, opens the models it is told to, and answers one picture after the other. It
 * keeps no state and decides nothing. When the parent is gone, so is its reason to live.
 */
export async function runEngine(socketPath: string): Promise<void> {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  let analyzer: Analyzer | undefined
  let channel: Channel<FromEngine> | undefined
  let last: Promise<void> = Promise.resolve()

  await Bun.connect({
    unix: socketPath,
    socket: channelHandlers<ToEngine, FromEngine>(toEngine, {
      opened: (opened) => {
        channel = opened
      },
      received: (message, body) => {
        last = last.then(() => handle(message, body))
      },
      closed: () => end(),
    }),
  })
  await ended
  // No tidy release of native sessions: the process gives every byte back by ending.
  process.exit(0)

  async function handle(message: ToEngine, body: Uint8Array): Promise<void> {
    switch (message.kind) {
      case "open":
        return open(message.set, message.threads)
      case "ping":
        channel?.send({ kind: "pong", id: message.id, residentBytes: process.memoryUsage.rss() })
        return
      case "analyze":
        return analyze(message, body)
      default:
        return unreachable(message)
    }
  }

  async function open(set: ModelSet, threads: number): Promise<void> {
    const opened = await openAnalyzer(set, { threads }).catch((error: unknown) => ({
      kind: "unfit" as const,
      why: String(error),
    }))
    if (opened.kind === "unfit") {
      channel?.send({ kind: "unfit", why: opened.why })
      return
    }
    analyzer = opened.analyzer
    channel?.send({ kind: "ready", pid: process.pid, runtime: analyzer.runtime, models: [...analyzer.models] })
  }

  async function analyze(message: Extract<ToEngine, { kind: "analyze" }>, picture: Uint8Array): Promise<void> {
    const { id } = message
    if (analyzer === undefined) {
      channel?.send({ kind: "failed", id, why: "asked before the models were open" })
      return
    }
    try {
      const analysis = await analyzer.analyze(picture, message.options)
      if (analysis.kind === "refused") {
        channel?.send({ kind: "refused", id, reason: analysis.reason, why: analysis.why })
        return
      }
      const { faces, body } = toWire(analysis.faces)
      channel?.send({ kind: "analysis", id, image: analysis.image, faces, timingsMs: analysis.timingsMs }, body)
    } catch (error) {
      // One picture's bug must not cost the next one its answer; the parent logs it and counts.
      channel?.send({ kind: "failed", id, why: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  }
}

type WireFace = Extract<FromEngine, { kind: "analysis" }>["faces"][number]

/** Embeddings leave as one block of float32, face after face; figures leave in the digits that mean something. */
function toWire(faces: readonly AnalyzedFace[]): { faces: WireFace[]; body: Uint8Array } {
  const embeddings = faces.flatMap((face) => (face.embedding === undefined ? [] : [face.embedding]))
  const body = new Float32Array(embeddings.reduce((length, embedding) => length + embedding.length, 0))
  let count = 0
  const wireFaces = faces.map(({ embedding, box, score, landmarks, quality }): WireFace => {
    const [leftEye, rightEye, nose, leftMouth, rightMouth] = landmarks
    const face: WireFace = {
      box: { x: round(box.x, 2), y: round(box.y, 2), width: round(box.width, 2), height: round(box.height, 2) },
      score: round(score, 4),
      landmarks: [toPoint(leftEye), toPoint(rightEye), toPoint(nose), toPoint(leftMouth), toPoint(rightMouth)],
      quality: {
        score: round(quality.score, 3),
        faceWidthPx: round(quality.faceWidthPx, 1),
        eyeDistancePx: round(quality.eyeDistancePx, 1),
        brightness: round(quality.brightness, 3),
        contrast: round(quality.contrast, 3),
        sharpness: round(quality.sharpness, 3),
        yaw: round(quality.yaw, 1),
        pitch: round(quality.pitch, 1),
        roll: round(quality.roll, 1),
      },
    }
    if (embedding === undefined) return face
    body.set(embedding, count * embedding.length)
    return { ...face, embeddingIndex: count++ }
  })
  return { faces: wireFaces, body: new Uint8Array(body.buffer) }
}

function toPoint([x, y]: Point): [number, number] {
  return [round(x, 2), round(y, 2)]
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits
  return Math.round(value * factor) / factor
}
