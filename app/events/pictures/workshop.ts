import type { Sighting } from "../sighting.ts"

/** What is drawn, or that so many pictures wait already that this one cannot. */
export type Drawn =
  | { readonly kind: "drawn"; readonly jpeg: Uint8Array }
  | { readonly kind: "overloaded"; readonly retryAfterS: number }

/** Where snapshots are drawn on and made smaller: one at a time, because recognition needs the cores. */
export interface Workshop {
  annotate(snapshot: Uint8Array, sighting: Pick<Sighting, "image" | "faces">): Promise<Drawn>
  thumbnail(snapshot: Uint8Array, widthPx: number): Promise<Drawn>
}

/** A page of thumbnails asked for at once by a few browsers; each holds one snapshot while it waits. */
const waitingMax = 64

export function createWorkshop(): Workshop {
  let waiting = 0
  let last: Promise<unknown> = Promise.resolve()

  async function inTurn(draw: () => Promise<Uint8Array>): Promise<Drawn> {
    if (waiting >= waitingMax) return { kind: "overloaded", retryAfterS: 1 }
    waiting += 1
    const turn = last.then(draw)
    last = turn.catch(() => undefined) // Whoever asked hears of it; the next one is drawn all the same.
    try {
      return { kind: "drawn", jpeg: await turn }
    } finally {
      waiting -= 1
    }
  }

  // The libraries are native and large: they are loaded when the first picture is asked for.
  return {
    annotate: (snapshot, sighting) => inTurn(async () => (await import("./annotate.ts")).annotate(snapshot, sighting)),
    thumbnail: (snapshot, widthPx) => inTurn(async () => (await import("./thumbnail.ts")).thumbnail(snapshot, widthPx)),
  }
}
