import { existsSync } from "node:fs"
import { hostname } from "node:os"
import { type ClockState, judgeClock } from "./clock.ts"

/** What the machine below the box is called, and by which clock it lives. */
export interface MachineState {
  readonly hostname: string
  /** Under which others in the same network find it, where somebody announces it. */
  readonly mdns: { readonly name: string; readonly announced: boolean }
  /** By the tz database, such as `Europe/Berlin`. */
  readonly timeZone: string
  readonly clock: ClockState
}

/** The daemon that announces host names; its folder is gone with it. */
const avahiSign = "/run/avahi-daemon/socket"

/** Looked at anew each time: cheap, and all of it may change while the box runs. */
export async function readMachine(): Promise<MachineState> {
  const { readKernelClock } = await import("./adjtimex.ts")
  const name = hostname()
  return {
    hostname: name,
    mdns: { name: `${name.split(".")[0]}.local`, announced: existsSync(avahiSign) },
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    clock: judgeClock(readKernelClock()),
  }
}
