import type { Log } from "../base/log.ts"
import type { Result } from "../base/result.ts"
import type { Space } from "../face/embedding.ts"
import type { Coverage } from "../gallery/faces.ts"
import type { Gallery } from "../gallery/gallery.ts"
import type { Analyze } from "./analyze.ts"
import { type Agreement, compareSpaces, type Filled, fillSpace } from "./reembed.ts"

/** A model set with its engines running. */
export interface EmbedSide {
  /** Of the set, as in models/sets.json. */
  readonly set: string
  readonly space: Space
  /** Similarity from which two pictures are one person. */
  readonly match: number
  readonly analyze: Analyze
  readonly waiting: () => number
}

export interface ReembeddingStatus {
  readonly active: { readonly set: string; readonly space: Space }
  /** Absent while nothing is being embedded again. */
  readonly shadow?: {
    readonly set: string
    readonly space: Space
    readonly state: "filling" | "filled"
    readonly coverage: Coverage
    readonly failed: number
    /** Once it is filled. */
    readonly agreement?: Agreement
  }
}

export type Begun =
  | { readonly kind: "begun" }
  /** It serves already, or another one is being filled. */
  | { readonly kind: "conflict"; readonly why: string }
  | { readonly kind: "failed"; readonly why: string }

export type Flipped =
  | { readonly kind: "flipped" }
  /** Nothing is being embedded again. */
  | { readonly kind: "no_shadow" }
  /** Whoever is in the gallery and not in the space would be found no more. */
  | { readonly kind: "incomplete"; readonly coverage: Coverage }

/** Another network in the place of the one that serves, and back, without a picture taken anew. */
export interface Reembedding {
  status(): ReembeddingStatus
  begin(set: string): Promise<Begun>
  /** @param anyway also when faces would be missing */
  flip(anyway: boolean): Promise<Flipped>
  /** Lets the engines of the shadow go. What was embedded stays, and need not be embedded again. */
  end(): Promise<void>
  close(): Promise<void>
}

export interface ReembeddingNeeds {
  readonly gallery: Pick<Gallery, "withoutTwin" | "faceImage" | "addTwin" | "coverage" | "search" | "vectorIn" | "faceIdsAfter">
  readonly active: () => EmbedSide
  /** Starts the engines of a set, and settles when one of them can serve. */
  readonly open: (set: string) => Promise<Result<EmbedSide>>
  readonly release: (side: EmbedSide) => Promise<void>
  /** The shadow answers from now on, and remembers it over a restart. */
  readonly serve: (side: EmbedSide) => Promise<void>
  readonly log: Pick<Log, "info" | "error">
}

const pageFaces = 1000

export function createReembedding(needs: ReembeddingNeeds): Reembedding {
  const { gallery, log } = needs
  let shadow: Shadow | undefined
  let opening = false

  /** Looks again for faces that are enrolled while it fills, and after a flip for what the other space lacks. */
  function fill(side: EmbedSide): Shadow {
    const stopping = new AbortController()
    const mine: Shadow = { side, stopping, filled: undefined, agreement: undefined, running: Promise.resolve() }
    mine.running = run(mine).catch((err: unknown) => log.error({ err }, "a bug: faces are not embedded again any more"))
    return mine
  }

  async function run(mine: Shadow): Promise<void> {
    const { side, stopping } = mine
    const pressed = () => needs.active().waiting() > 0
    const { analyze, space } = side
    mine.filled = undefined
    const filled = await fillSpace({ gallery, analyze, space, pressed }, stopping.signal)
    if (stopping.signal.aborted) return
    mine.filled = filled
    log.info({ set: side.set, ...filled }, "faces were embedded again")
    mine.agreement = await compareSpaces(gallery, allFaceIds(), needs.active(), side)
  }

  function allFaceIds(): readonly string[] {
    const ids: string[] = []
    for (
      let page = gallery.faceIdsAfter("", pageFaces);
      page.length > 0;
      page = gallery.faceIdsAfter(ids.at(-1) ?? "", pageFaces)
    )
      ids.push(...page)
    return ids
  }

  async function stop(): Promise<EmbedSide | undefined> {
    const mine = shadow
    shadow = undefined
    mine?.stopping.abort()
    await mine?.running
    return mine?.side
  }

  return {
    status() {
      const { set, space } = needs.active()
      if (shadow === undefined) return { active: { set, space } }
      const { side, filled, agreement } = shadow
      const told = { set: side.set, space: side.space, coverage: gallery.coverage(side.space), failed: filled?.failed ?? 0 }
      const state = filled === undefined ? "filling" : "filled"
      return { active: { set, space }, shadow: { ...told, state, ...(agreement && { agreement }) } }
    },

    async begin(set) {
      const active = needs.active()
      if (set === active.set) return { kind: "conflict", why: `${set} serves already` }
      if (opening || (shadow !== undefined && shadow.side.set !== set))
        return { kind: "conflict", why: `${shadow?.side.set ?? "another set"} is being filled: end that first` }
      if (shadow !== undefined) {
        if (shadow.filled !== undefined) shadow = fill(shadow.side)
        return { kind: "begun" }
      }
      opening = true
      try {
        const opened = await needs.open(set)
        if (opened.kind === "failed") return opened
        shadow = fill(opened.value)
        return { kind: "begun" }
      } finally {
        opening = false
      }
    },

    async flip(anyway) {
      const mine = shadow
      if (mine === undefined) return { kind: "no_shadow" }
      const coverage = gallery.coverage(mine.side.space)
      if (coverage.covered < coverage.faces && !anyway) return { kind: "incomplete", coverage }
      mine.stopping.abort()
      await mine.running
      const before = needs.active()
      await needs.serve(mine.side)
      shadow = fill(before)
      return { kind: "flipped" }
    },

    async end() {
      const side = await stop()
      if (side !== undefined) await needs.release(side)
    },

    close: async () => void (await stop()),
  }
}

interface Shadow {
  readonly side: EmbedSide
  readonly stopping: AbortController
  filled: Filled | undefined
  agreement: Agreement | undefined
  running: Promise<void>
}
