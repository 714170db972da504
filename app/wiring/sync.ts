import type { Bundles } from "../sync/bundle/bundles.ts"
import type { SyncPort } from "../sync/link/report.ts"
import type { SyncOptions } from "../sync/options.ts"
import { openSiteBox } from "../sync/store/state.ts"
import type { MemberNeeds, RunningMember } from "./sync-member.ts"

/** The box's part in a site, if it belongs to one. */
export interface KeptSync {
  /** `undefined` while the box belongs to no site. */
  port(): SyncPort | undefined
  bundles(): Promise<Bundles | undefined>
  /** Something was committed in this process. */
  committed(): void
  close(): Promise<void>
}

/** `gatehouse sync join` works beside the service, which sees it so soon. */
const lookEveryMs = 1000

/**
 * Keeps up with whether the box belongs to a site: a box that belongs to none loads nothing of it, and looks at one number a second.
 * Resolves when a member is ready for its doors; whether there is a hub is another matter.
 */
export async function keepSync(needs: MemberNeeds, options: SyncOptions): Promise<KeptSync> {
  const { store, log } = needs
  const siteBox = openSiteBox(store)
  let member: RunningMember | undefined
  let seen = store.dataVersion()
  let looking: Promise<void> | undefined
  let isClosing = false

  async function open(): Promise<void> {
    const { openMember } = await import("./sync-member.ts")
    if (isClosing) return
    member = openMember(needs, options)
    if (member !== undefined) log.info({ state: member.port.report().state }, "this box belongs to a site")
  }

  async function look(): Promise<void> {
    const belongs = siteBox() !== undefined
    if (belongs && member !== undefined) member.refresh()
    else if (belongs) await open()
    else if (member !== undefined) {
      const left = member
      member = undefined
      await left.close()
      log.info("this box belongs to no site any more")
    }
  }

  const timer = setInterval(() => {
    const present = store.dataVersion()
    if (looking !== undefined || present === seen) return
    seen = present
    looking = look()
      .catch((error) => log.error({ err: error }, "a bug: the box does not keep up with its site"))
      .finally(() => {
        looking = undefined
      })
  }, lookEveryMs)
  timer.unref()

  if (siteBox() !== undefined) await open()
  return {
    port: () => member?.port,
    bundles: async () => member?.bundles(),
    committed: () => member?.committed(),
    async close() {
      isClosing = true
      clearInterval(timer)
      await looking
      await member?.close()
    },
  }
}
