import { basename } from "node:path/posix"
import type { Content, Item, Source, Survey, Told } from "../item.ts"
import { createLayout, isPicture, type Layout, placeOf, whyHostile } from "./layout.ts"
import { type ArchiveLimits, unpackedBytesMax, whyTooMany, whyTooMuch } from "./limits.ts"

/** What `path` and `unpackedBytes` say is the archive's own claim. */
export type NextEntry =
  | { readonly kind: "entry"; readonly path: string; readonly unpackedBytes: number }
  | { readonly kind: "end" }
  | Damaged

export type Damaged = { readonly kind: "failed"; readonly why: string }

/** An archive on its way from its first file to its last. */
export interface OpenArchive extends AsyncDisposable {
  readonly kind: "ok"
  readonly bytes: number
  next(): Promise<NextEntry>
  /** What the entry that came last holds, a picture no larger than allowed. */
  read(limits: ArchiveLimits): Promise<Content | Damaged>
}

/** Pictures in folders by the names of people, packed into one file. */
export function archiveSource(open: () => Promise<OpenArchive | Damaged>, limits: ArchiveLimits): Source {
  let layout: Layout | undefined

  return {
    async survey(signal) {
      const opened = await open()
      if (opened.kind === "failed") return opened
      await using archive = opened
      const surveyed = await surveyArchive(archive, limits, signal)
      if ("layout" in surveyed) layout = surveyed.layout
      return surveyed.result
    },

    async *items(isDone) {
      if (layout === undefined) throw new Error("items come after a survey")
      const opened = await open()
      if (opened.kind === "failed") yield { kind: "broken", why: opened.why }
      else {
        await using archive = opened
        yield* itemsOf(archive, layout, limits, isDone)
      }
    },
  }
}

async function surveyArchive(
  archive: OpenArchive,
  limits: ArchiveLimits,
  signal: AbortSignal,
): Promise<{ readonly result: Survey; readonly layout?: Layout }> {
  const paths = createLayout()
  const refused = (why: string) => ({ result: { kind: "failed" as const, why } })
  let unpackedBytes = 0
  for (;;) {
    if (signal.aborted) return refused("it was told to stop")
    const next = await archive.next()
    if (next.kind === "failed") return { result: next }
    if (next.kind === "end") break
    const hostile = whyHostile(next.path)
    if (hostile !== undefined) return refused(hostile)
    unpackedBytes += next.unpackedBytes
    if (unpackedBytes > unpackedBytesMax(archive.bytes)) return refused(whyTooMuch(archive.bytes))
    if (isPicture(next.path)) paths.add(next.path)
    if (paths.layout.pictures > limits.itemsMax) return refused(whyTooMany(limits))
  }
  const { layout } = paths
  if (layout.pictures === 0)
    return refused("it holds no pictures (.jpg, .png, .webp); each person takes a folder of their name")
  return { result: { kind: "ok", items: layout.pictures }, layout }
}

async function* itemsOf(
  archive: OpenArchive,
  layout: Layout,
  limits: ArchiveLimits,
  isDone: (position: number) => boolean,
): AsyncGenerator<Told> {
  for (let position = 0; ; ) {
    const next = await archive.next()
    if (next.kind === "end") return
    if (next.kind === "failed") return yield { kind: "broken", why: next.why }
    if (!isPicture(next.path)) continue
    if (!isDone(position)) {
      const content = await archive.read(limits)
      if (content.kind === "failed") return yield { kind: "broken", why: content.why }
      yield itemAt(next.path, position, layout, content)
    }
    position += 1
  }
}

/** The item at this path, with what was read there. */
export function itemAt(path: string, position: number, layout: Layout, content: Content): { readonly kind: "item" } & Item {
  const place = placeOf(path, layout)
  if (place.kind === "person") return { kind: "item", position, file: place.file, person: { name: place.name }, content }
  const nobody = { kind: "refused", reason: "no_person", why: place.why } as const
  // The folders above may be names, and nothing would lead from a person to this item.
  return { kind: "item", position, file: basename(path), person: undefined, content: nobody }
}
