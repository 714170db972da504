import { assert } from "../../base/assert.ts"
import { createLifetimes } from "../../base/lifetimes.ts"
import type { Result } from "../../base/result.ts"
import { elapsedMs, nowTickMs } from "../../base/ticks.ts"
import type { AnalyzedFace, DetectedFace } from "../../face/face.ts"
import type { Box, ImageSize, Landmarks } from "../../face/geometry.ts"
import type { Pixels } from "../../face/pixels.ts"
import { measureQuality } from "../../face/quality.ts"
import type { LocatedModel, ModelManifest, ModelSet } from "../manifest.ts"
import { cpuPlan, type PlacementReport, type ProviderRefusal, providerNames, type RuntimePlan } from "../providers/plan.ts"
import type { AnalyzeOptions, StageTimings } from "../wire.ts"
import { createPictureDecoder } from "./decode.ts"
import { createDetector } from "./detectors/create.ts"
import type { Detector } from "./detectors/detector.ts"
import { createEmbedder, type Embedder, type FusionPart, fuseEmbedders } from "./embed.ts"
import type { Refusal } from "./header.ts"
import { createPoints68, type LandmarkedFace, type LandmarkRefiner, unrefined } from "./landmarks.ts"
import { type OpenModel, onlyNetwork } from "./model.ts"
import { chipOf, snapshotOf } from "./pictures.ts"
import { failedRemedy, openPlaced, type PlacedModel, type PlaceOptions } from "./placed.ts"
import { openRuntime, type Runtime } from "./runtime.ts"

/** Every way a picture can come back from the analyzer. */
export type Analysis =
  | {
      readonly kind: "ok"
      readonly image: ImageSize
      readonly faces: readonly AnalyzedFace[]
      /** When it was asked for and there is a face. */
      readonly snapshot?: Uint8Array
      readonly timingsMs: StageTimings
      /** Time of making snapshot and chips, where any were made. */
      readonly snapshotMs?: number
    }
  | Refusal

export interface ServedModel {
  readonly role: string
  readonly name: string
  readonly version: string
  readonly loadMs: number
  readonly warmMs: number
  readonly goldenError: number
  readonly placement: PlacementReport
}

export interface GivenPicture {
  readonly picture: Uint8Array
  readonly options: AnalyzeOptions
}

/** All that an engine computes. One picture at a time: the buffers of the stages are used again. */
export interface Analyzer {
  readonly runtime: { readonly name: string; readonly version: string; readonly provider: string; readonly threads: number }
  readonly models: readonly ServedModel[]
  /** Why a model runs on something lesser than the plan said. */
  readonly refusals: readonly ProviderRefusal[]
  analyze(picture: Uint8Array, options: AnalyzeOptions): Promise<Analysis>
  /** One after the other, and the faces of all of them in one run. Fails for all when it fails for one. */
  analyzeTogether(given: readonly GivenPicture[]): Promise<readonly Analysis[]>
  /** Asks the known questions of all models on an accelerator; rejects with a `ProviderFault` when one is answered otherwise. */
  verify(): Promise<void>
  close(): Promise<void>
}

export type OpenedAnalyzer =
  | { readonly kind: "ready"; readonly analyzer: Analyzer }
  | { readonly kind: "unfit"; readonly why: string; readonly refusals: readonly ProviderRefusal[] }

export interface AnalyzerOptions extends Omit<PlaceOptions, "runtime" | "plan"> {
  /** What runs the networks; the processor when not said. */
  readonly plan?: RuntimePlan
}

/**
 * Opens the models of a set and looks at one made-up picture, so that the first real one finds everything warm. `unfit` says in
 * words which file is missing or wrong, or which known answer came out differently.
 * @param options.threads computing threads of each network
 * @param options.spinning whether those threads may wait by spinning
 */
export async function openAnalyzer(set: ModelSet, options: AnalyzerOptions): Promise<OpenedAnalyzer> {
  const { threads, plan = cpuPlan } = options
  const lifetimes = createLifetimes()
  const refusals: ProviderRefusal[] = []
  const unfit = async (why: string): Promise<OpenedAnalyzer> => {
    await lifetimes.close()
    if (plan.adapter === "ort-ffi" && refusals.length === 0)
      refusals.push({ provider: plan.provider, why, remedy: failedRemedy })
    return { kind: "unfit", why: `model set ${set.name}: ${why}`, refusals }
  }
  const loaded = await openRuntime(plan)
  if (loaded.kind === "refused") {
    const { why, remedy } = loaded
    if (plan.adapter === "ort-ffi") refusals.push({ provider: plan.provider, why, remedy })
    return unfit(`${why}: ${remedy}`)
  }
  const { runtime } = loaded
  const served: ServedModel[] = []
  const verifies: PlacedModel["verify"][] = []
  async function open<Manifest extends ModelManifest>(located: LocatedModel<Manifest>): Promise<Result<OpenModel<Manifest>>> {
    const opened = await openPlaced(located, { ...options, plan, runtime })
    if (opened.kind === "failed") return opened
    const { model, placement, refusal, verify } = opened.value
    const { manifest, loadMs, warmMs, goldenError } = lifetimes.adopt(model, (open) => open.close())
    const { role, name, version } = manifest
    served.push({ role, name, version, loadMs, warmMs, goldenError, placement })
    if (placement.active !== "cpu") verifies.push(verify)
    if (refusal !== undefined) refusals.push(refusal)
    return { kind: "ok", value: model }
  }

  const detector = await open(set.detector)
  if (detector.kind === "failed") return unfit(detector.why)
  const landmarks = set.landmarks && (await open(set.landmarks))
  if (landmarks?.kind === "failed") return unfit(landmarks.why)
  const embedders: FusionPart[] = []
  for (const { landmarks: used, weight, ...located } of set.embedders) {
    const embedder = await open(located)
    if (embedder.kind === "failed") return unfit(embedder.why)
    embedders.push({ ...createEmbedder(onlyNetwork(embedder.value), embedder.value.manifest, used), weight })
  }

  const [refusal] = refusals
  if (plan.adapter === "ort-ffi" && plan.required && refusal !== undefined) return unfit(refusal.why)
  try {
    const stages: Stages = {
      detector: createDetector(detector.value),
      refiner: landmarks ? createPoints68(onlyNetwork(landmarks.value), landmarks.value.manifest.input) : unrefined,
      embedder: fuseEmbedders(embedders),
    }
    await warm(stages)
    const described = describe(runtime, served, threads)
    const analyzer = createAnalyzer(stages, verifies, {
      runtime: described,
      models: served,
      refusals,
      close: () => lifetimes.close(),
    })
    return { kind: "ready", analyzer }
  } catch (error) {
    return unfit(`the networks do not work together: ${error instanceof Error ? error.message : String(error)}`)
  }
}

interface Stages {
  readonly detector: Detector
  readonly refiner: LandmarkRefiner
  readonly embedder: Embedder
}

/** The best provider that a model of it runs on. */
function describe({ name, version }: Runtime, models: readonly ServedModel[], threads: number): Analyzer["runtime"] {
  const active = new Set(models.map(({ placement }) => placement.active))
  return { name, version, provider: providerNames.find((provider) => active.has(provider)) ?? "cpu", threads }
}

/** @param verifies asked before an answer leaves, where a model runs on an accelerator */
function createAnalyzer(
  stages: Stages,
  verifies: readonly PlacedModel["verify"][],
  opened: Omit<Analyzer, "analyze" | "analyzeTogether" | "verify">,
): Analyzer {
  const decoder = createPictureDecoder()
  let busy = false

  /** All that needs the pixels; the next picture goes into the same buffer. Faces to embed wait in the embedder. */
  async function look({ picture, options }: GivenPicture): Promise<Looked | Refusal> {
    const lap = stopwatch()
    const decoded = await decoder.decode(picture)
    if (decoded.kind === "refused") return decoded
    const { pixels } = decoded
    const decode = lap()

    const found = await detect(stages, pixels, options)
    const detectMs = lap()

    const asked = found.map(({ box, score, refined }): DetectedFace => ({ box, score, landmarks: refined }))
    const qualities = asked.map((face) => measureQuality(pixels, face))
    const embeddedCount = { none: 0, largest: 1, all: found.length }[options.embed]
    const embedded = found.slice(0, embeddedCount)
    stages.embedder.align(pixels, embedded)
    const align = lap()

    const chips = options.chips === true ? embedded.map((face) => chipOf(pixels, ofChip(face))) : []
    const snapshot = options.snapshot && asked.length > 0 ? snapshotOf(pixels, options.snapshot) : undefined
    const snapshotMs = chips.length > 0 || snapshot !== undefined ? lap() : undefined
    return {
      kind: "looked",
      image: { width: pixels.width, height: pixels.height },
      faces: asked.map((face, index) => {
        const chip = chips[index]
        return { ...face, quality: qualities[index]!, ...(chip && { chip }) }
      }),
      embeddedCount: embedded.length,
      ...(snapshot && { snapshot }),
      timingsMs: { decode, detect: detectMs, align },
      ...(snapshotMs !== undefined && { snapshotMs }),
    }
  }

  async function analyze(given: readonly GivenPicture[]): Promise<Analysis[]> {
    // Of pictures that failed half-way.
    stages.embedder.clear()
    const looks: (Looked | Refusal)[] = []
    for (const each of given) looks.push(await look(each))
    const lap = stopwatch()
    const embeddings = await stages.embedder.run()
    const embed = lap()
    await verify(false)
    let taken = 0
    return looks.map((looked) => {
      if (looked.kind === "refused") return looked
      const { kind: _kind, embeddedCount, faces, timingsMs, ...rest } = looked
      const own = embeddings.slice(taken, taken + embeddedCount)
      taken += embeddedCount
      const embedded = faces.map((face, index): AnalyzedFace => {
        const embedding = own[index]
        return { ...face, ...(embedding && { embedding }) }
      })
      return { kind: "ok", ...rest, faces: embedded, timingsMs: { ...timingsMs, embed } }
    })
  }

  async function verify(always: boolean): Promise<void> {
    for (const verify of verifies) await verify(always)
  }

  async function alone<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    assert(!busy, "an engine is given one picture at a time, or several together")
    busy = true
    try {
      return await work()
    } finally {
      busy = false
    }
  }

  return {
    ...opened,
    analyze: (picture, options) => alone(async () => (await analyze([{ picture, options }]))[0]!),
    analyzeTogether: (given) => alone(() => analyze(given)),
    verify: () => alone(() => verify(true)),
  }
}

/** A picture before its faces are embedded. */
interface Looked extends Omit<Extract<Analysis, { kind: "ok" }>, "kind" | "timingsMs"> {
  readonly kind: "looked"
  readonly embeddedCount: number
  readonly timingsMs: Omit<StageTimings, "embed">
}

/** Largest first, none below the asked size, with the most exact landmarks the set can give. */
async function detect({ detector, refiner }: Stages, pixels: Pixels, options: AnalyzeOptions): Promise<LandmarkedFace[]> {
  const { faceWidthPxMin, detectorInput: input = "full", at } = options
  if (at !== undefined) {
    const { landmarks: refined, detected = refined } = at
    return isFace(refined) && isFace(detected) ? [{ box: clip(boxAround(refined), pixels), score: 1, detected, refined }] : []
  }
  const found = await detector.detect(pixels, { faceWidthPxMin, input })
  const wanted = found
    .filter(({ box, landmarks }) => box.width >= faceWidthPxMin && isFace(landmarks))
    .toSorted((a, b) => areaOf(b.box) - areaOf(a.box))
    .slice(0, options.facesMax)
  const refined = await refiner.refine(pixels, wanted)
  return refined.map((face) => ({ ...face, box: clip(face.box, pixels) }))
}

/** A grey picture of a camera's size, and a face claimed in its middle: every loop and every network runs once. */
async function warm({ detector, refiner, embedder }: Stages): Promise<void> {
  const pixels: Pixels = { data: new Uint8Array(1280 * 720 * 3).fill(127), width: 1280, height: 720 }
  const claimed: DetectedFace = {
    box: { x: 590, y: 300, width: 100, height: 120 },
    score: 1,
    landmarks: [
      [620, 350],
      [660, 350],
      [640, 372],
      [623, 394],
      [657, 394],
    ],
  }
  await detector.detect(pixels, { faceWidthPxMin: 48, input: "full" })
  await refiner.refine(pixels, [claimed])
  measureQuality(pixels, claimed)
  embedder.align(pixels, [{ ...claimed, detected: claimed.landmarks, refined: claimed.landmarks }])
  await embedder.run()
}

/** Points in one place, or no numbers at all, are no face: they would be aligned to nothing and look alike. */
function isFace([leftEye, rightEye, ...others]: Landmarks): boolean {
  const eyesPx = Math.hypot(rightEye[0] - leftEye[0], rightEye[1] - leftEye[1])
  return eyesPx >= 1 && others.every(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
}

function clip(box: Box, { width, height }: Pixels): Box {
  const [left, top] = [Math.max(0, box.x), Math.max(0, box.y)]
  const [right, bottom] = [Math.min(width, box.x + box.width), Math.min(height, box.y + box.height)]
  return { x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) }
}

/** A set without a network for landmarks has one kind of them. */
function ofChip({ box, detected, refined }: LandmarkedFace) {
  return { box, landmarks: refined, ...(detected !== refined && { detected }) }
}

/** Of a face whose features are known: from brow to chin, and from temple to temple. */
function boxAround(landmarks: Landmarks): Box {
  const [xs, ys] = [landmarks.map(([x]) => x), landmarks.map(([, y]) => y)]
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const side = Math.max(right - left, bottom - top)
  return { x: (left + right) / 2 - side, y: (top + bottom) / 2 - side, width: 2 * side, height: 2 * side }
}

function areaOf({ width, height }: Box): number {
  return width * height
}

/** Milliseconds since the last call. */
function stopwatch(): () => number {
  let tickMs = nowTickMs()
  return () => {
    const lapMs = elapsedMs(tickMs)
    tickMs = nowTickMs()
    return lapMs
  }
}
