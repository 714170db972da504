import { expect, setDefaultTimeout, test } from "bun:test"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { loadHnswlib } from "../../app/gallery/hnswlib.ts"
import { readSnapshot, writeSnapshot } from "../../app/gallery/snapshot.ts"
import { createSealKey } from "../../app/vault/seal.ts"
import { openSuite } from "../../app/vault/suites.ts"
import { damaged } from "../../scripts/faults/snapshots/damage.ts"
import { makeSnapshotGallery, startOn } from "../../scripts/faults/snapshots/gallery.ts"
import { tempFolder } from "../support/shared.ts"
import { randomFrom, randomVector } from "./support.ts"

setDefaultTimeout(120_000)

const loaded = loadHnswlib()
if (loaded.kind === "failed") throw new Error(loaded.why)
const { shared } = loaded
const dimension = 20
const random = randomFrom(9)
const vectors = Array.from({ length: 600 }, () => randomVector(dimension, random))

/** The vectors whose places pass, under the numbers 1, 2 … of all of them. */
function filled(passes: (place: number) => boolean = () => true): number {
  const index = shared.create(dimension, true, 16, 100)
  for (const [place, vector] of vectors.entries()) if (passes(place)) shared.append(index, Float64Array.of(place + 1), vector)
  return index
}

function links(): Uint8Array {
  const index = filled()
  while (shared.build(index, 1, 100));
  return shared.saveLinks(index)
}

const found = (index: number, vector: Float32Array) => {
  const numbers = new Float64Array(1)
  shared.search(index, vector, 1, 64, 1, numbers, new Float32Array(1))
  return numbers[0]
}

test("a snapshot comes back as it was written, and leaves no draft behind", () => {
  using folder = tempFolder()
  const snapshot = { path: folder.file("index/a.graph"), space: "a@00000000/20" }
  expect(readSnapshot(snapshot, 0)).toEqual({ kind: "none" })
  writeSnapshot(snapshot, 7, Buffer.from("first"))
  writeSnapshot(snapshot, 8, Buffer.from("links"))
  expect(readSnapshot(snapshot, 8)).toEqual({ kind: "ok", seq: 8, links: Buffer.from("links") })
  expect(readSnapshot(snapshot, 7)).toMatchObject({ kind: "none", why: expect.stringContaining("does not have") })
  expect(readSnapshot({ ...snapshot, space: "b@00000000/20" }, 9)).toMatchObject({
    why: expect.stringContaining("a@00000000/20"),
  })
  expect(readdirSync(folder.file("index"))).toEqual(["a.graph"])
})

test.each(["aes", "gm"] as const)("a sealed one (%s) opens with its key alone, and tells nothing without", (suite) => {
  using folder = tempFolder()
  const { id, bytes } = createSealKey(openSuite(suite).suite)
  const snapshot = { path: folder.file("a.graph"), space: "a@00000000/20", sealing: { suite, id, bytes } }
  const graph = links()
  writeSnapshot(snapshot, 7, graph)
  expect(readSnapshot(snapshot, 7)).toEqual({ kind: "ok", seq: 7, links: Buffer.from(graph) })
  const file = readFileSync(snapshot.path)
  expect(file.includes(Buffer.from(graph).subarray(500, 540))).toBe(false)
  expect(file.includes("GHINDEX1") || file.includes("a@00000000")).toBe(false)
  const why = (sealing: typeof snapshot.sealing | undefined) => {
    const { path, space } = snapshot
    const read = readSnapshot({ path, space, ...(sealing && { sealing }) }, 7)
    return read.kind === "ok" ? "it was taken" : read.why
  }
  expect(why(undefined)).toBe("it is no snapshot of an index")
  expect(why({ ...snapshot.sealing, id: "00".repeat(8) })).toBe("it is sealed by another key")
  expect(why({ ...snapshot.sealing, bytes: bytes.map((byte) => byte ^ 1) })).toBe("it was changed after it was sealed")
  expect(readSnapshot({ ...snapshot, space: "b@00000000/20" }, 7)).toMatchObject({ why: "it was changed after it was sealed" })
  const other = { ...snapshot, path: folder.file("b.graph"), space: "b@00000000/20" }
  writeSnapshot(other, 7, graph)
  for (let i = 0; i < 100; i++) {
    const { what, bytes } = damaged(file, readFileSync(other.path), random)
    if (bytes === undefined) continue
    writeFileSync(snapshot.path, bytes)
    expect([what, readSnapshot(snapshot, 7).kind]).toEqual([what, "none"])
  }
  // One that was written before the folder was sealed.
  writeSnapshot({ path: snapshot.path, space: snapshot.space }, 7, graph)
  expect(why(snapshot.sealing)).toBe("it is not sealed")
})

test("500 damaged files are refused", () => {
  using folder = tempFolder()
  const write = (name: string) => {
    const snapshot = { path: folder.file(name), space: name }
    writeSnapshot(snapshot, 7, links())
    return snapshot
  }
  const own = write("a")
  const [sound, other] = [readFileSync(own.path), readFileSync(write("b").path)]
  for (let i = 0; i < 500; i++) {
    const { what, bytes } = damaged(sound, other, random)
    if (bytes === undefined) continue
    writeFileSync(own.path, bytes)
    expect([what, readSnapshot(own, 7).kind]).toEqual([what, "none"])
  }
})

test("what passes the checksum and makes no sense is refused or harmless", () => {
  const sound = Buffer.from(links())
  let refused = 0
  for (let i = 0; i < 500; i++) {
    const { bytes } = damaged(sound, sound, random)
    if (bytes === undefined) continue
    const index = filled()
    if (shared.loadLinks(index, bytes) !== "") refused++
    // Links may lead astray; what is found is a face that is there, and its similarity is its own.
    for (const vector of vectors.slice(0, 20)) expect(found(index, vector)).toBeGreaterThan(0)
    shared.close(index)
  }
  expect(refused).toBeGreaterThan(100)
})

test("a graph holds no vectors, follows what was removed and added since, and knows its own vectors", () => {
  const saved = Buffer.from(links())
  for (const vector of vectors.slice(0, 50))
    expect(saved.includes(Buffer.from(vector.buffer, vector.byteOffset, 16))).toBe(false)

  const fewer = filled((place) => place % 50 !== 0)
  expect(shared.loadLinks(fewer, saved)).toBe("")
  expect(shared.counts(fewer)).toEqual({ size: 588, built: 588, dead: 0, gone: 12 })
  for (const [place, vector] of vectors.entries()) {
    if (place % 50 === 0) expect(found(fewer, vector)).not.toBe(place + 1)
    else expect(found(fewer, vector)).toBe(place + 1)
  }
  shared.append(fewer, Float64Array.of(601), vectors[0]!)
  expect(found(fewer, vectors[0]!)).toBe(601)

  const many = filled((place) => place % 2 === 0)
  expect(shared.loadLinks(many, saved)).toContain("have gone")
  expect(found(many, vectors[2]!)).toBe(3)

  const exchanged = shared.create(dimension, true, 16, 100)
  for (const [place, vector] of vectors.toReversed().entries()) shared.append(exchanged, Float64Array.of(place + 1), vector)
  expect(shared.loadLinks(exchanged, saved)).toContain("not the one")
})

test("a box on damaged snapshots answers rightly at once, and builds its index anew", async () => {
  using folder = tempFolder()
  const gallery = await makeSnapshotGallery(folder.path)
  expect(await startOn(gallery, gallery.sound, 10, 1)).toEqual({ wrongAnswers: 0, rebuilt: false })
  for (let seed = 0; seed < 5; seed++) {
    const { bytes } = damaged(gallery.sound, gallery.other, random)
    if (bytes !== undefined) expect(await startOn(gallery, bytes, 5, seed)).toEqual({ wrongAnswers: 0, rebuilt: true })
  }
})
