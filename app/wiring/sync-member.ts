import type { Log } from "../base/log.ts"
import type { Metrics } from "../base/metrics.ts"
import { nowTickMs } from "../base/ticks.ts"
import { version } from "../base/version.ts"
import type { Sightings } from "../events/sighting.ts"
import type { Gallery } from "../gallery/gallery.ts"
import type { People } from "../people/people.ts"
import type { Store } from "../store/store.ts"
import type { Bundles } from "../sync/bundle/bundles.ts"
import { type Entity, idsOf } from "../sync/entity.ts"
import { openGallerySide } from "../sync/gallery/side.ts"
import { createBoardErrand } from "../sync/link/board-errand.ts"
import { encodeBoxStatus } from "../sync/link/box-status.ts"
import type { Errand } from "../sync/link/errand.ts"
import { createKeepingErrand } from "../sync/link/keeping-errand.ts"
import { createLink, type Link } from "../sync/link/link.ts"
import { createReceiptsErrand } from "../sync/link/receipts-errand.ts"
import { createRecording } from "../sync/link/recording.ts"
import type { SyncPort } from "../sync/link/report.ts"
import { createReporter } from "../sync/link/reporter.ts"
import { rereadRefused } from "../sync/link/reread.ts"
import { createRevokedErrand } from "../sync/link/revoked-errand.ts"
import { sealSightings } from "../sync/link/sealed-sightings.ts"
import { keepServiceStatus } from "../sync/link/service-status.ts"
import { createSightingsErrand } from "../sync/link/sightings-errand.ts"
import type { SyncOptions } from "../sync/options.ts"
import { createOpener } from "../sync/sealing.ts"
import type { Round } from "../sync/session.ts"
import { openBoard } from "../sync/site/board.ts"
import { openSite } from "../sync/site/site.ts"
import { refusedMax } from "../sync/store/lists.ts"
import { openSyncStore } from "../sync/store/open.ts"
import type { Vault } from "../vault/vault.ts"
import { openErasedElsewhere } from "./erased-elsewhere.ts"

export interface MemberNeeds {
  readonly store: Store
  readonly vault: Vault
  readonly gallery: Gallery
  readonly people: People
  readonly sightings: Sightings
  readonly metrics: Metrics
  readonly log: Log
}

/** A running box as a member of its site. */
export interface RunningMember {
  readonly port: SyncPort
  readonly bundles: () => Promise<Bundles>
  /** Another process may have changed what this one knows of the site. */
  refresh(): void
  /** Something was committed in this process. */
  committed(): void
  close(): Promise<void>
}

/** Changes, or people, that are written down in one transaction. */
const recordedAtOnce = 64
const statusMs = 60_000
const receiptsMs = 5000
const revokedMs = 15_000

/** @returns `undefined` when the box belongs to no site, or is about to leave it */
export function openMember(needs: MemberNeeds, options: SyncOptions): RunningMember | undefined {
  const { store, vault, gallery, people, metrics, log } = needs
  const syncStore = openSyncStore(store, vault, { log })
  const settings = { settings: syncStore.settings, transact: store.transact }
  const site = openSite(settings)
  if (site === undefined) return undefined
  const { access, standing } = site
  const board = openBoard({ ...settings, site })
  const erased = openErasedElsewhere(people, log)
  let nudge = () => {}
  const side = openGallerySide({
    ...{ store, syncStore, gallery, keys: site.keys, chips: options.chips, people: erased, log },
    recordedBeside: () => nudge(),
  })
  const { box, recorder } = side
  const { open } = createOpener(site.keys())

  let bundles: Promise<Bundles> | undefined
  const keeping = createKeepingErrand(
    { box, open, holder: `${site.box} ${crypto.randomUUID()}`, erasures: () => syncStore.counts().erased },
    options,
  )
  const errands: Errand[] = [
    createBoardErrand({
      ...{ site, board, nowTickMs, log },
      rosterChanged: () => rereadRefused(box, syncStore.refused(refusedMax), refusedMax),
      everyMs: options.pollSeconds * 1000,
      verifyMs: options.verifySeconds * 1000,
    }),
    createReceiptsErrand({ box, board, name: site.box, goneAtMs, everyMs: receiptsMs }),
    { name: "status", everyMs: statusMs, when: "after", run: sayStatus },
    keeping,
    createRevokedErrand({ box, site, settings: syncStore.settings, everyMs: revokedMs, log }),
  ]
  if (options.sightings.enabled) {
    const read = sealSightings(needs.sightings, site.keys())
    errands.push(createSightingsErrand(syncStore.sightings(read, options.sightings.bytesMax)))
  }

  let isBlind = box.transact((tables) => tables.mustReadErasures())

  async function connect() {
    const { openNatsHub } = await import("../sync/nats/hub.ts")
    await recording.caughtUp
    return openNatsHub(access)
  }

  function talked(round: Round): void {
    if (round.kind !== "done") return
    const { applied, stored, offeredAgain, refused } = round
    for (const [what, count] of Object.entries({ applied, stored, offered_again: offeredAgain, refused }))
      if (count > 0) metrics.syncRecordsTotal.inc({ what: what as "applied" }, count)
    if (isBlind) isBlind = box.transact((tables) => tables.mustReadErasures())
    // Who was here before is told once it is known who is there already.
    recording.changed()
  }

  const link: Link | undefined = options.enabled
    ? createLink({ connect, session: { box, open }, errands, talked, mayNotTalk: whyNoMember, log }, options)
    : undefined
  nudge = () => link?.nudge()
  const recording = createRecording({
    drain: () => (whyNoMember() === undefined ? recorder.drainAlone(recordedAtOnce) : 0),
    pageMax: recordedAtOnce,
    backlogPage: () =>
      link?.status().talkedAtMs !== undefined && whyNoMember() === undefined ? recorder.backlogPage(recordedAtOnce) : 0,
    hasChanged: changedElsewhere(store),
    recorded: nudge,
    log,
  })
  const reporter = createReporter({
    syncStore,
    site,
    board,
    box,
    options,
    link,
    isBlind: () => isBlind,
  })
  const told = keepServiceStatus(syncStore.settings, () => link?.status(), log)

  function whyNoMember(): string | undefined {
    if (syncStore.box() !== site?.box) return "this box belongs to its site no more"
    const present = standing()
    if (present === "member") return undefined
    return present === "left"
      ? "this box has left its site: `gatehouse sync leave` forgets it here as well"
      : "this box was revoked, and is no member of its site any more: `gatehouse sync leave` forgets the site here"
  }

  async function sayStatus(hub: Parameters<Errand["run"]>[0]) {
    const { outbox, position } = reporter.figures()
    const said = await board.sayStatus(hub, encodeBoxStatus({ version, outbox: outbox.erasures + outbox.records, position }))
    if (said.kind === "refused") return { kind: "failed", why: said.why } as const
    return said.kind === "unreachable" ? said : ({ kind: "done" } as const)
  }

  /** Nobody who was here is gone before the receipt says so; nobody who was never here has to be waited for. */
  function goneAtMs(entity: Entity): number | undefined {
    const [subjectId = ""] = idsOf(entity)
    const erasure = people.erasure(subjectId)
    if (erasure !== undefined) return erasure.receipt?.body.erasedAtMs
    return gallery.subject(subjectId) === undefined ? Date.now() : undefined
  }

  return {
    port: reporter.port,
    bundles() {
      // One for all who ask: it is what lets one export and one import through at a time.
      bundles ??= import("../sync/bundle/open.ts").then(({ openBundles }) =>
        openBundles({ site, side, pace: () => Bun.sleep(bundleRestMs), pageRecords: recordedAtOnce }),
      )
      return bundles
    },
    refresh: () => void site.refresh(),
    committed: recording.changed,
    async close() {
      told.close()
      await link?.close()
      await recording.close()
      await erased.settled()
    },
  }
}

/** A bundle's page is written or read, and then whoever is at a door has a turn. */
const bundleRestMs = 1

/** Asks the database, which tells of other processes alone. */
function changedElsewhere(store: Store): () => boolean {
  let seen = store.dataVersion()
  return () => {
    const present = store.dataVersion()
    const isAnother = present !== seen
    seen = present
    return isAnother
  }
}
