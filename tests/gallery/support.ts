import { type Embedding, parseSpace, type Space, toUnit } from "../../app/face/embedding.ts"
import type { Gallery } from "../../app/gallery/gallery.ts"
import { type GalleryOptions, openGallery } from "../../app/gallery/open.ts"
import { openStore, type Store } from "../../app/store/store.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"
import { testVaultOf } from "../support/vault.ts"

export function spaceOf(dimension: number): Space {
  const space = parseSpace(`test@0badc0de/${dimension}`)
  if (space === undefined) throw new Error("not a space")
  return space
}

export interface OpenBox extends AsyncDisposable {
  readonly folder: TempFolder
  readonly path: string
  readonly store: Store
  readonly gallery: Gallery
  /** The same folder, closed and opened again. */
  reopen(options?: GalleryOptions): Promise<void>
}

export async function openBox(options?: GalleryOptions): Promise<OpenBox> {
  const folder = tempFolder()
  const path = folder.file("box.db")
  const box = { folder, path, ...(await openAt(path, options)) }
  const close = async () => {
    await box.gallery.close()
    box.store.close()
  }
  return Object.assign(box, {
    async reopen(again?: GalleryOptions) {
      await close()
      Object.assign(box, await openAt(path, again))
    },
    async [Symbol.asyncDispose]() {
      await close()
      folder[Symbol.dispose]()
    },
  })
}

async function openAt(path: string, options?: GalleryOptions): Promise<{ store: Store; gallery: Gallery }> {
  const opened = openStore(path)
  if (opened.kind === "failed") throw new Error(opened.why)
  return { store: opened.store, gallery: await openGallery(opened.store, testVaultOf(opened.store), options) }
}

/** Bytes in, the same sequence out, every time: mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A direction drawn evenly from all. */
export function randomVector(dimension: number, random: () => number): Float32Array {
  const gauss = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return toUnit(Array.from({ length: dimension }, gauss)) ?? new Float32Array(dimension)
}

/** Another photograph of the same person: cosine of about 1 / √(1 + spread²). */
export function near(vector: Float32Array, spread: number, random: () => number): Float32Array {
  const noise = randomVector(vector.length, random)
  return toUnit(vector.map((part, i) => part + spread * (noise[i] ?? 0))) ?? vector
}

/** A person with faces; the ids of both. */
export function enrol(gallery: Gallery, name: string, space: Space, vectors: readonly Embedding["vector"][]) {
  const subject = gallery.createSubject(name)
  const faceIds = vectors.map((vector) => {
    const added = gallery.addFace({ subjectId: subject.id, space, vector, source: "vector" })
    if (added.kind !== "added") throw new Error(added.kind)
    return added.face.id
  })
  return { subjectId: subject.id, faceIds }
}

/** Polls until it holds; a plain failure after ten seconds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const deadlineTickMs = performance.now() + 10_000
  while (!holds()) {
    if (performance.now() > deadlineTickMs) throw new Error(`not within 10 s: ${what}`)
    await Bun.sleep(5)
  }
}
