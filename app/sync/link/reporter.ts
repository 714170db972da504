import type { Box } from "../box.ts"
import { entityOf, idsOf } from "../entity.ts"
import type { GalleryStream } from "../hub.ts"
import type { SyncOptions } from "../options.ts"
import type { Board } from "../site/board.ts"
import type { Site } from "../site/site.ts"
import type { SyncStore } from "../store/sync-store.ts"
import { whyBlindAt } from "./blind.ts"
import { parseBoxStatus } from "./box-status.ts"
import { createErasedList } from "./erased-list.ts"
import type { Link } from "./link.ts"
import type { BoxReport, ErasureReport, SiteReport, SyncGauges, SyncPort } from "./report.ts"
import type { LinkStatus } from "./status.ts"

/** Puts together what a box says of its site. Nothing here changes anything but figures. */
export interface ReporterNeeds {
  readonly syncStore: Pick<SyncStore, "counts" | "conflicts" | "fromTheFuture" | "refused" | "recorded" | "droppedSightings">
  readonly site: Site
  readonly board: Pick<Board, "statuses" | "confirmed">
  readonly box: Box
  readonly options: Pick<SyncOptions, "sightings">
  /** Absent where no service runs, or the configuration says so. */
  readonly link: Pick<Link, "status"> | undefined
  readonly isBlind: () => boolean
}

const waitingMax = 100
const streams: readonly GalleryStream[] = ["erasures", "records"]
const silent: LinkStatus = {
  state: "connecting",
  lag: { records: 0, seconds: 0 },
  counts: { rounds: 0, applied: 0, stored: 0, offeredAgain: 0, refused: 0, withheld: 0 },
}

export type Reporter = ReturnType<typeof createReporter>

/** @param isService whether a service runs, and not a command beside none */
export function createReporter(needs: ReporterNeeds, isService = true) {
  const { syncStore, site, board, box, options, link, isBlind } = needs
  const erased = createErasedList(box)

  function figures() {
    const { due, doubtful, ...counts } = syncStore.counts()
    const position = box.transact((tables) => ({
      erasures: tables.position("erasures"),
      records: tables.position("records"),
    }))
    return { ...counts, position, outbox: { ...due, doubtful: doubtful.erasures + doubtful.records } }
  }

  function report(): SiteReport {
    const { position, outbox, people, faces, parts, deleted, erased: erasedRows, conflicts, fromTheFuture, refused } = figures()
    const status = link?.status() ?? silent
    const { server, talkedAtMs, lag, counts } = status
    return {
      state: link === undefined ? (isService ? "disabled" : "idle") : status.state,
      ...whyOf(status),
      site: site.name,
      box: site.box,
      name: site.boxName,
      epoch: site.epoch(),
      hub: { servers: site.access.servers, ...(server && { server }), ...(talkedAtMs !== undefined && { talkedAtMs }) },
      lag,
      outbox,
      position,
      held: { people, faces, parts, deleted, erased: erasedRows },
      counts,
      isTakingStock: syncStore.recorded.backlog() !== undefined,
      mustReadErasures: isBlind(),
      open: { conflicts, fromTheFuture, refused },
      erasures: erasures(),
      sightings: { enabled: options.sightings.enabled, dropped: syncStore.droppedSightings() },
      boxes: boxes(),
    }
  }

  function whyOf(status: LinkStatus): { readonly why?: string } {
    if (link !== undefined) return status.why === undefined ? {} : { why: status.why }
    return { why: isService ? "sync.enabled is false in the configuration" : "no box serves this data folder now" }
  }

  function boxes(): readonly BoxReport[] {
    const statuses = board.statuses()
    return site.members().flatMap(({ box: name, name: boxName, standing }): readonly BoxReport[] => {
      if (standing.kind === "left") return []
      const said = statuses.get(name)
      const status = said && parseBoxStatus(said.body)
      return [
        {
          box: name,
          name: boxName,
          isThis: name === site.box,
          isRevoked: standing.kind === "revoked",
          ...(said && { seenAtMs: said.atMs }),
          ...status,
        },
      ]
    })
  }

  function erasures(): ErasureReport {
    const members = site.members().filter(({ standing }) => standing.kind === "member")
    const confirmed = board.confirmed()
    const waiting: ErasureReport["waiting"][number][] = []
    let total = 0
    let everywhere = 0
    for (const entity of [...erased.all()].reverse()) {
      total++
      const missing = members.filter(({ box: name }) => confirmed.get(name)?.has(entity) !== true)
      if (missing.length === 0) everywhere++
      else if (waiting.length < waitingMax)
        waiting.push({
          subjectId: idsOf(entity)[0] ?? "",
          confirmedBy: members.length - missing.length,
          of: members.length,
          missing: missing.map(({ name }) => name),
        })
    }
    return { total, confirmed: everywhere, waiting }
  }

  const port: SyncPort = {
    report,
    open: (limit) => ({
      conflicts: syncStore.conflicts.list(limit),
      fromTheFuture: syncStore.fromTheFuture.list(limit),
      refused: syncStore.refused(limit),
    }),
    resolveConflict: (id) => syncStore.conflicts.resolve(id),
    resolveFuture(text) {
      const entity = entityOf(...text.split("."))
      return entity !== undefined && syncStore.fromTheFuture.resolve(entity)
    },
    whyBlind: () => (isBlind() ? whyBlindAt(site.name) : undefined),
    readGauges(metrics: SyncGauges): void {
      const { outbox, conflicts, fromTheFuture } = figures()
      const { state, lag } = link?.status() ?? silent
      metrics.syncConnected.set(state === "connected" ? 1 : 0)
      metrics.syncLagRecords.set(lag.records)
      metrics.syncLagSeconds.set(lag.seconds)
      for (const stream of streams) metrics.syncOutbox.set({ stream }, outbox[stream])
      metrics.syncOpen.set({ what: "conflicts" }, conflicts)
      metrics.syncOpen.set({ what: "from_the_future" }, fromTheFuture)
      metrics.syncSightingsDropped.set(syncStore.droppedSightings())
    },
  }
  return { port, figures, siteReport: report }
}
