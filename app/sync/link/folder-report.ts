import type { Store } from "../../store/store.ts"
import type { Box, Tables } from "../box.ts"
import type { SyncOptions } from "../options.ts"
import type { Board } from "../site/board.ts"
import type { Site } from "../site/site.ts"
import type { SyncStore } from "../store/sync-store.ts"
import type { SiteReport } from "./report.ts"
import { createReporter } from "./reporter.ts"
import { readServiceStatus } from "./service-status.ts"

export interface OpenedFolderOfSite {
  readonly store: Store
  readonly sync: SyncStore
  readonly site: Site
  readonly board: Pick<Board, "statuses" | "confirmed">
}

/** The same report as of a running box, made from its data folder, and from what its service has left there if one runs. */
export function reportOfFolder(opened: OpenedFolderOfSite, options: Pick<SyncOptions, "sightings">): SiteReport {
  const { store, sync, site, board } = opened
  const service = readServiceStatus(sync.settings, Date.now())
  const told = service?.status
  const box: Box = {
    transact<Out>(body: (tables: Tables) => Out): Out {
      const out: Out[] = []
      store.transact<void>((transaction) => void out.push(body(sync.ownTables(transaction))))
      return out[0] as Out
    },
  }
  const needs = { syncStore: sync, site, board, box, options, link: told && { status: () => told } }
  const isBlind = () => box.transact((tables) => tables.mustReadErasures())
  return createReporter({ ...needs, isBlind }, service !== undefined).siteReport()
}
