import { z } from "zod"

/** Part of a `*-weights_manifest.json`: the tensors of one `.bin`, one after the other in the order listed. */
const weightsManifest = z.tuple([
  z.object({
    weights: z.array(
      z.object({
        name: z.string(),
        shape: z.array(z.int().positive()),
        quantization: z.object({ dtype: z.literal("uint8"), scale: z.number(), min: z.number() }).optional(),
      }),
    ),
  }),
])

export interface FaceApiTensor {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/** The tensors by name. Quantised ones hold a byte for each value: min + byte · scale. */
export function readFaceApiWeights(manifestJson: string, file: Uint8Array): ReadonlyMap<string, FaceApiTensor> {
  const [{ weights }] = weightsManifest.parse(JSON.parse(manifestJson))
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const tensors = new Map<string, FaceApiTensor>()
  let at = 0
  for (const { name, shape, quantization } of weights) {
    const values = new Float32Array(shape.reduce((product, side) => product * side, 1))
    for (let index = 0; index < values.length; index++) {
      values[index] =
        quantization === undefined
          ? view.getFloat32(at + 4 * index, true)
          : quantization.min + view.getUint8(at + index) * quantization.scale
    }
    at += values.length * (quantization === undefined ? 4 : 1)
    tensors.set(name, { shape, values })
  }
  if (at !== file.length) throw new Error(`the weights file holds ${file.length} bytes, its list of tensors ${at}`)
  return tensors
}
