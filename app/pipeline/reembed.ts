import { nowTickMs } from "../base/ticks.ts"
import type { Space } from "../face/embedding.ts"
import { vectorOf } from "../gallery/faces.ts"
import type { Gallery } from "../gallery/gallery.ts"
import type { Analyze } from "./analyze.ts"

export interface FillNeeds {
  readonly gallery: Pick<Gallery, "withoutTwin" | "faceImage" | "addTwin">
  /** Engines of the space that is filled. */
  readonly analyze: Analyze
  readonly space: Space
  /** Whether somebody waits for the engines that serve: they go first. */
  readonly pressed: () => boolean
}

export interface Filled {
  readonly embedded: number
  /** Pictures in which the network found nothing, or that do not open: each is tried once. */
  readonly failed: number
}

const pageFaces = 32
/** Two engines are at work at most: the others are for whoever waits. */
const atOnce = 2
const pressedLookMs = 5
/** On a box that is always pressed it comes to its end, too. */
const pressedWaitMs = 500
const deadlineMs = 600_000
const failedRestMs = 1000

/** Embeds what is not in a space from the pictures that are kept, until nothing is left or the signal says so. */
export async function fillSpace(needs: FillNeeds, signal: AbortSignal): Promise<Filled> {
  let embedded = 0
  let failed = 0
  let after = 0
  let running = 0

  async function take(faces: readonly { readonly id: string }[]): Promise<void> {
    for (const { id } of faces) {
      await untilSpare(needs.pressed, signal)
      if (signal.aborted) return
      if (await embedAgain(id, needs, signal)) embedded++
      else failed++
    }
  }

  for (;;) {
    const page = needs.gallery.withoutTwin(needs.space, after, pageFaces)
    after = page.at(-1)?.number ?? after
    if (page.length === 0 || signal.aborted) return { embedded, failed }
    running = Math.min(atOnce, page.length)
    const parts = Array.from({ length: running }, (_, part) => page.filter((_, place) => place % running === part))
    await Promise.all(parts.map(take))
  }
}

async function untilSpare(pressed: () => boolean, signal: AbortSignal): Promise<void> {
  const sinceTickMs = nowTickMs()
  while (!signal.aborted && pressed() && nowTickMs() - sinceTickMs < pressedWaitMs) await Bun.sleep(pressedLookMs)
}

/** False for a picture that gives no vector. Engines that are down are waited for. */
async function embedAgain(id: string, { gallery, analyze, space }: FillNeeds, signal: AbortSignal): Promise<boolean> {
  const chip = gallery.faceImage(id)
  // Gone meanwhile: nothing is missing then.
  if (chip === undefined || chip === null) return true
  const { jpeg, landmarks, detected } = chip
  const at = { landmarks, ...(detected && { detected }) }
  for (;;) {
    const answer = await analyze({
      picture: jpeg,
      options: { faceWidthPxMin: 1, facesMax: 1, embed: "largest", at },
      deadlineTickMs: nowTickMs() + deadlineMs,
      priority: "background",
      signal,
    })
    if (answer.kind === "ok") {
      const vector = answer.faces[0]?.embedding
      if (vector === undefined) return false
      gallery.addTwin(id, { space, vector })
      return true
    }
    if (answer.kind === "refused" || signal.aborted) return false
    await Bun.sleep(failedRestMs)
  }
}

/** What two networks say of the same faces, side by side. */
export interface Agreement {
  /** Faces that were asked about, spread over the gallery, each in both spaces. */
  readonly asked: number
  /** Of which both name the same other person as the nearest. */
  readonly sameNearest: number
  /** For which that person is a match: people who would be taken for each other. */
  readonly confused: { readonly from: number; readonly to: number }
}

export interface Side<In extends Space = Space> {
  readonly space: In
  readonly match: number
}

const askedMax = 200

/** @param faceIds of the faces to ask about; those that are not in both spaces are passed over */
export async function compareSpaces<From extends Space, To extends Space>(
  gallery: Pick<Gallery, "search" | "vectorIn">,
  faceIds: readonly string[],
  from: Side<From>,
  to: Side<To>,
): Promise<Agreement> {
  const every = Math.max(1, Math.floor(faceIds.length / askedMax))
  let [asked, sameNearest, confusedFrom, confusedTo] = [0, 0, 0, 0]
  for (const faceId of faceIds.filter((_, place) => place % every === 0)) {
    const before = await nearestOther(gallery, faceId, from)
    const after = await nearestOther(gallery, faceId, to)
    if (before === undefined || after === undefined) continue
    asked++
    if (before.subjectId === after.subjectId) sameNearest++
    if (before.isMatch) confusedFrom++
    if (after.isMatch) confusedTo++
  }
  return { asked, sameNearest, confused: { from: confusedFrom, to: confusedTo } }
}

async function nearestOther<In extends Space>(
  { search, vectorIn }: Pick<Gallery, "search" | "vectorIn">,
  faceId: string,
  { space, match }: Side<In>,
) {
  const stored = vectorIn(faceId, space)
  if (stored === undefined) return undefined
  const candidates = await search(space, vectorOf(stored), 2)
  const other = candidates.find(({ subjectId }) => subjectId !== stored.subjectId)
  return { subjectId: other?.subjectId, isMatch: other !== undefined && other.similarity >= match }
}
