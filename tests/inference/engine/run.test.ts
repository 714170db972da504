import { describe, expect, test } from "bun:test"
import { copyFile } from "node:fs/promises"
import { join } from "node:path"
import sharp from "sharp"
import { projectRoot } from "../../../app/base/paths.ts"
import { similarity } from "../../../app/face/embedding.ts"
import type { AnalyzedFace } from "../../../app/face/face.ts"
import type { Box } from "../../../app/face/geometry.ts"
import { similarityAt } from "../../../app/gallery/match.ts"
import { type Analyzer, openAnalyzer } from "../../../app/inference/engine/run.ts"
import type { ModelSet } from "../../../app/inference/manifest.ts"
import type { AnalyzeOptions } from "../../../app/inference/wire.ts"
import { lfwPeople } from "../../support/lfw.ts"
import { sharedFolder, tempFolder } from "../../support/shared.ts"
import { hasSet, locateSet, openSet, samplePhoto, setNames } from "./support.ts"

const all = { faceWidthPxMin: 48, facesMax: 50, embed: "all" } as const

for (const name of setNames) {
  describe.skipIf(!hasSet(name))(`${name} set`, () => {
    test("finds the four people of a photograph, largest first, with everything known of them", async () => {
      await using analyzer = await openSet(await locateSet(name))
      const { image, faces, timingsMs } = await analyze(analyzer, samplePhoto(6))
      expect(image).toEqual({ width: 1920, height: 1537 })
      expect(faces.length).toBe(4)
      const areas = faces.map(({ box }) => box.width * box.height)
      expect(areas).toEqual(areas.toSorted((a, b) => b - a))
      for (const { box, score, landmarks, quality, embedding } of faces) {
        expect(score).toBeWithin(0.6, 1.001)
        const [leftEye, rightEye, nose, leftMouth, rightMouth] = landmarks
        expect(leftEye[0]).toBeLessThan(rightEye[0])
        expect(leftMouth[0]).toBeLessThan(rightMouth[0])
        expect(Math.max(leftEye[1], rightEye[1])).toBeLessThan(nose[1])
        expect(nose[1]).toBeLessThan(Math.min(leftMouth[1], rightMouth[1]))
        for (const [x, y] of landmarks) {
          expect(x).toBeWithin(box.x, box.x + box.width)
          expect(y).toBeWithin(box.y, box.y + box.height)
        }
        expect(quality.score).toBeGreaterThan(0.5)
        expect(quality.faceWidthPx).toBeCloseTo(box.width, 5)
        expect(similarity(embedding!, embedding!)).toBeCloseTo(1, 5)
      }
      for (const spent of Object.values(timingsMs)) expect(spent).toBeGreaterThan(0)
    })

    test("four people are four people, and the same however the picture is sent", async () => {
      const set = await locateSet(name)
      const match = similarityAt(set.embedding.calibration.curve, 1e-4)
      await using analyzer = await openSet(set)
      const still = await analyze(analyzer, samplePhoto(6))
      for (const [a, face] of still.faces.entries())
        for (const other of still.faces.slice(a + 1)) expect(similarity(face.embedding!, other.embedding!)).toBeLessThan(match)
      const photo = sharp(samplePhoto(6))
      const lying = await photo.clone().rotate(270).withMetadata({ orientation: 6 }).jpeg({ quality: 95 }).toBuffer()
      for (const picture of [await photo.clone().png().toBuffer(), await photo.clone().webp().toBuffer(), lying]) {
        const sent = await analyze(analyzer, picture)
        expect(sent.image).toEqual(still.image)
        expect(sent.faces.length).toBe(4)
        for (const face of sent.faces) {
          const same = still.faces.find(({ box }) => overlap(box, face.box) > 0.7)
          expect(similarity(same!.embedding!, face.embedding!)).toBeGreaterThan(0.95)
        }
      }
    })

    test("a face turned upright by its landmarks is the same person", async () => {
      await using analyzer = await openSet(await locateSet(name))
      const one = sharp(samplePhoto(6)).extract({ left: 1340, top: 80, width: 490, height: 650 })
      const [still] = (await analyze(analyzer, await one.clone().png().toBuffer())).faces
      const tilted = await one.clone().png().toBuffer()
      const turned = await sharp(tilted).rotate(20, { background: "#404040" }).png().toBuffer()
      const [tilt] = (await analyze(analyzer, turned)).faces
      expect(tilt!.quality.roll - still!.quality.roll).toBeWithin(12, 28)
      expect(similarity(still!.embedding!, tilt!.embedding!)).toBeGreaterThan(0.7)
    })

    test("embeds what is asked for, and one face as well as many", async () => {
      await using analyzer = await openSet(await locateSet(name))
      const every = await analyze(analyzer, samplePhoto(6))
      const none = await analyze(analyzer, samplePhoto(6), { embed: "none" })
      expect(none.faces.map(({ embedding }) => embedding)).toEqual([undefined, undefined, undefined, undefined])
      const largest = await analyze(analyzer, samplePhoto(6), { embed: "largest" })
      expect(largest.faces.map(({ embedding }) => embedding !== undefined)).toEqual([true, false, false, false])
      expect(similarity(largest.faces[0]!.embedding!, every.faces[0]!.embedding!)).toBeGreaterThan(0.9999)
    })

    test("keeps to the smallest width and the largest number", async () => {
      await using analyzer = await openSet(await locateSet(name))
      const two = await analyze(analyzer, samplePhoto(6), { facesMax: 2, embed: "none" })
      const widest = await analyze(analyzer, samplePhoto(6), { embed: "none" })
      expect(two.faces.map(({ box }) => box)).toEqual(widest.faces.slice(0, 2).map(({ box }) => box))
      expect((await analyze(analyzer, samplePhoto(6), { faceWidthPxMin: 400 })).faces).toEqual([])
      expect((await analyze(analyzer, samplePhoto(6), { faceWidthPxMin: 100 })).faces.length).toBe(4)
    })

    test("the small look finds the same large faces, and they are the same people", async () => {
      await using analyzer = await openSet(await locateSet(name))
      const [full, small] = await bothLooks(analyzer, samplePhoto(6))
      expect(small.faces.length).toBe(4)
      for (const face of small.faces) {
        const same = full.faces.find(({ box }) => overlap(box, face.box) > 0.6)
        expect(similarity(same!.embedding!, face.embedding!)).toBeGreaterThan(0.8)
      }
      expect(small.faces.map(({ box }) => box)).not.toEqual(full.faces.map(({ box }) => box))
    })

    test("makes a picture of the frame and chips when asked, and only of faces", async () => {
      await using analyzer = await openSet(await locateSet(name))
      const snapshot = { longestSidePx: 640, quality: 75 }
      const { faces, ...frame } = await analyze(analyzer, samplePhoto(6), { embed: "largest", snapshot, chips: true })
      expect(await sharp(frame.snapshot).metadata()).toMatchObject({ format: "jpeg", width: 640, height: 512 })
      expect(frame.snapshotMs).toBeGreaterThan(0)
      expect(faces.map(({ chip }) => chip !== undefined)).toEqual([true, false, false, false])
      const { jpeg, size, landmarks } = faces[0]!.chip!
      expect(Math.max(size.width, size.height)).toBe(256)

      // Seen again in its chip, it is the same face, and its features are where the chip says.
      const [again] = (await analyze(analyzer, jpeg)).faces
      expect(similarity(again!.embedding!, faces[0]!.embedding!)).toBeGreaterThan(0.85)
      for (const [index, [x, y]] of again!.landmarks.entries())
        expect(Math.hypot(x - landmarks[index]![0], y - landmarks[index]![1])).toBeLessThan(0.15 * again!.quality.eyeDistancePx)

      const nobody = await sharp({ create: { width: 640, height: 480, channels: 3, background: "#507050" } })
        .png()
        .toBuffer()
      expect(await analyze(analyzer, nobody, { snapshot, chips: true })).not.toHaveProperty("snapshot")
      expect(await analyze(analyzer, samplePhoto(6))).not.toHaveProperty("snapshotMs")
    })

    test("remembers nothing of the picture before", async () => {
      await using analyzer = await openSet(await locateSet(name))
      const small = await sharp(samplePhoto(1)).resize(701).jpeg().toBuffer()
      const first = [await analyze(analyzer, small), await analyze(analyzer, samplePhoto(5))]
      const again = [await analyze(analyzer, small), await analyze(analyzer, samplePhoto(5))]
      for (const [index, { faces }] of again.entries()) expect(faces).toEqual(first[index]!.faces)
    })

    test("a picture without a face has none, and a speck is no picture of one", async () => {
      await using analyzer = await openSet(await locateSet(name))
      for (const [width, height] of [
        [640, 480],
        [1, 1],
        [3, 700],
        [4000, 5],
      ] as const) {
        const picture = sharp({ create: { width, height, channels: 3, background: "#507050" } })
        expect((await analyze(analyzer, await picture.png().toBuffer())).faces).toEqual([])
      }
      expect(await analyzer.analyze(new Uint8Array(9), all)).toMatchObject({ kind: "refused", reason: "bad_image" })
    })

    test("two pictures at once are a mistake of the caller, and the first one is still answered", async () => {
      await using analyzer = await openSet(await locateSet(name))
      const picture = await Bun.file(samplePhoto(3)).bytes()
      const first = analyzer.analyze(picture, all)
      await expect(analyzer.analyze(picture, all)).rejects.toThrow("one picture at a time")
      expect(await first).toMatchObject({ kind: "ok" })
    })

    test("pictures together are answered as each alone: those without faces, those that are none, and those without vectors", async () => {
      await using analyzer = await openSet(await locateSet(name))
      const photo = await Bun.file(samplePhoto(6)).bytes()
      const empty = sharp({ create: { width: 320, height: 240, channels: 3, background: "#507050" } })
      const given = [
        { picture: photo, options: { ...all, chips: true } },
        { picture: new Uint8Array(await empty.jpeg().toBuffer()), options: all },
        { picture: new Uint8Array(9), options: all },
        { picture: photo, options: { ...all, embed: "none" } as const },
        { picture: await Bun.file(samplePhoto(3)).bytes(), options: { ...all, embed: "largest" } as const },
      ]
      const together = await analyzer.analyzeTogether(given)
      expect(together.map(({ kind }) => kind)).toEqual(["ok", "ok", "refused", "ok", "ok"])
      for (const [index, { picture, options }] of given.entries()) {
        const [alone, same] = [await analyzer.analyze(picture, options), together[index]!]
        if (alone.kind !== "ok" || same.kind !== "ok") {
          expect(same).toEqual(alone)
          continue
        }
        const known = ({ embedding: _vector, ...face }: AnalyzedFace) => face
        expect(same.faces.map(known)).toEqual(alone.faces.map(known))
        for (const [at, { embedding }] of same.faces.entries()) {
          const own = alone.faces[at]!.embedding
          if (embedding === undefined || own === undefined) expect(embedding).toBe(own)
          else expect(similarity(embedding, own)).toBeGreaterThan(0.99999)
        }
      }
    })

    test.skipIf(sharedFolder() === undefined)("two photographs of a person are alike, those of two are not", async () => {
      const set = await locateSet(name)
      const match = similarityAt(set.embedding.calibration.curve, 1e-4)
      await using analyzer = await openSet(set)
      const people = lfwPeople(2).slice(0, 30)
      const vectors: [Float32Array, Float32Array][] = []
      for (const { photos } of people)
        vectors.push([await centreOf(analyzer, photos[0]!), await centreOf(analyzer, photos[1]!)])
      const alike = vectors.filter(([a, b]) => similarity(a, b) >= match).length
      const strangers = vectors.filter(([a], index) => similarity(a, vectors[(index + 1) % vectors.length]![1]) >= match).length
      expect(alike).toBeGreaterThanOrEqual(27)
      expect(strangers).toBeLessThanOrEqual(1)
    })
  })
}

test.skipIf(!hasSet("better"))("YuNet's small look does without tiny faces", async () => {
  await using analyzer = await openSet(await locateSet("light"))
  const tiny = await sharp(samplePhoto(6)).resize(100).extend({ right: 600, bottom: 420, background: "#406040" }).toBuffer()
  const [full, small] = await bothLooks(analyzer, tiny, { faceWidthPxMin: 8, embed: "none" })
  expect([full.faces.length, small.faces.length]).toEqual([4, 0])
})

test.skipIf(!hasSet("better")).each(["default", "mtcnn"])("YuNet and the detector of %s see the same faces", async (set) => {
  await using yunet = await openSet(await locateSet("better"))
  await using another = await openSet(await locateSet(set))
  for (const number of [1, 3, 4, 5, 6] as const) {
    const [a, b] = [await analyze(yunet, samplePhoto(number)), await analyze(another, samplePhoto(number))]
    const sure = a.faces.filter(({ score }) => score > 0.8)
    for (const face of sure) {
      const other = b.faces.find(({ box }) => overlap(box, face.box) > 0.45)
      expect(other).toBeDefined()
      const eyesPx = face.quality.eyeDistancePx
      for (const [index, [x, y]] of face.landmarks.entries()) {
        const [otherX, otherY] = other!.landmarks[index]!
        expect(Math.hypot(x - otherX, y - otherY) / eyesPx).toBeLessThan(0.6)
      }
    }
  }
})

describe("a set that cannot serve says why", () => {
  test("a missing file", async () => {
    const set = await locateSet("default")
    const why = await whyUnfit({
      ...set,
      detector: { ...set.detector, paths: { ...set.detector.paths, "onet.onnx": "/nowhere" } },
    })
    expect(why).toMatch(/ultraface.*\/nowhere.*prepare the models again/)
  })

  test("a file with one other bit", async () => {
    using folder = tempFolder()
    const set = await locateSet("default")
    const path = folder.file("mobilefacenet.onnx")
    const [embedder] = set.embedders
    await copyFile(embedder!.paths["mobilefacenet.onnx"]!, path)
    const bytes = await Bun.file(path).bytes()
    bytes[bytes.length >> 1]! ^= 1
    await Bun.write(path, bytes)
    const why = await whyUnfit({ ...set, embedders: [{ ...embedder!, paths: { "mobilefacenet.onnx": path } }] })
    expect(why).toContain("SHA-256")
    expect(why).toContain(path)
  })

  test("a known answer that comes out differently", async () => {
    const set = await locateSet("default")
    const [embedder] = set.embedders
    const [golden] = embedder!.manifest.golden
    const outputs = Object.fromEntries(
      Object.entries(golden!.outputs).map(([name, output]) => [name, { ...output, values: output.values.toReversed() }]),
    )
    const manifest = { ...embedder!.manifest, golden: [{ ...golden!, outputs }] }
    expect(await whyUnfit({ ...set, embedders: [{ ...embedder!, manifest }] })).toContain("known answer")
  })

  test("a file that is no network", async () => {
    using folder = tempFolder()
    const set = await locateSet("default")
    const text = "not a network"
    await Bun.write(folder.file("points68.onnx"), text)
    const files = [
      { name: "points68.onnx", bytes: text.length, sha256: new Bun.CryptoHasher("sha256").update(text).digest("hex") },
    ]
    const manifest = { ...set.landmarks!.manifest, files }
    const why = await whyUnfit({ ...set, landmarks: { manifest, paths: { "points68.onnx": folder.file("points68.onnx") } } })
    expect(why).toContain("does not load")
  })
})

test("opening the models and looking at a picture writes nothing into a home folder", async () => {
  using home = tempFolder()
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "analyzing-process.ts"), samplePhoto(6)], {
    cwd: projectRoot,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: home.path,
      XDG_CACHE_HOME: home.file(".cache"),
      TMPDIR: home.path,
      ORT_DISABLE_TELEMETRY: "1",
      BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
    },
    stderr: "inherit",
  })
  expect(await new Response(child.stdout).text()).toBe("4 faces\n")
  expect(await child.exited).toBe(0)
  expect([...new Bun.Glob("**/*").scanSync({ cwd: home.path, dot: true })]).toEqual([])
})

async function analyze(analyzer: Analyzer, picture: string | Uint8Array, options: Partial<AnalyzeOptions> = {}) {
  const bytes = typeof picture === "string" ? await Bun.file(picture).bytes() : picture
  const analysis = await analyzer.analyze(bytes, { ...all, ...options })
  if (analysis.kind === "refused") throw new Error(analysis.why)
  return analysis
}

async function bothLooks(analyzer: Analyzer, picture: string | Uint8Array, options: Partial<AnalyzeOptions> = {}) {
  const full = await analyze(analyzer, picture, options)
  return [full, await analyze(analyzer, picture, { ...options, detectorInput: "small" })] as const
}

/** The embedding of the face nearest the middle. */
async function centreOf(analyzer: Analyzer, path: string): Promise<Float32Array> {
  const { image, faces } = await analyze(analyzer, path)
  const away = ({ box }: AnalyzedFace) =>
    Math.hypot(box.x + box.width / 2 - image.width / 2, box.y + box.height / 2 - image.height / 2)
  const [nearest] = faces.toSorted((a, b) => away(a) - away(b))
  if (nearest?.embedding === undefined) throw new Error(`no face in ${path}`)
  return nearest.embedding
}

async function whyUnfit(set: ModelSet): Promise<string> {
  const opened = await openAnalyzer(set, { threads: 1 })
  if (opened.kind === "unfit") return opened.why
  await opened.analyzer.close()
  throw new Error("the set is fit")
}

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y)
  const shared = Math.max(0, width) * Math.max(0, height)
  return shared / (a.width * a.height + b.width * b.height - shared)
}
