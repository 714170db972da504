import { createLog, silentLog } from "../../../app/base/log.ts"
import { createMetrics } from "../../../app/base/metrics.ts"
import { holdingsOf } from "../../../app/box/holdings.ts"
import { openSightings } from "../../../app/events/sightings.ts"
import { openGallery } from "../../../app/gallery/open.ts"
import { openPeople } from "../../../app/people/people.ts"
import { dataFolderFiles } from "../../../app/store/data-folder.ts"
import { openStore } from "../../../app/store/store.ts"
import type { SiteReport } from "../../../app/sync/link/report.ts"
import { syncOptions } from "../../../app/sync/options.ts"
import { type KeptSync, keepSync } from "../../../app/wiring/sync.ts"
import type { TempFolder } from "../../support/shared.ts"
import { plainVaultOf } from "../../support/vault.ts"

/** A box that serves, without its doors and engines: gallery, people, and its part in a site if it belongs to one. */
export async function openService(folder: TempFolder, name: string, options: Parameters<typeof syncOptions.parse>[0] = {}) {
  const file = (path: string) => folder.file("data", name, path)
  let sync: KeptSync | undefined
  const opened = openStore(file(dataFolderFiles.database), undefined, () => sync?.committed())
  if (opened.kind === "failed") throw new Error(opened.why)
  const { store } = opened
  const vault = plainVaultOf(store)
  const gallery = await openGallery(store, vault)
  const sightings = openSightings(store, vault, gallery.nameOf)
  const people = await openPeople(
    {
      ...{ store, vault, gallery, log: silentLog, holdings: holdingsOf({ store, vault, gallery, sightings }) },
      eraseFromBackups: async () => ({ keysTaken: 0, rewritten: 0, left: [] }),
      copiesLeft: () => [],
    },
    file(dataFolderFiles.erased),
  )
  const metrics = createMetrics()
  // Bugs are to be seen.
  const log = createLog("error")
  const needs = { store, vault, gallery, people, sightings, metrics, log }
  const kept = await keepSync(needs, syncOptions.parse(options))
  sync = kept
  let isOpen = true
  async function close(): Promise<void> {
    if (!isOpen) return
    isOpen = false
    await kept.close()
    await people.close()
    await gallery.close()
    store.close()
  }
  return {
    ...{ name, store, gallery, sightings, people, metrics, sync: kept, close, dataFolder: folder.file("data", name) },
    /** Of a box that belongs to a site. */
    report(): SiteReport {
      const report = kept.port()?.report()
      if (report === undefined || report.state === "outside") throw new Error(`${name} belongs to no site`)
      return report
    },
    [Symbol.asyncDispose]: close,
  }
}

export type Service = Awaited<ReturnType<typeof openService>>
