import type { Errand } from "../../../app/sync/link/errand.ts"
import type { LinkHub, News } from "../../../app/sync/link/hub.ts"
import { createLink } from "../../../app/sync/link/link.ts"
import { syncOptions } from "../../../app/sync/options.ts"
import type { createTestSite } from "../site.ts"

export type TestBox = ReturnType<typeof createTestSite>["boxes"][number]

/** A line to the site's hub in memory, which tells every box of what any of them writes. */
export function createLines() {
  const listeners = new Set<(news: News) => void>()
  const state = { isUp: true, generation: 1, opened: 0, listened: 0 }

  function over(box: TestBox): LinkHub {
    const { hub } = box.needs
    const down = { kind: "unreachable", why: "the line was cut" } as const
    const ask = <Answer>(question: () => Promise<Answer>) => (state.isUp ? question() : Promise.resolve(down))
    return {
      ...box.needs.hub,
      read: (...asked) => ask(() => hub.read(...asked)),
      async write(stream, key, bytes, expected) {
        const written = await ask(() => hub.write(stream, key, bytes, expected))
        if (written.kind === "written") for (const tell of listeners) tell({ stream, sequence: written.sequence })
        return written
      },
      latest: (...asked) => ask(() => hub.latest(...asked)),
      newestMarker: (...asked) => ask(() => hub.newestMarker(...asked)),
      markerAt: (...asked) => ask(() => hub.markerAt(...asked)),
      mark: () => Promise.resolve({ kind: "marked" }),
      remove: () => Promise.resolve({ kind: "removed" }),
      lease: {
        read: () => Promise.resolve({ kind: "none" }),
        write: () => Promise.resolve({ kind: "written", sequence: 1 }),
      },
      server: () => (state.isUp ? { address: "memory:1", version: "0" } : undefined),
      generation: () => state.generation,
      listen(heard) {
        state.listened++
        listeners.add(heard)
        const close = () => Promise.resolve(listeners.delete(heard)).then(() => undefined)
        return Promise.resolve({ kind: "ok", value: { isHeard: () => true, close } })
      },
      apart: () => over(box),
      close: () => Promise.resolve(),
    }
  }

  return {
    state,
    connect(box: TestBox): Promise<{ readonly kind: "ok"; readonly value: LinkHub }> {
      state.opened++
      return Promise.resolve({ kind: "ok", value: over(box) })
    },
    cut(): void {
      state.isUp = false
    },
    mend(): void {
      state.isUp = true
      state.generation++
    },
  }
}

/** The loop of a box, with little patience. */
export function openLink(
  box: TestBox,
  lines: ReturnType<typeof createLines>,
  {
    errands = [],
    connect,
    warnings = [],
    options = {},
  }: {
    readonly errands?: readonly Errand[]
    readonly connect?: Parameters<typeof createLink>[0]["connect"]
    readonly warnings?: string[]
    readonly options?: Parameters<typeof syncOptions.parse>[0] & object
  } = {},
) {
  const log = {
    info() {},
    warn: (about: unknown) => void warnings.push(JSON.stringify(about)),
    error: (about: unknown) => void warnings.push(JSON.stringify(about)),
  }
  const link = createLink(
    {
      connect: connect ?? (() => lines.connect(box)),
      session: { box: box.needs.box, open: box.open },
      errands,
      log,
    },
    syncOptions.parse({ pollSeconds: 3600, verifySeconds: 3600, ...options }),
  )
  return { ...link, [Symbol.asyncDispose]: link.close }
}

/** Until it is so; a test that waits in vain says for what. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries === 1000) throw new Error(`in vain: ${what}`)
    await Bun.sleep(10)
  }
}
