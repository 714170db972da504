import type { DetectedFace } from "../../../app/face/face.ts"
import type { Box } from "../../../app/face/geometry.ts"
import type { Pixels } from "../../../app/face/pixels.ts"
import { createPictureDecoder } from "../../../app/inference/engine/decode.ts"
import { createDetector } from "../../../app/inference/engine/detectors/create.ts"
import { createEmbedder, type Embedder, fuseEmbedders } from "../../../app/inference/engine/embed.ts"
import { createPoints68, type LandmarkedFace, unrefined } from "../../../app/inference/engine/landmarks.ts"
import { onlyNetwork, openModel } from "../../../app/inference/engine/model.ts"
import type { Network } from "../../../app/inference/engine/ort.ts"
import type { LocatedModel, ModelManifest, ModelSet } from "../../../app/inference/manifest.ts"

/** A set's stages one by one, in this process, with every network where the benchmark can reach it. */
export interface OpenStages {
  decode(picture: Uint8Array): Promise<Pixels>
  detect(pixels: Pixels, faceWidthPxMin: number): Promise<DetectedFace[]>
  /** The face nearest the centre, as `gatehouse eval` takes it. */
  findCentre(pixels: Pixels, faceWidthPxMin: number): Promise<LandmarkedFace | undefined>
  /** By file name: an embedder on another network than the set's. */
  readonly embedderOf: ReadonlyMap<string, (network: Network) => Embedder>
  embed(pixels: Pixels, face: LandmarkedFace): Promise<void>
}

/** @param tap is given every network and returns what the stages shall run in its place */
export async function openStages(set: ModelSet, tap: (file: string, network: Network) => Network): Promise<OpenStages> {
  async function open<Manifest extends ModelManifest>(located: LocatedModel<Manifest>) {
    const opened = await openModel(located, { threads: 1 })
    if (opened.kind === "failed") throw new Error(opened.why)
    const networks = opened.value.networks.map((network, at) => tap(located.manifest.files[at]?.name ?? "", network))
    return { ...opened.value, networks }
  }
  const detector = createDetector(await open(set.detector))
  const landmarks = set.landmarks && (await open(set.landmarks))
  const refiner = landmarks ? createPoints68(onlyNetwork(landmarks), landmarks.manifest.input) : unrefined
  const embedderOf = new Map<string, (network: Network) => Embedder>()
  const embedders = []
  for (const { landmarks: used, weight, ...located } of set.embedders) {
    const model = await open(located)
    const create = (network: Network) => createEmbedder(network, located.manifest, used)
    embedderOf.set(located.manifest.files[0]?.name ?? "", create)
    embedders.push({ ...create(onlyNetwork(model)), weight })
  }
  const embedder = fuseEmbedders(embedders)
  const decoder = createPictureDecoder()
  const detect = async (pixels: Pixels, faceWidthPxMin: number) => {
    const found = await detector.detect(pixels, { faceWidthPxMin, input: "full" })
    return found.filter(({ box }) => box.width >= faceWidthPxMin)
  }
  return {
    async decode(picture) {
      const decoded = await decoder.decode(picture)
      if (decoded.kind === "refused") throw new Error(decoded.why)
      return decoded.pixels
    },
    detect,
    async findCentre(pixels, faceWidthPxMin) {
      const fromCentre = ({ x, y, width, height }: Box) =>
        Math.hypot(x + width / 2 - pixels.width / 2, y + height / 2 - pixels.height / 2)
      const found = await detect(pixels, faceWidthPxMin)
      const [nearest] = found.toSorted((a, b) => fromCentre(a.box) - fromCentre(b.box))
      return nearest && (await refiner.refine(pixels, [nearest]))[0]
    },
    embedderOf,
    async embed(pixels, face) {
      embedder.align(pixels, [face])
      await embedder.run()
    },
  }
}
