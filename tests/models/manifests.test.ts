import { expect, test } from "bun:test"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { spaceDimension } from "../../app/face/embedding.ts"
import { modelsOf, readCatalogue } from "../../app/inference/catalogue.ts"
import { openModel } from "../../app/inference/engine/model.ts"
import type { ModelManifest } from "../../app/inference/manifest.ts"
import { locateModel } from "../../app/inference/models.ts"
import { sharedModels, tempFolder } from "../support/shared.ts"

const modelsFolder = join(projectRoot, "models")
const catalogue = await readCatalogue(modelsFolder)
if (catalogue.kind === "failed") throw new Error(catalogue.why)
const models = catalogue.value.flatMap(modelsOf)
const inRepository = models.filter(({ manifest }) => manifest.source.kind === "npm")
const inSharedFolder = models.filter(({ manifest }) => manifest.source.kind === "url")
const byName = (name: string) => {
  const model = models.find(({ manifest }) => manifest.name === name)
  if (model === undefined) throw new Error(`no model ${name}`)
  return model
}
const label = ({ manifest }: { manifest: ModelManifest }) => [manifest.name] as const

test("every manifest below models/ belongs to a set", async () => {
  const found = await Array.fromAsync(new Bun.Glob("*/*/*/manifest.json").scan(modelsFolder))
  expect(found.length).toBe(9)
  const known = [
    ...models.map(({ folder }) => join(folder, "manifest.json")),
    ...catalogue.value.map((set) => set.embeddingPath),
  ]
  expect(new Set(found.map((path) => join(modelsFolder, path)))).toEqual(new Set(known))
})

test.each(models.map(label))("%s has a known answer for each file, with all of its outputs sampled", (name) => {
  const { manifest } = byName(name)
  expect(manifest.golden.map(({ file }) => file)).toEqual(manifest.files.map((file) => file.name))
  for (const { outputs } of manifest.golden) {
    for (const { shape, stride, values } of Object.values(outputs)) {
      const size = shape.reduce((product, side) => product * side, 1)
      expect((values.length - 1) * stride).toBeLessThan(size)
      expect(values.length).toBe(Math.min(16, size))
    }
  }
})

test.each(models.map(label))("%s: an embedder's space fits its weights", (name) => {
  const { manifest } = byName(name)
  if (manifest.role !== "embedder") return
  const [output] = Object.values(manifest.golden[0]?.outputs ?? {})
  expect(spaceDimension(manifest.space)).toBe(output?.shape.at(-1) ?? 0)
  const original = manifest.source.kind === "npm" ? Object.values(manifest.source.files)[0] : manifest.files[0]?.sha256
  expect(manifest.space).toStartWith(`${manifest.name}@${original?.slice(0, 8)}/`)
})

test.each(catalogue.value.filter(({ embedders }) => embedders.length > 1).map(({ name }) => name))(
  "set %s: the space of its fusion is that of its parts, in their order, on their landmarks, with their weights",
  (name) => {
    const { embedders, embedding } = catalogue.value.find((set) => set.name === name)!
    const parts = embedders.map(({ manifest, landmarks, weight }) => `${manifest.space} ${landmarks} ${weight}\n`)
    const sha8 = new Bun.CryptoHasher("sha256").update(parts.join("")).digest("hex").slice(0, 8)
    const dimension = embedders.reduce((sum, { manifest }) => sum + spaceDimension(manifest.space), 0)
    expect<string>(embedding.space).toBe(`${embedding.name.split("/")[0]}@${sha8}/${dimension}`)
  },
)

test.each(catalogue.value.map(({ name }) => name))("set %s: a stricter rate asks for more similarity", (name) => {
  const { curve } = catalogue.value.find((set) => set.name === name)!.embedding.calibration
  for (const [index, { fmr, similarity }] of curve.entries()) {
    const before = curve[index - 1]
    if (before === undefined) continue
    expect(fmr).toBeLessThan(before.fmr)
    expect(similarity).toBeGreaterThan(before.similarity)
  }
})

/**
 * Mean positions of dlib's `get_face_chip_details` (dlib/image_transforms/interpolation.h) for points of the iBUG annotation:
 * 36–41 and 42–47 around the eyes, 30 the tip of the nose, 48 and 54 the corners of the mouth.
 */
const dlibMeanFace = {
  leftEyeX: [0.121737, 0.187122, 0.265825, 0.334606, 0.260918, 0.182743],
  rightEyeX: [0.645647, 0.714428, 0.793132, 0.858516, 0.79751, 0.719335],
  /** In the order of the left eye; the right one has the same six in another order. */
  eyeY: [0.216423, 0.178758, 0.179852, 0.231733, 0.245099, 0.244077],
  nose: [0.490127, 0.515625],
  mouthLeft: [0.254149, 0.780233],
  mouthRight: [0.726104, 0.780233],
} as const

test("dlib-resnet is aligned to dlib's mean face, in its chip of 150 px with a quarter of the face around it", () => {
  const { manifest } = byName("dlib-resnet")
  if (manifest.role !== "embedder") throw new Error("dlib-resnet is an embedder")
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const { leftEyeX, rightEyeX, eyeY, nose, mouthLeft, mouthRight } = dlibMeanFace
  const five = [[mean(leftEyeX), mean(eyeY)], [mean(rightEyeX), mean(eyeY)], nose, mouthLeft, mouthRight]
  const [sizePx, padding] = [150, 0.25]
  expect(manifest.alignment.sizePx).toBe(sizePx)
  for (const [index, point] of five.entries())
    for (const [axis, value] of point.entries())
      expect(manifest.alignment.template[index]?.[axis]).toBeCloseTo(((padding + value) / (1 + 2 * padding)) * sizePx, 3)
})

async function errorOf(name: string, searchFolders: readonly string[]): Promise<number> {
  const located = await locateModel(byName(name), searchFolders)
  if (located.kind !== "ok") throw new Error(`${located.what}: ${located.remedy}`)
  const opened = await openModel(located.value, { threads: 1 })
  if (opened.kind === "failed") throw new Error(opened.why)
  await opened.value.close()
  return opened.value.goldenError
}

test.each(inRepository.map(label))("%s, made at set-up, gives its known answers", async (name) => {
  expect(await errorOf(name, [])).toBeLessThan(1e-4)
})

test.skipIf(sharedModels() === undefined).each(inSharedFolder.map(label))(
  "%s in the shared folder gives its known answers",
  async (name) => {
    expect(await errorOf(name, [sharedModels() ?? ""])).toBeLessThan(1e-4)
  },
)

test("changed weights give other answers, and the model is refused", async () => {
  const { manifest, folder } = byName("points68")
  const [file] = manifest.files
  if (file === undefined) throw new Error("no file")
  using temp = tempFolder()
  const bytes = await Bun.file(join(folder, file.name)).bytes()
  // Every byte of 200 weights in the middle of the file, so that their sizes change wherever a float begins.
  for (let at = 700_000; at < 700_800; at++) bytes[at]! ^= 0x04
  await Bun.write(temp.file(file.name), bytes)
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex")
  const changed = { ...manifest, files: [{ ...file, sha256 }] }
  const opened = await openModel({ manifest: changed, paths: { [file.name]: temp.file(file.name) } }, { threads: 1 })
  expect(opened.kind === "failed" ? opened.why : "").toContain("answers differently from its known answer")
})

test("set-up has nothing to do the second time, and names a wrong file of the better set", async () => {
  using empty = tempFolder()
  const prepared = await prepare(empty.path)
  expect(prepared).toMatchObject({ exitCode: 0, errors: "" })
  expect(prepared.output).not.toContain("made")
  expect(prepared.output).toContain("model set better is not used: ")
  expect(prepared.output).toContain("set default serves: ultraface, points68, mobilefacenet")

  await Bun.write(empty.file("yunet_n_dynamic.onnx"), "no weights")
  const refused = await prepare(empty.path)
  expect(refused.exitCode).toBe(1)
  expect(refused.errors).toContain(`${empty.file("yunet_n_dynamic.onnx")} has 10 bytes`)
  expect(refused.errors).toContain("remove it")
})

async function prepare(modelFolder: string) {
  const child = Bun.spawn([process.execPath, join(projectRoot, "scripts/models.ts")], {
    env: { ...process.env, GATEHOUSE_MODEL_DIR: modelFolder },
    stdout: "pipe",
    stderr: "pipe",
  })
  const [output, errors, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { output, errors, exitCode }
}
