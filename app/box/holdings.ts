import { createsHolding } from "../access/holding.ts"
import type { Holding } from "../base/holding.ts"
import { enrolmentsHolding } from "../enrolment/holding.ts"
import { openJobs } from "../enrolment/jobs.ts"
import { openReport } from "../enrolment/report.ts"
import { sightingsHolding } from "../events/holding.ts"
import type { Sightings } from "../events/sighting.ts"
import type { Gallery } from "../gallery/gallery.ts"
import { galleryHolding } from "../gallery/holding.ts"
import type { Store } from "../store/store.ts"
import { syncHolding } from "../sync/store/holding.ts"
import type { Vault } from "../vault/vault.ts"

export interface HoldingsNeeds {
  readonly store: Store
  readonly vault: Vault
  readonly gallery: Gallery
  readonly sightings: Sightings
}

/** Every folder that holds something of people, the gallery last. */
export function holdingsOf({ store, vault, gallery, sightings }: HoldingsNeeds): readonly Holding[] {
  const report = openReport(store, vault, gallery.nameOf)
  return [
    createsHolding(store),
    sightingsHolding(store, sightings),
    enrolmentsHolding(store, openJobs(store, vault, Date.now), report),
    syncHolding(store, vault),
    galleryHolding(gallery),
  ]
}
