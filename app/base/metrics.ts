import { Registry } from "prom-client"
import { createKinds, otherNumbers, otherTexts } from "./metrics-kinds.ts"
import { registerProcess } from "./metrics-process.ts"

export type Metrics = ReturnType<typeof createMetrics>

/** What a picture goes through, in the engine (decode to snapshot) and in the box. */
const stages = ["decode", "detect", "align", "embed", "snapshot", "search", "record"] as const

/** Why work was not done. Everything here was answered, or is told to the listener that lost it. */
const refusalReasons = [
  /** No place in the queue of the engines. */
  "overloaded",
  /** No engine is up, or the box is stopping. */
  "unavailable",
  /** The deadline passed before an engine was free. */
  "expired",
  /** A newer frame of the same camera took its place. */
  "superseded",
  /** The caller left before it began. */
  "abandoned",
  "engine_failed",
  "engine_lost",
  /** A client above its own rate. */
  "rate_limited",
  /** Too many large bodies on their way in. */
  "bodies",
] as const

const engineStates = ["starting", "idle", "busy", "restarting", "stopping"] as const
export type EngineState = (typeof engineStates)[number]

const accelerators = ["tensorrt", "cuda", "cann"] as const

const exitReasons = ["unfit", "never_ready", "stuck", "silent", "crashed", "stopped"] as const

/**
 * Everything `/metrics` tells. One registry for each box, so that tests can open several in one process. The labels are typed by
 * closed lists: a camera, a person, a path or an id in one of them would grow the answer without end, and tell who was there.
 * docs/operations.md says of each what is normal; a test holds the two together.
 */
export function createMetrics() {
  const registry = new Registry()
  registerProcess(registry)

  const { counter, gauge, seconds } = createKinds(registry)

  return {
    registry,

    requestSeconds: seconds(
      "gatehouse_http_request_seconds",
      "HTTP requests by route pattern and status, from the first byte to the answer",
      { method: otherTexts, route: otherTexts, status: otherNumbers },
    ),
    eventLoopLagSeconds: seconds(
      "gatehouse_event_loop_lag_seconds",
      "How late the box comes to a timer of its own; while it is late, nobody is answered",
    ),
    requestsInFlight: gauge("gatehouse_http_requests_in_flight", "HTTP requests that have no answer yet"),
    receivedBytes: counter("gatehouse_http_received_bytes_total", "Bytes of request bodies that were read whole"),
    sentBytes: counter("gatehouse_http_sent_bytes_total", "Bytes of answers, without streams"),

    stageSeconds: seconds("gatehouse_stage_seconds", "Time of one stage of a picture", { stage: stages }),
    queueSeconds: seconds("gatehouse_queue_seconds", "How long pictures waited for an engine before they were given one", {
      priority: ["interactive", "background"],
    }),
    runSeconds: seconds("gatehouse_run_seconds", "How long an engine had a picture in hand, sending and answering included", {
      outcome: ["analysis", "refused", "failed", "lost"],
    }),
    facesTotal: counter("gatehouse_faces_total", "Faces answered, by decision", {
      decision: ["match", "uncertain", "unknown"],
    }),
    refusedTotal: counter("gatehouse_refused_total", "Work that was not done, by reason", { reason: refusalReasons }),
    degradedTotal: counter("gatehouse_degraded_total", "Pictures answered with less to be in time, by what was left out", {
      what: ["detectorInput"],
    }),
    cacheTotal: counter("gatehouse_cache_total", "Pictures looked up in the answer cache", { result: ["hit", "miss"] }),
    cacheEntries: gauge("gatehouse_cache_entries", "Answers in the cache"),

    engineRestartsTotal: counter(
      "gatehouse_engine_restarts_total",
      "Engine processes that ended and were started again, by reason",
      { reason: exitReasons },
    ),
    engineScalingTotal: counter("gatehouse_engine_scaling_total", "Engines added or retired by the box itself", {
      direction: ["grow", "retire"],
      reason: ["wait", "idle", "memory"],
    }),
    engines: gauge("gatehouse_engines", "Engine processes by state", { state: engineStates }),
    enginesReady: gauge("gatehouse_engines_ready", "Engine processes that take work"),
    engineQueue: gauge("gatehouse_engine_queue", "Pictures waiting for an engine"),
    engineBytes: gauge("gatehouse_engine_resident_bytes", "Resident memory of all engines"),
    engineStartSeconds: seconds("gatehouse_engine_start_seconds", "From starting an engine process until it takes work"),
    modelLoadSeconds: seconds(
      "gatehouse_model_load_seconds",
      "Reading, checking and loading a model (load), and its known answers (warm), at each start of an engine",
      { role: otherTexts, model: otherTexts, step: ["load", "warm"] },
    ),

    providerActive: gauge("gatehouse_provider_active", "1 for what answers pictures now, 0 for the others", {
      provider: [...accelerators, "cpu"],
    }),
    providerState: gauge("gatehouse_provider_state", "1 for the state of the accelerator, 0 for the others", {
      state: ["absent", "looking", "preparing", "serving", "resting"],
    }),
    providerErrorsTotal: counter(
      "gatehouse_provider_errors_total",
      "Runs on an accelerator that failed (error), gave an answer known to be wrong (wrong), or took their engine with them (lost)",
      { provider: accelerators, kind: ["error", "wrong", "lost"] },
    ),
    providerTriesTotal: counter("gatehouse_provider_tries_total", "Engines prepared on an accelerator, and how that ended", {
      provider: accelerators,
      result: ["ready", "refused"],
    }),
    providerRerunsTotal: counter(
      "gatehouse_provider_reruns_total",
      "Pictures that an accelerator gave no answer for and the processor was asked, by how that ended",
      { outcome: ["analysis", "refused", "failed", "lost"] },
    ),

    subjects: gauge("gatehouse_subjects", "Subjects in the gallery"),
    indexedFaces: gauge("gatehouse_indexed_faces", "Faces in the active index"),
    sightingsTotal: counter("gatehouse_sightings_total", "Sightings recorded since the start"),
    sightingsPrunedTotal: counter("gatehouse_sightings_pruned_total", "Sightings that left to keep within their budgets", {
      reason: ["bytes", "age", "disk", "unknown"],
    }),
    sightings: gauge("gatehouse_sightings", "Sightings stored"),
    sightingBytes: gauge("gatehouse_sighting_bytes", "Bytes of the sightings stored, pictures included"),
    listeners: gauge("gatehouse_listeners", "Listeners of the live stream of sightings"),
    lostEventsTotal: counter("gatehouse_lost_events_total", "Events that a slow listener lost; each was told how many"),
    enrolmentItemsTotal: counter("gatehouse_enrolment_items_total", "Pictures and vectors that jobs of enrolment worked off", {
      result: ["enrolled", "duplicate", "refused"],
    }),
    enrolmentJobs: gauge("gatehouse_enrolment_jobs", "Jobs of enrolment that wait or run"),
    enrolmentSpoolBytes: gauge("gatehouse_enrolment_spool_bytes", "Bytes of the archives of these jobs, in the data folder"),
    commitSeconds: seconds("gatehouse_store_commit_seconds", "Commits of the database, the disk's own fsync included"),
    backupsTotal: counter("gatehouse_backups_total", "Backups the running box made or failed to make", {
      result: ["made", "failed"],
    }),
    backupAtSeconds: gauge(
      "gatehouse_backup_at_seconds",
      "When the newest backup was made, seconds since 1970; 0 when none is known",
    ),
    syncConnected: gauge("gatehouse_sync_connected", "1 while the box talks with the hub of its site, else 0"),
    syncLagRecords: gauge("gatehouse_sync_lag_records", "Records known to lie at the hub and not read yet"),
    syncLagSeconds: gauge(
      "gatehouse_sync_lag_seconds",
      "Since when this box may have missed something; 0 while it has read all",
    ),
    syncOutbox: gauge("gatehouse_sync_outbox", "Records of this box that the hub has not got yet", {
      stream: ["erasures", "records"],
    }),
    syncRecordsTotal: counter(
      "gatehouse_sync_records_total",
      "Records that came and were new here (applied), were taken by the hub (stored), that the hub had lost (offered_again), that lay there and were not believed (refused)",
      { what: ["applied", "stored", "offered_again", "refused"] },
    ),
    syncOpen: gauge("gatehouse_sync_open", "Waiting for a person: conflicts, and versions of a day ahead", {
      what: ["conflicts", "from_the_future"],
    }),
    syncSightingsDropped: gauge(
      "gatehouse_sync_sightings_dropped",
      "Sightings that left before the hub had them, for want of room",
    ),
    spansTotal: counter(
      "gatehouse_trace_spans_total",
      "Spans for the trace collector: sent, refused by it or unreachable (failed), or too many at once (dropped)",
      { result: ["sent", "failed", "dropped"] },
    ),
  }
}
