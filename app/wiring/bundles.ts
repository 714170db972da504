import type { CliNeeds } from "../cli/needs.ts"
import type { Config } from "../config/config.ts"
import { openBundles } from "../sync/bundle/open.ts"
import { openGallerySide } from "../sync/gallery/side.ts"
import { openSite } from "../sync/site/site.ts"
import { openSyncStore } from "../sync/store/open.ts"
import { openAlone } from "./alone.ts"
import { openErasedElsewhere } from "./erased-elsewhere.ts"
import { quietLog } from "./models.ts"

/**
 * What `gatehouse bundle` opens, also beside a box that serves: exports and imports are transactions on the one database, in which
 * the talk with the hub finds its rows as it left them or newer (tests/sync/bundle/beside.test.ts).
 */
export async function openBundlesAlone(config: Config): ReturnType<CliNeeds["openBundles"]> {
  const opened = await openAlone(config)
  if (opened.kind !== "ok") return opened
  const { store, vault, gallery, people, close } = opened.value
  const syncStore = openSyncStore(store, vault)
  const site = openSite({ settings: syncStore.settings, transact: store.transact })
  if (site === undefined) {
    await close()
    return { kind: "failed", why: notInSite }
  }
  const log = quietLog()
  const erased = openErasedElsewhere(people, log)
  const side = openGallerySide({ store, syncStore, gallery, keys: site.keys, chips: config.sync.chips, people: erased, log })
  const bundles = openBundles({ site, side, pace: () => Promise.resolve(), pageRecords })
  return {
    kind: "ok",
    value: {
      ...bundles,
      async close() {
        await erased.settled()
        await close()
      },
    },
  }
}

/** The box that serves beside it waits for its turn to write for some tenths of a second, at most. */
const pageRecords = 512

const notInSite =
  "this box belongs to no site, and has nothing to share: `gatehouse sync create` makes a site, `gatehouse sync join` enters one"
