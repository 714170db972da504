import { describe, expect, test } from "bun:test"
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { compare } from "../../scripts/arm64/compare.ts"
import type { RecognizedFace, Transcript } from "../../scripts/arm64/journey.ts"
import { tempFolder } from "../support/shared.ts"

const space = "painted@00000000/3"

function face(embedding: readonly number[], over: Partial<RecognizedFace> = {}): RecognizedFace {
  const match = { subjectId: "s", name: "Wilma", faceId: "f", similarity: 0.99 }
  return {
    box: { x: 1, y: 2, width: 30, height: 40 },
    score: 0.99,
    landmarks: [
      [1, 1],
      [3, 1],
      [2, 2],
      [1, 3],
      [3, 3],
    ],
    quality: { score: 1, brightness: 1, contrast: 1, sharpness: 1, yaw: 0, pitch: 0, roll: 0 } as RecognizedFace["quality"],
    decision: "match",
    match,
    candidates: [match],
    embedding,
    space,
    ...over,
  }
}

const nothing = new Uint8Array()

function transcript(jpeg: readonly RecognizedFace[], over: Partial<Transcript> = {}): Transcript {
  const models = "{}"
  return {
    provider: "cpu",
    models,
    indexVariant: "neon",
    jpeg,
    webp: jpeg,
    drawn: nothing,
    thumbnail: nothing,
    seconds: {},
    ...over,
  }
}

describe("two boxes are compared", () => {
  const here = transcript([face([1, 0, 0])])

  test("rounding is no difference", () => {
    const { faces, differences } = compare(transcript([face([1, 1e-5, 0])]), here)
    expect(differences).toEqual([])
    expect(faces).toHaveLength(2)
    expect(faces[0]?.cosine).toBeCloseTo(1, 6)
  })

  test.each([
    ["a vector that points elsewhere", [face([1, 0.02, 0])]],
    ["no vector", [face([], { embedding: undefined })]],
    ["a vector with a NaN", [face([Number.NaN, 0, 0])]],
    ["a vector of another space", [face([1, 0, 0], { space: "other@00000000/3" })]],
    ["another decision", [face([1, 0, 0], { decision: "uncertain", match: undefined })]],
    ["another name", [face([1, 0, 0], { match: { subjectId: "t", name: "Una", faceId: "g", similarity: 0.99 } })]],
    ["a face too few", []],
  ])("%s", (_what, faces) => {
    // In both pictures.
    expect(compare(transcript(faces), here).differences).toHaveLength(2)
  })

  test("other models", () => {
    expect(compare({ ...here, models: "other" }, here).differences).toHaveLength(1)
  })
})

describe("what is missing is one line with the remedy", () => {
  test("a package, where it cannot be installed", async () => {
    using folder = tempFolder()
    writeFileSync(folder.file("list"), "# a comment\nqemu-user-static no-such-command\ncurl /etc\n")
    mkdirSync(folder.file("bin"))
    for (const tool of ["sh", "cat"]) symlinkSync(Bun.which(tool)!, folder.file("bin", tool))
    const id = folder.file("bin/id")
    writeFileSync(id, "#!/bin/sh\necho 1000\n")
    chmodSync(id, 0o755)
    const ran = Bun.spawnSync([join(projectRoot, "scripts/install-debian"), folder.file("list")], {
      env: { PATH: folder.file("bin") },
    })
    expect(ran.exitCode).toBe(1)
    expect(ran.stderr.toString()).toBe(
      "missing: qemu-user-static (packages of Debian and Ubuntu; as root: apt-get install qemu-user-static)\n",
    )
  })

  test("the ARM64 file", () => {
    const ran = Bun.spawnSync([process.execPath, join(projectRoot, "scripts/arm64/main.ts"), "--file", "/nowhere/gatehouse"])
    expect(ran.exitCode).toBe(1)
    const said = ran.stderr.toString()
    if (process.arch === "x64") expect(said).toMatch(/^smoke-arm64: \/nowhere\/gatehouse is missing: build it \(.*\n$/)
  })
})

test("the processor that the emulated box reads about is an ARM one", () => {
  const cpuinfo = readFileSync(join(projectRoot, "scripts/arm64/cpuinfo.txt"), "utf8")
  // ONNX Runtime dies at start where it finds a processor of another family here.
  expect(cpuinfo).toMatch(/^CPU implementer\t: 0x[0-9a-f]{2}$/m)
  expect(cpuinfo).toMatch(/^Features\t: .*\basimd\b/m)
})
