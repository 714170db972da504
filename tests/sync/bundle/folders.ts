import { join } from "node:path"
import type { OpenedBundles } from "../../../app/cli/needs.ts"
import { type Config, readConfig } from "../../../app/config/config.ts"
import { answerAsking, invite } from "../../../app/sync/site/authority.ts"
import { type Board, openBoard } from "../../../app/sync/site/board.ts"
import { joinSite } from "../../../app/sync/site/join.ts"
import type { Site } from "../../../app/sync/site/site.ts"
import { createSite, openSite } from "../../../app/sync/site/site.ts"
import { openSyncStore } from "../../../app/sync/store/open.ts"
import type { SuiteName } from "../../../app/vault/suite.ts"
import { openSuite } from "../../../app/vault/suites.ts"
import { openAlone } from "../../../app/wiring/alone.ts"
import { openBundlesAlone } from "../../../app/wiring/bundles.ts"
import { createHub } from "../../sim/hub.ts"
import { lineTo } from "../../sim/line.ts"
import { accessOf, dayMs } from "../site/support.ts"

type OpenedFolder = Extract<Awaited<ReturnType<typeof openAlone>>, { readonly kind: "ok" }>["value"]

/** Everything that a command opens of a box. */
export type StickParts = OpenedFolder & { readonly site: Site; readonly board: Board }

export interface StickBox {
  readonly config: Config
  /** What people and cameras do at the box. */
  use<Out>(work: (parts: StickParts) => Promise<Out> | Out): Promise<Out>
  /** What `gatehouse bundle` does. */
  bundles<Out>(work: (bundles: OpenedBundles) => Promise<Out>): Promise<Out>
}

/**
 * Boxes of one site in data folders of their own, as commands open them. They met at a hub when they joined, and never will again.
 * @param parent where the folders are made, called like the boxes
 */
export async function createStickFolders(
  parent: string,
  names: readonly string[],
  suite: SuiteName = "aes",
): Promise<readonly StickBox[]> {
  const hub = createHub()
  const line = lineTo(hub)
  const boxes = names.map((name) => stickBox(join(parent, name)))
  const [first, ...others] = boxes
  if (first === undefined) throw new Error("a site has a first box")
  const accesses = names.map((name, i) => accessOf(`0${i + 1}`.repeat(4), name))
  await enter(first, async ({ settings }) => {
    const made = createSite({ settings }, { access: accesses[0]!, suite: openSuite(suite).suite, nowMs: Date.now() })
    if (made.kind === "failed") throw new Error(made.why)
    return accesses[0]!.box
  })
  await first.use(async ({ site, board }) => {
    const talk = async () => {
      await board.take(line, { verify: true })
      answerAsking(site, board, Date.now())
      await board.publish(line)
    }
    await talk()
    for (const [i, box] of others.entries()) {
      const access = accesses[i + 1]!
      const invited = invite(site, { name: access.name, box: access.box, lastsMs: dayMs, nowMs: Date.now() })
      if (invited.kind === "failed") throw new Error(invited.why)
      await enter(box, async ({ settings }) => {
        let looks = 3
        const again = async () => {
          await talk()
          return looks-- > 0
        }
        const { token } = invited.value
        const joined = await joinSite({ settings, hub: line, access, token, nowMs: Date.now, again })
        if (joined.kind === "failed") throw new Error(joined.why)
        return access.box
      })
    }
  })
  // All know all members, as after a while at the hub.
  for (const box of boxes) await box.use(({ board }) => board.take(line, { verify: true }))
  return boxes
}

async function enter(
  { config }: StickBox,
  work: (syncStore: ReturnType<typeof openSyncStore>) => Promise<string>,
): Promise<void> {
  const { store, vault, close } = await open(config)
  const syncStore = openSyncStore(store, vault)
  syncStore.enter(await work(syncStore))
  await close()
}

async function open(config: Config): Promise<OpenedFolder> {
  const opened = await openAlone(config)
  if (opened.kind !== "ok") throw new Error(opened.why)
  return opened.value
}

function stickBox(dataFolder: string): StickBox {
  const read = readConfig({ dataFolder }, {})
  if (read.kind === "failed") throw new Error(read.why)
  const config = read.value
  return {
    config,
    async use(work) {
      const opened = await open(config)
      const { settings } = openSyncStore(opened.store, opened.vault)
      const needs = { settings, transact: opened.store.transact }
      const site = openSite(needs)
      try {
        if (site === undefined) throw new Error(`${dataFolder} belongs to no site`)
        return await work({ ...opened, site, board: openBoard({ ...needs, site }) })
      } finally {
        await opened.close()
      }
    },
    async bundles(work) {
      const opened = await openBundlesAlone(config)
      if (opened.kind !== "ok") throw new Error(opened.why)
      try {
        return await work(opened.value)
      } finally {
        await opened.value.close()
      }
    },
  }
}
