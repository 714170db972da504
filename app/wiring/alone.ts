import { join } from "node:path"
import { openKeys } from "../access/keys.ts"
import { forgetInBackups } from "../backup/forget.ts"
import { openShelf } from "../backup/shelf.ts"
import { createMetrics } from "../base/metrics.ts"
import type { Result } from "../base/result.ts"
import { holdingsOf } from "../box/holdings.ts"
import { openBoxFolder } from "../box/open.ts"
import { needsRecoveryKey } from "../box/recovery.ts"
import type { CliNeeds } from "../cli/needs.ts"
import type { Config } from "../config/config.ts"
import { openChecksums } from "../enrolment/checksums.ts"
import { openSightings } from "../events/sightings.ts"
import { indexFolderOf, openGallery } from "../gallery/open.ts"
import { whyRequiredIsMissing } from "../inference/chooser.ts"
import { openPlacement } from "../inference/placement/placement.ts"
import { holdCrashes } from "../inference/providers/compiled-folder.ts"
import { createEraser } from "../people/eraser.ts"
import { readLedgerFile } from "../people/ledger.ts"
import { dataFolderFiles, openDataFolder } from "../store/data-folder.ts"
import type { Store } from "../store/store.ts"
import { openVaultRows } from "../store/vault-rows.ts"
import type { SiteReport } from "../sync/link/report.ts"
import { openSiteBox } from "../sync/store/state.ts"
import { openSuite } from "../vault/suites.ts"
import { plainVault, type Vault } from "../vault/vault.ts"
import { locate, openEnginePool, quietLog } from "./models.ts"
import { openRights } from "./rights.ts"

/** What commands open beside no box, or beside one that serves: engines, a gallery, people. */

export async function openEngines(config: Config): ReturnType<CliNeeds["openEngines"]> {
  const log = quietLog()
  const located = await locate(config, log)
  if (located.kind === "failed") return located
  const placed = await openPlacement(config.inference, log)
  if (placed.kind === "failed") return placed
  const set = located.value
  const pool = openEnginePool(config, set, log, createMetrics(), placed.value)
  const close = async () => {
    await holdCrashes(config.inference)
    await pool.close()
  }
  await pool.settled()
  const { state, reasons } = pool.status()
  if (state !== "ready" && state !== "degraded") {
    await close()
    return { kind: "failed", why: reasons.join("; ") }
  }
  const missing = await whyRequiredIsMissing(config.inference, pool)
  if (missing === undefined) return { kind: "ok", value: { set, pool, close } }
  await close()
  return { kind: "misconfigured", why: missing }
}

export async function openGalleryAlone(config: Config, seals = true): ReturnType<CliNeeds["openGallery"]> {
  const opened = await openAlone(config, seals)
  if (opened.kind !== "ok") return opened
  const { store, vault, gallery, close } = opened.value
  const { exposure } = vault
  const lacksRecoveryKey = needsRecoveryKey({ store, vault })
  const site = () => siteReportOf(store, vault, config)
  return { kind: "ok", value: { ...gallery, checksums: openChecksums(store, vault), exposure, lacksRecoveryKey, site, close } }
}

/** Loaded where the box belongs to a site. */
async function siteReportOf(store: Store, vault: Vault, { sync: options }: Config): Promise<SiteReport | undefined> {
  if (openSiteBox(store)() === undefined) return undefined
  const { openSyncStore } = await import("../sync/store/open.ts")
  const { openSite } = await import("../sync/site/site.ts")
  const { openBoard } = await import("../sync/site/board.ts")
  const { reportOfFolder } = await import("../sync/link/folder-report.ts")
  const sync = openSyncStore(store, vault)
  const needs = { settings: sync.settings, transact: store.transact }
  const site = openSite(needs)
  return site && reportOfFolder({ store, sync, site, board: openBoard({ ...needs, site }) }, options)
}

export async function openPeopleAlone(config: Config): ReturnType<CliNeeds["openPeople"]> {
  const opened = await openAlone(config)
  return opened.kind === "ok" ? { kind: "ok", value: { ...opened.value.people, close: opened.value.close } } : opened
}

export async function openAlone(config: Config, seals = true) {
  const log = quietLog()
  const folder = openBoxFolder(config, { log, seals })
  if (folder.kind !== "ok") return folder
  const { store, vault } = folder.value
  const gallery = await openGallery(store, vault, { log, indexFolder: indexFolderOf(config.dataFolder) })
  const sightings = openSightings(store, vault, gallery.nameOf)
  const people = await openRights({ store, vault, gallery, sightings }, config, log)
  const close = async () => {
    await people.close()
    await gallery.close()
    store.close()
  }
  return { kind: "ok", value: { store, vault, gallery, people, close } } as const
}

/** Whoever is in the ledger of the erased leaves every backup that is not sealed. */
export function forgetErased(dataFolder: string, folder: string): ReturnType<CliNeeds["forgetInBackups"]> {
  const erased = readLedgerFile(join(dataFolder, dataFolderFiles.erased))
  return forgetInBackups(openShelf(dataFolder, { folder, keep: 1, bytesMax: 0 }), (copy) => forgetIn(copy, [...erased.keys()]))
}

/** In a data folder made of a backup that is not sealed. */
async function forgetIn(dataFolder: string, subjectIds: readonly string[]): Promise<Result<boolean>> {
  const opened = openDataFolder(dataFolder)
  if (opened.kind === "failed") return opened
  const { store } = opened
  const vault = plainVault(openSuite("aes").suite, openVaultRows(store))
  const gallery = await openGallery(store, vault)
  try {
    const sightings = openSightings(store, vault, gallery.nameOf)
    const eraser = createEraser(store, holdingsOf({ store, vault, gallery, sightings }))
    const present = subjectIds.filter(eraser.isThere)
    for (const subjectId of present) await eraser.erase(subjectId)
    return { kind: "ok", value: present.length > 0 }
  } finally {
    await gallery.close()
    store.close()
  }
}

export async function resetAdminKey({ dataFolder }: Config): ReturnType<CliNeeds["resetAdminKey"]> {
  const opened = openDataFolder(dataFolder)
  if (opened.kind === "failed") return opened
  const key = openKeys(opened.store).resetAdminKey()
  opened.store.close()
  return { kind: "ok", value: key }
}
