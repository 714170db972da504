import { Counter, Gauge, Histogram, Registry } from "prom-client"

export type Metrics = ReturnType<typeof createMetrics>

/** Bounds in seconds: a stage takes from half a millisecond (search) to seconds (a box in trouble). */
const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Everything `/metrics` tells. One registry for each box, so that tests can open several in one process. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  return {
    registry,
    requestSeconds: new Histogram({
      name: "gatehouse_http_request_seconds",
      help: "HTTP requests by route and status",
      labelNames: ["method", "route", "status"],
      buckets: secondsBuckets,
      registers,
    }),
    stageSeconds: new Histogram({
      name: "gatehouse_stage_seconds",
      help: "Time of one stage of a frame",
      labelNames: ["stage"],
      buckets: secondsBuckets,
      registers,
    }),
    facesTotal: new Counter({
      name: "gatehouse_faces_total",
      help: "Faces answered, by decision",
      labelNames: ["decision"],
      registers,
    }),
    refusedTotal: new Counter({
      name: "gatehouse_refused_total",
      help: "Work refused or lost, by reason",
      labelNames: ["reason"],
      registers,
    }),
    engineRestartsTotal: new Counter({
      name: "gatehouse_engine_restarts_total",
      help: "Engine processes started again, by reason",
      labelNames: ["reason"],
      registers,
    }),
    enginesReady: new Gauge({ name: "gatehouse_engines_ready", help: "Engine processes that take work", registers }),
    engineQueue: new Gauge({ name: "gatehouse_engine_queue", help: "Frames waiting for an engine", registers }),
    engineBytes: new Gauge({ name: "gatehouse_engine_resident_bytes", help: "Resident memory of all engines", registers }),
    residentBytes: new Gauge({
      name: "gatehouse_resident_bytes",
      help: "Resident memory of the parent process",
      registers,
      collect() {
        this.set(process.memoryUsage.rss())
      },
    }),
    subjects: new Gauge({ name: "gatehouse_subjects", help: "Subjects in the gallery", registers }),
    indexedFaces: new Gauge({ name: "gatehouse_indexed_faces", help: "Faces in the active index", registers }),
  }
}
