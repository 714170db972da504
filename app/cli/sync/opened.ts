import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import { silentLog } from "../../base/log.ts"
import type { Result } from "../../base/result.ts"
import { openBoxFolder } from "../../box/open.ts"
import { dataFolderFiles } from "../../store/data-folder.ts"
import type { Store } from "../../store/store.ts"
import type { HubAccess } from "../../sync/nats/setup/access.ts"
import type { Board } from "../../sync/site/board.ts"
import type { Site } from "../../sync/site/site.ts"
import type { SyncStore } from "../../sync/store/sync-store.ts"
import type { Suite } from "../../vault/suite.ts"
import { type BoxOptions, withConfig } from "../command.ts"
import type { Outcome } from "../outcome.ts"

/** What a command has in hand that works on what a box keeps of its site. The box may run beside it. */
export interface OpenedSync {
  readonly store: Store
  readonly sync: SyncStore
  /** Of the data folder. */
  readonly suite: Suite
}

/** Opens the data folder that the options name, and closes it, however the work ended. */
export function withSync(options: BoxOptions, work: (opened: OpenedSync) => Promise<Outcome> | Outcome): Promise<Outcome> {
  return withConfig(options, async (config) => {
    const database = join(config.dataFolder, dataFolderFiles.database)
    // Opening would make it.
    if (!existsSync(database))
      return {
        kind: "failed",
        why: `${database} is not there: start the box once, or name its data folder with --data or GATEHOUSE_DATA`,
      }
    const opened = openBoxFolder(config, { log: silentLog, seals: false })
    if (opened.kind !== "ok") return opened
    const { store, vault } = opened.value
    try {
      const { openSyncStore } = await import("../../sync/store/open.ts")
      return await work({ store, sync: openSyncStore(store, vault), suite: vault.suite })
    } finally {
      store.close()
    }
  })
}

export interface OpenedMember extends OpenedSync {
  readonly site: Site
  readonly board: Board
}

/** … of a box that belongs to a site. */
export function withSite(options: BoxOptions, work: (opened: OpenedMember) => Promise<Outcome> | Outcome): Promise<Outcome> {
  return withSync(options, async (opened) => {
    const { openSite } = await import("../../sync/site/site.ts")
    const { openBoard } = await import("../../sync/site/board.ts")
    const needs = { settings: opened.sync.settings, transact: opened.store.transact }
    const site = openSite(needs)
    if (site === undefined)
      return {
        kind: "failed",
        why: "this box belongs to no site: `gatehouse sync create` makes one, `gatehouse sync join` joins one",
      }
    return work({ ...opened, site, board: openBoard({ ...needs, site }) })
  })
}

/**
 * Why a restored box may not change who belongs to the site yet: others have joined and gone since its backup, and of two rosters with
 * one number one is lost.
 */
export function whyNotYet({ store, sync }: OpenedSync): Outcome | undefined {
  const isRestored = store.transact<boolean>((transaction) => sync.ownTables(transaction).mustReadErasures())
  if (!isRestored) return undefined
  return {
    kind: "failed",
    why: "this box was restored from a backup, and has not heard yet what happened since: let it run until `gatehouse sync status` says that it is connected",
  }
}

/** What `gatehouse hub add-box` wrote for this box. */
export async function readAccessFile(path: string): Promise<Result<HubAccess>> {
  const { readAccess } = await import("../../sync/nats/setup/access.ts")
  const at = resolve(path)
  const file = Bun.file(at)
  if (!(await file.exists()))
    return { kind: "failed", why: `${at} is not there: \`gatehouse hub add-box\` writes it, one for each box` }
  const access = readAccess(await file.text())
  if (access.kind === "failed") return { kind: "failed", why: `${at}: ${access.why}` }
  if (access.value.box === "keeper")
    return {
      kind: "failed",
      why: `${at} is the access of the hub's keeper, which is no box: \`gatehouse hub add-box\` makes one`,
    }
  return access
}

/** Does something at the hub, and closes the line however it ended. */
export async function atHub(
  access: HubAccess,
  work: (hub: import("../../sync/nats/hub.ts").NatsHub) => Promise<Outcome>,
): Promise<Outcome> {
  const { openNatsHub } = await import("../../sync/nats/hub.ts")
  const opened = await openNatsHub({ ...access, timeoutMs: 5000 })
  if (opened.kind === "failed") return opened
  try {
    return await work(opened.value)
  } finally {
    await opened.value.close()
  }
}

/** A whole number of so many, from 1. */
export function countOf(option: string, text: string): Result<number> {
  if (/^[1-9]\d{0,6}$/.test(text)) return { kind: "ok", value: Number(text) }
  return { kind: "failed", why: `${option} ${text}: a whole number, from 1` }
}
