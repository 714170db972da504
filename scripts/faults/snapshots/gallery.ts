import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Log, silentLog } from "../../../app/base/log.ts"
import { parseSpace, type Space, toUnit } from "../../../app/face/embedding.ts"
import type { Gallery } from "../../../app/gallery/gallery.ts"
import { indexFolderOf, openGallery, snapshotName } from "../../../app/gallery/open.ts"
import { openStore, type Store } from "../../../app/store/store.ts"
import { plainVaultOf } from "../../../tests/support/vault.ts"
import { fillGallery } from "../../bench/search/fill.ts"
import { createRandom } from "../../bench/support/statistics.ts"

const dimension = 24
export const people = 1200

export interface SnapshotGallery {
  readonly path: string
  readonly space: Space
  /** A sound snapshot of it. */
  readonly sound: Buffer
  /** A sound snapshot of its other space. */
  readonly other: Buffer
}

export interface Start {
  /** Asked at once, and again when the index was ready. */
  readonly wrongAnswers: number
  /** Whether the graph had to be built again. */
  readonly rebuilt: boolean
}

/** 1,200 people in two spaces, large enough for a graph, with a snapshot of each. */
export async function makeSnapshotGallery(folder: string): Promise<SnapshotGallery> {
  const [space, otherSpace] = [spaceCalled("first"), spaceCalled("second")]
  await using opened = await openAt(folder)
  for (const name of [space, otherSpace])
    fillGallery(opened.store, plainVaultOf(opened.store), {
      space: name,
      dimension,
      faces: people,
      facesPerPerson: 1,
      vectors: vectorsOf,
    })
  await opened.reopen()
  await whenReady(opened.gallery)
  // Written after the graph is built; the gallery says nothing of it, so the files are waited for.
  const read = (name: Space) => readWhenThere(join(indexFolderOf(folder), snapshotName(name)))
  return { path: folder, space, sound: await read(space), other: await read(otherSpace) }
}

/** Starts on `bytes` in place of the snapshot and asks for `asked` people. */
export async function startOn(
  { path, space }: SnapshotGallery,
  bytes: Uint8Array,
  asked: number,
  seed: number,
): Promise<Start> {
  const file = join(indexFolderOf(path), snapshotName(space))
  writeFileSync(file, bytes)
  const refused = new Set<unknown>()
  await using opened = await openAt(path, noting(refused))
  // Not by the state: a quick thread may be done with building before anybody looks.
  const rebuilt = refused.has(space)
  let wrongAnswers = await countWrong(opened.gallery, space, asked, seed)
  await whenReady(opened.gallery)
  wrongAnswers += await countWrong(opened.gallery, space, asked, seed + 1)
  return { wrongAnswers, rebuilt }
}

/** Other photographs of people drawn: each has to come back with their own name. */
async function countWrong(gallery: Gallery, space: Space, asked: number, seed: number): Promise<number> {
  const random = createRandom(seed)
  let wrong = 0
  for (let i = 0; i < asked; i++) {
    const person = Math.floor(random() * people)
    const vector = toUnit(vectorsOf(person, 1).map((part) => part + 0.05 * (random() - 0.5)))!
    const [first] = await gallery.search(space, vector, 1)
    // Each name is there twice: once in each space, of two subjects.
    if (first?.name !== `Person ${person}`) wrong++
  }
  return wrong
}

/** A log that gathers of which spaces a snapshot was refused. */
function noting(refused: Set<unknown>): Log {
  const warn = (details: { readonly space?: unknown }, message: string) => {
    if (message.startsWith("snapshot refused")) refused.add(details.space)
  }
  return Object.assign(Object.create(silentLog) as Log, { warn })
}

async function openAt(folder: string, log: Log = silentLog) {
  const open = async (): Promise<{ store: Store; gallery: Gallery }> => {
    const opened = openStore(join(folder, "gatehouse.db"))
    if (opened.kind === "failed") throw new Error(opened.why)
    const gallery = await openGallery(opened.store, plainVaultOf(opened.store), {
      log,
      scannedMax: 1000,
      indexFolder: indexFolderOf(folder),
    })
    return { store: opened.store, gallery }
  }
  const box = await open()
  const close = async () => {
    await box.gallery.close()
    box.store.close()
  }
  return Object.assign(box, {
    async reopen() {
      await close()
      Object.assign(box, await open())
    },
    [Symbol.asyncDispose]: close,
  })
}

async function whenReady(gallery: Gallery): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!gallery.indexStatus().every(({ state, progress }) => state === "ready" && progress === 1)) {
    if (performance.now() > deadline) throw new Error("the index was not rebuilt within 60 s")
    await Bun.sleep(5)
  }
}

async function readWhenThere(path: string): Promise<Buffer> {
  const deadline = performance.now() + 60_000
  while (!(await Bun.file(path).exists())) {
    if (performance.now() > deadline) throw new Error(`${path} was not written within 60 s`)
    await Bun.sleep(20)
  }
  return readFileSync(path)
}

function vectorsOf(from: number, count: number): Float32Array {
  const vectors = new Float32Array(count * dimension)
  for (let i = 0; i < count; i++) {
    const random = createRandom((from + i) * 7919 + 1)
    vectors.set(toUnit(Array.from({ length: dimension }, () => random() + random() + random() - 1.5))!, i * dimension)
  }
  return vectors
}

function spaceCalled(name: string): Space {
  const space = parseSpace(`${name}@0badc0de/${dimension}`)
  if (space === undefined) throw new Error("not a space")
  return space
}
