import { existsSync } from "node:fs"
import { join } from "node:path"
import type { KernelClock } from "./adjtimex.ts"

/** Whether the wall clock is in step with the world's. Times of sightings and how long people stay valid depend on it. */
export interface ClockState {
  /** `unknown`: the kernel may not be asked here, and nobody has left a sign. */
  readonly state: "synchronised" | "unsynchronised" | "unknown"
  /** Who keeps it in step, by the signs such programs leave. */
  readonly keeper?: "systemd-timesyncd" | "chrony" | "ntpd"
  /** How far it may be off at most, as its keeper reckons; only where the kernel could be asked. */
  readonly errorMsMax?: number
}

/** Where they leave signs of their life: below `/run`, in order. */
const signs = [
  ["systemd-timesyncd", "run/systemd/timesync/synchronized"],
  ["chrony", "run/chrony/chronyd.pid"],
  ["chrony", "run/chronyd.pid"],
  ["chrony", "run/chrony/chronyd.sock"],
  ["ntpd", "run/ntpd.pid"],
] as const

/** @param kernel as the kernel says, where it may be asked */
export function judgeClock(kernel: KernelClock | undefined, root = "/"): ClockState {
  const keeper = signs.find(([, path]) => existsSync(join(root, path)))?.[0]
  const kept = keeper && { keeper }
  if (kernel !== undefined) {
    const state = kernel.isSynchronised ? "synchronised" : "unsynchronised"
    return { state, ...kept, errorMsMax: kernel.errorMsMax }
  }
  // Only this one leaves its sign when the clock is in step; those of others say that they run.
  return { state: keeper === "systemd-timesyncd" ? "synchronised" : "unknown", ...kept }
}
