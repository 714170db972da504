import { createHash } from "node:crypto"
import { LRUCache } from "lru-cache"
import type { Metrics } from "../base/metrics.ts"
import { elapsedMs, nowTickMs } from "../base/ticks.ts"
import type { AnalyzedFace } from "../face/face.ts"
import type { Answer } from "./answer.ts"
import type { CacheOptions } from "./options.ts"
import type { Work } from "./work.ts"

type Analyze = (work: Work) => Promise<Answer>

export interface CachedAnalyze extends Analyze {
  /** For who is to be forgotten: nobody here knows whose the pictures were. */
  forgetAll(): void
}

type Analysis = Extract<Answer, { kind: "ok" }>

interface Kept {
  /** Of the picture. */
  readonly sha256: string
  readonly analysis: Analysis
}

/** A face in JavaScript objects, its quality and landmarks included, without embedding and chip; measured generously. */
const faceBytes = 1500
const answerBytes = 500

/**
 * The engines, except that a picture they have just answered is not looked at again: same bytes (SHA-256), same options, same
 * space. People send a picture twice when a network is bad, when a page is reloaded, when several programs ask about the same
 * one. Kept are whole answers of full effort, never names: those are looked up anew each time.
 *
 * A camera's frames hardly ever repeat and are recorded with their time, so work that names a camera goes past the cache
 * unless `cameraFrames` says otherwise.
 */
export function cacheAnswers(
  analyze: Analyze,
  space: string,
  options: CacheOptions,
  metrics: Pick<Metrics, "cacheTotal" | "cacheEntries">,
): CachedAnalyze {
  if (!options.enabled) return Object.assign((work: Work) => analyze(work), { forgetAll: () => undefined })
  const answers = new LRUCache<string, Kept>({
    max: options.entriesMax,
    maxSize: options.bytesMax,
    ttl: options.ttlMs,
    sizeCalculation: sizeOf,
  })

  const ask: Analyze = async (work) => {
    if (work.camera !== undefined && !options.cameraFrames) return analyze(work)
    const startTickMs = nowTickMs()
    const key = keyOf(work, space)
    const alike = answers.get(key)
    // One thread: nothing but a look-up comes between a miss and the engine, whose work the long sum below does not hold up.
    const known = alike !== undefined && alike.sha256 === sha256Of(work.picture) ? alike.analysis : undefined
    const cache = elapsedMs(startTickMs)
    metrics.cacheTotal.inc({ result: known === undefined ? "miss" : "hit" })
    if (known !== undefined) {
      const { run: _run, ...analysis } = known
      return { ...analysis, cached: true, timingsMs: { ...noTime, cache } }
    }

    const answering = analyze(work)
    const sha256 = sha256Of(work.picture)
    const answer = await answering
    if (answer.kind !== "ok") return answer
    if (answer.degraded.length === 0) {
      answers.set(key, { sha256, analysis: answer })
      metrics.cacheEntries.set(answers.size)
    }
    return { ...answer, timingsMs: { ...answer.timingsMs, cache } }
  }
  return Object.assign(ask, {
    forgetAll() {
      answers.clear()
      metrics.cacheEntries.set(0)
    },
  })
}

/** No engine was at work. */
const noTime = { wait: 0, decode: 0, detect: 0, align: 0, embed: 0 }

/**
 * A short hash of the picture (a sixth of the time of SHA-256, which decides), and every option, so that one that is added some day
 * cannot be forgotten here.
 */
function keyOf({ picture, options }: Work, space: string): string {
  const asked = { ...options, detectorInput: options.detectorInput ?? "full", chips: options.chips ?? false }
  const said = Object.entries(asked).filter(([, value]) => value !== undefined)
  return `${Bun.hash(picture)} ${space} ${JSON.stringify(said.sort())}`
}

function sha256Of(picture: Uint8Array): string {
  return createHash("sha256").update(picture).digest("base64")
}

function sizeOf({ analysis: { faces, snapshot } }: Kept, key: string): number {
  const bytesOf = ({ embedding, chip }: AnalyzedFace) => faceBytes + (embedding?.byteLength ?? 0) + (chip?.jpeg.byteLength ?? 0)
  return faces.reduce((sum, face) => sum + bytesOf(face), answerBytes + key.length + (snapshot?.byteLength ?? 0))
}
