import { readdirSync } from "node:fs"
import { Counter, Gauge, type Registry } from "prom-client"
import { nowTickMs } from "./ticks.ts"
import { version } from "./version.ts"

/**
 * Figures of the parent process, under the names that dashboards know. prom-client's own set was tried under Bun and left: it
 * reports V8 heap spaces that are always 0 there, and calls the address space a heap.
 */
export function registerProcess(registry: Registry): void {
  const registers = [registry]
  new Gauge({
    name: "gatehouse_build_info",
    help: "1, with the version of the program and of Bun",
    labelNames: ["version", "bun"],
    registers,
  }).set({ version, bun: Bun.version }, 1)
  new Gauge({
    name: "process_start_time_seconds",
    help: "When the parent process started, seconds since 1970",
    registers,
  }).set(Math.round(performance.timeOrigin) / 1000)
  new Counter({
    name: "process_cpu_seconds_total",
    help: "Processor time of the parent process, user and system; the engines have their own",
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  new Gauge({
    name: "process_open_fds",
    help: "Open files and sockets of the parent process",
    registers,
    collect() {
      this.set(openFiles() ?? Number.NaN)
    },
  })
  new Gauge({
    name: "gatehouse_resident_bytes",
    help: "Resident memory of the parent process",
    registers,
    collect() {
      this.set(process.memoryUsage.rss())
    },
  })
}

/** How late the event loop comes to a timer; while it is late, nobody is answered. Runs until the returned function is called. */
export function watchEventLoop(observe: (lagSeconds: number) => void, everyMs = 100): () => void {
  let dueTickMs = nowTickMs() + everyMs
  const timer = setInterval(() => {
    const tickMs = nowTickMs()
    observe(Math.max(0, tickMs - dueTickMs) / 1000)
    dueTickMs = tickMs + everyMs
  }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}

/** Only Linux tells. */
function openFiles(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length
  } catch {
    return undefined
  }
}
