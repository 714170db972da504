import { expect, setDefaultTimeout, test } from "bun:test"
import { type Embedding, similarity } from "../../app/face/embedding.ts"
import { loadHnswlib } from "../../app/gallery/hnswlib.ts"
import { startIndexWorker } from "../../app/gallery/index-thread.ts"
import { searchShared } from "../../app/gallery/search-shared.ts"
import type { SharedIndexes } from "../../app/gallery/shared-index.ts"
import { enrol, near, openBox, randomFrom, randomVector, spaceOf, until } from "./support.ts"

setDefaultTimeout(60_000)

type Vectors = ReadonlyMap<number, Embedding["vector"]>

/** By definition, one after another: what every index is held to. */
function nearestOf(vectors: Vectors, asked: Float32Array, count: number): number[] {
  const all = [...vectors].map(([label, vector]) => ({ label, cosine: similarity(asked, vector) }))
  return all
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, count)
    .map(({ label }) => label)
}

function library(): SharedIndexes {
  const loaded = loadHnswlib()
  if (loaded.kind === "failed") throw new Error(loaded.why)
  return loaded.shared
}

const shared = library()

interface Filled extends Disposable {
  readonly index: number
  readonly dimension: number
  readonly vectors: Map<number, Float32Array>
  readonly random: () => number
  add(from: number, count: number): void
}

/** An index beside a plain map of the same vectors. */
function filled(dimension: number, count: number, seed: number, keepsFloats = true): Filled {
  const random = randomFrom(seed)
  const index = shared.create(dimension, keepsFloats, 16, 200)
  const vectors = new Map<number, Float32Array>()
  const add = (from: number, many: number) => {
    for (let number = from; number < from + many; number++) {
      const vector = randomVector(dimension, random)
      vectors.set(number, vector)
      shared.append(index, Float64Array.of(number), vector)
    }
  }
  add(1, count)
  return { index, dimension, vectors, random, add, [Symbol.dispose]: () => shared.close(index) }
}

/** Share of the true ten nearest that the index names. */
function recallOf({ index, dimension, vectors, random }: Filled): number {
  let hits = 0
  for (let i = 0; i < 100; i++) {
    const vector = randomVector(dimension, random)
    const found = searchShared(shared, index, { vector, count: 10, width: 128 })
    expect(found.similarities).toEqual(found.similarities.toSorted((a, b) => b - a))
    hits += nearestOf(vectors, vector, 10).filter((label) => found.labels.includes(label)).length
  }
  return hits / 1000
}

function buildWhole({ index }: Filled, threads: number): void {
  while (shared.build(index, threads, 50));
}

test("what has no graph yet is searched exactly, for any length and through removals", () => {
  for (const dimension of [3, 16, 61, 320]) {
    using filling = filled(dimension, 2500, dimension)
    const { index, vectors, random } = filling
    for (const label of [1, 2500, 1024, 1025]) {
      expect(shared.remove(index, label)).toBe(true)
      expect(shared.remove(index, label)).toBe(false)
      vectors.delete(label)
    }
    if (dimension === 16) shared.tidy(index)
    expect(shared.counts(index)).toMatchObject({ size: 2500, dead: 4, built: 0 })
    for (let i = 0; i < 20; i++) {
      const vector = randomVector(dimension, random)
      const { labels, similarities } = searchShared(shared, index, { vector, count: 10, width: 1 })
      const truth = nearestOf(vectors, vector, 10)
      expect(labels).toEqual(truth)
      for (const [place, label] of truth.entries())
        expect(similarities[place]).toBeCloseTo(similarity(vector, vectors.get(label)!), 5)
    }
    expect(shared.has(index, 1)).toBe(false)
    expect(shared.has(index, 2)).toBe(true)
  }
})

test("among members alone it is exact, in the graph and out of it", () => {
  using filling = filled(48, 3000, 11)
  const { index, vectors, random } = filling
  const members = Float64Array.from({ length: 400 }, (_, i) => 3000 - i * 7)
  const own = new Map([...members].map((label) => [label, vectors.get(label)!]))
  const ask = () => {
    for (let i = 0; i < 20; i++) {
      const vector = randomVector(48, random)
      const found = searchShared(shared, index, { vector, count: 5, width: 1, members: Float64Array.of(...members, 99_999) })
      expect(found.labels).toEqual(nearestOf(own, vector, 5))
    }
  }
  ask()
  buildWhole(filling, 1)
  ask()
  shared.remove(index, members[3]!)
  own.delete(members[3]!)
  ask()
})

test.each([1, 3])("the graph agrees with comparing all, built by %p threads, also after half was replaced", (threads) => {
  using filling = filled(64, 3000, 2)
  const { index, vectors } = filling
  // Directions drawn evenly are the hardest there is; faces of people lie in clusters.
  buildWhole(filling, threads)
  expect(shared.counts(index)).toEqual({ size: 3000, built: 3000, dead: 0, gone: 0 })
  expect(recallOf(filling)).toBeGreaterThan(0.97)
  for (let label = 1; label <= 1500; label++) {
    expect(shared.remove(index, label)).toBe(true)
    vectors.delete(label)
  }
  expect(recallOf(filling)).toBeGreaterThan(0.93) // Removed and not tidied up.
  buildWhole(filling, threads)
  expect(recallOf(filling)).toBeGreaterThan(0.97)
  filling.add(3001, 1500)
  expect(recallOf(filling)).toBeGreaterThan(0.97)
  buildWhole(filling, threads)
  expect(shared.counts(index)).toEqual({ size: 4500, built: 4500, dead: 1500, gone: 0 })
  expect(recallOf(filling)).toBeGreaterThan(0.97)
})

test("several threads find what one finds, in the graph and beside it", () => {
  using filling = filled(16, 2500, 6)
  const { index, vectors, random } = filling
  for (const built of [false, true]) {
    if (built) while (shared.counts(index).built === 0) shared.build(index, 1, 0.5)
    for (let i = 0; i < 20; i++) {
      const vector = randomVector(16, random)
      const asked = { vector, count: 10, width: 400 }
      const alone = searchShared(shared, index, asked)
      for (const threads of [2, 3, 7]) expect(searchShared(shared, index, { ...asked, threads })).toEqual(alone)
      if (!built) expect(alone.labels).toEqual(nearestOf(vectors, vector, 10))
    }
  }
})

test("without their floats members are found by their codes, in the graph and beside it", () => {
  using filling = filled(64, 3000, 7, false)
  const { index, vectors } = filling
  const members = Float64Array.from([...vectors.keys()].filter((label) => label % 3 === 0))
  const eachFoundByItself = () => {
    for (const label of members.filter((_, i) => i % 20 === 0)) {
      const found = searchShared(shared, index, { vector: vectors.get(label)!, count: 1, width: 1, members })
      expect(found.labels).toEqual([label])
      expect(found.similarities[0]).toBeCloseTo(1, 2)
    }
  }
  eachFoundByItself()
  buildWhole(filling, 2)
  eachFoundByItself()
})

test("everything is found at each moment of building", () => {
  using filling = filled(32, 3000, 3)
  const { index, vectors } = filling
  const eachFoundByItself = () => {
    for (const [label, vector] of vectors)
      if (label % 7 === 0) expect(searchShared(shared, index, { vector, count: 1, width: 64 }).labels).toEqual([label])
  }
  expect(shared.build(index, 1, 0.5)).toBe(true)
  expect(shared.counts(index).built).toBeGreaterThan(0)
  expect(shared.counts(index).built).toBeLessThan(3000)
  eachFoundByItself()
  buildWhole(filling, 2)
  eachFoundByItself()
})

test("what makes no sense is refused with an error, and never read", () => {
  const index = shared.create(4, true, 16, 200)
  shared.append(index, Float64Array.of(5), Float32Array.of(1, 0, 0, 0))
  expect(() => shared.append(index, Float64Array.of(5), Float32Array.of(0, 1, 0, 0))).toThrow("rise")
  expect(() => shared.append(index, Float64Array.of(6, 7), Float32Array.of(0, 1, 0, 0))).toThrow("vector for each")
  expect(() => searchShared(shared, index, { vector: new Float32Array(3), count: 1, width: 1 })).toThrow("dimension")
  expect(shared.loadLinks(index, new Uint8Array(100))).not.toBe("")
  shared.close(index)
  expect(() => shared.counts(index)).toThrow("closed")
})

test("1,200 people: the box names them while the graph is being built and afterwards", async () => {
  const random = randomFrom(4)
  const space = spaceOf(64)
  await using box = await openBox()
  const people = Array.from({ length: 1200 }, (_, i) => ({ name: `Person ${i}`, vector: randomVector(64, random) }))
  for (const { name, vector } of people) enrol(box.gallery, name, space, [vector])
  await box.reopen({ scannedMax: 100 })
  const states = new Set<string>()
  const ask = async () => {
    for (const person of people.filter((_, i) => i % 50 === 0)) {
      // Before the search, too: a quick thread may be done with the graph when the first answer is there.
      states.add(box.gallery.indexStatus()[0]?.state ?? "none")
      const [first] = await box.gallery.search(space, near(person.vector, 0.5, random), 1)
      expect(first?.name).toBe(person.name)
    }
  }
  await ask()
  expect(states).toContain("loading")
  await until(() => box.gallery.indexStatus()[0]?.state === "ready", "the graph is built")
  await ask()
  expect(box.gallery.indexStatus()).toEqual([
    { space, faces: 1200, state: "ready", progress: 1, variant: expect.stringMatching(/^hnswlib /) },
  ])
  // One more, and one less, in the graph as well.
  const late = enrol(box.gallery, "Late", space, [randomVector(64, random)])
  box.gallery.deleteSubject(late.subjectId)
  const gone = people[0]!
  box.gallery.deleteSubject(box.gallery.subjects({ limit: 1, name: gone.name }).items[0]!.id)
  const [next] = await box.gallery.search(space, gone.vector, 1)
  expect(next?.name).not.toBe(gone.name)
})

test("of more faces than floats are kept of, the floats on the disk decide, in groups too", async () => {
  const random = randomFrom(8)
  const space = spaceOf(64)
  await using box = await openBox()
  const people = Array.from({ length: 1200 }, (_, i) => ({ name: `Person ${i}`, vector: randomVector(64, random) }))
  const ids = people.map(({ name, vector }) => enrol(box.gallery, name, space, [vector]).subjectId)
  for (const id of ids.slice(0, 300)) box.gallery.updateSubject(id, { groups: ["few"] })
  await box.reopen({ scannedMax: 100, floatsKeptMax: 1000 })
  const ask = async () => {
    for (const [i, { name, vector }] of people.entries()) {
      if (i % 50 !== 0) continue
      const asked = near(vector, 0.5, random)
      for (const group of i < 300 ? [undefined, "few"] : [undefined]) {
        const [first] = await box.gallery.search(space, asked, 3, group)
        expect(first?.name).toBe(name)
        expect(first?.similarity).toBeCloseTo(similarity(asked, vector), 6)
      }
    }
  }
  await ask()
  await until(() => box.gallery.indexStatus()[0]?.state === "ready", "the graph is built")
  await ask()
})

test("threads that die again and again never make an answer wrong, and they come back", async () => {
  const random = randomFrom(5)
  const space = spaceOf(64)
  const workers: Worker[] = []
  const startWorker = () => {
    const worker = startIndexWorker()
    workers.push(worker)
    return worker
  }
  await using box = await openBox({ startWorker, scannedMax: 1010 })
  const people = Array.from({ length: 1020 }, (_, i) => ({ name: `Person ${i}`, vector: randomVector(64, random) }))
  for (const { name, vector } of people) enrol(box.gallery, name, space, [vector])
  const ask = async () => {
    const person = people[Math.floor(random() * people.length)]!
    const [first] = await box.gallery.search(space, near(person.vector, 0.3, random), 1)
    expect(first?.name).toBe(person.name)
  }
  await ask()
  await until(() => workers.length > 0, "a thread is there")
  for (let round = 0; round < 4; round++) {
    const before = workers.length
    const answers = Array.from({ length: 5 }, ask)
    // All at once: the one that builds as well as those that search.
    for (const worker of workers) worker.terminate()
    await Promise.all(answers)
    // Enrolled while there is no thread, or just before.
    const vector = randomVector(64, random)
    people.push({ name: `Late ${round}`, vector })
    enrol(box.gallery, `Late ${round}`, space, [vector])
    expect((await box.gallery.search(space, vector, 1))[0]?.name).toBe(`Late ${round}`)
    for (let i = 0; i < 10; i++) await ask()
    await until(() => workers.length > before, "a new thread is there")
    await ask()
  }
  await until(() => box.gallery.indexStatus()[0]?.state === "ready", "the graph is built in spite of it all")
  expect(box.gallery.indexStatus()[0]?.faces).toBe(1024)
})

test("a graph is not built while faces keep coming, and soon after; they are found all the time", async () => {
  const random = randomFrom(6)
  const space = spaceOf(64)
  let threads = 0
  const startWorker = () => {
    threads++
    return startIndexWorker()
  }
  await using box = await openBox({ startWorker, scannedMax: 100 })
  const add = (name: string) => {
    const vector = randomVector(64, random)
    enrol(box.gallery, name, space, [vector])
    return vector
  }
  // What is there at the start is built at once.
  await box.gallery.search(space, add("First"), 1)
  for (let i = 0; i < 1100; i++) add(`Person ${i}`)
  // Longer than the rest between two changes that a graph waits for.
  const untilTickMs = performance.now() + 3000
  for (let i = 0; performance.now() < untilTickMs; i++) {
    const vector = add(`Late ${i}`)
    expect((await box.gallery.search(space, vector, 1))[0]?.name).toBe(`Late ${i}`)
    await Bun.sleep(20)
  }
  expect(threads).toBe(0)
  await until(() => box.gallery.indexStatus()[0]?.state === "ready", "the graph is built")
  expect(threads).toBeGreaterThan(0)
})
