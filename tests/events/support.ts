import { createMetrics } from "../../app/base/metrics.ts"
import { createLive, type LiveOptions } from "../../app/events/live.ts"
import type { NewSightedFace, NewSighting, Sighting, Sightings } from "../../app/events/sighting.ts"
import { openSightings } from "../../app/events/sightings.ts"
import type { Gallery } from "../../app/gallery/gallery.ts"
import { openGallery } from "../../app/gallery/open.ts"
import { openStore, type Store } from "../../app/store/store.ts"
import type { Vault } from "../../app/vault/vault.ts"
import { tempFolder } from "../support/shared.ts"
import { testVaultOf } from "../support/vault.ts"

export interface Memory extends AsyncDisposable {
  /** File of the database. */
  readonly path: string
  readonly store: Store
  readonly vault: Vault
  readonly gallery: Gallery
  readonly sightings: Sightings
}

/** What was seen, over a real database with a real gallery beside it. */
export async function openMemory(vaultOf: (store: Store) => Vault = testVaultOf): Promise<Memory> {
  const folder = tempFolder()
  const opened = openStore(folder.file("box.db"))
  if (opened.kind === "failed") throw new Error(opened.why)
  const { store } = opened
  const vault = vaultOf(store)
  const gallery = await openGallery(store, vault)
  return {
    path: folder.file("box.db"),
    store,
    vault,
    gallery,
    sightings: openSightings(store, vault, gallery.nameOf),
    [Symbol.asyncDispose]: async () => {
      await gallery.close()
      store.close()
      folder[Symbol.dispose]()
    },
  }
}

export const box = { x: 10, y: 20, width: 100, height: 120 }

export function face(more: Partial<NewSightedFace> = {}): NewSightedFace {
  return { box, score: 0.9, qualityScore: 0.8, decision: "unknown", ...more }
}

export function seen(more: Partial<NewSighting> = {}): NewSighting {
  const frame = { camera: "front", requestId: crypto.randomUUID(), capturedAtMs: Date.now() }
  return { ...frame, image: { width: 640, height: 480 }, faces: [face()], ...more }
}

export function record(sightings: Sightings, more: Partial<NewSighting> = {}): Sighting {
  const recorded = sightings.record(seen(more))
  if (recorded.kind !== "recorded") throw new Error(recorded.why)
  return recorded.sighting
}

/** Live events of tests are told with a line of text where a box sends a whole answer. */
export function openLive(sightings: Sightings, options: Partial<LiveOptions> = {}) {
  const metrics = createMetrics()
  return { live: createLive<string>({ sightings, metrics }, { listenersMax: 4, listenerBufferMax: 4, ...options }), metrics }
}
