import { z } from "zod"
import type { Log } from "../../base/log.ts"
import { StorageTrouble } from "../../base/storage-trouble.ts"
import type { SyncSettings } from "../store/settings.ts"
import type { LinkStatus } from "./status.ts"

/**
 * How the talk with the hub is going, left in the database by the service for commands beside it: they have no key to ask it with.
 * Written when something is another than before, and now and then.
 */
const count = z.int().min(0)
const serviceStatus = z.object({
  pid: z.int(),
  atMs: z.number(),
  status: z
    .object({
      state: z.enum(["connecting", "connected", "stopped"]),
      why: z.string().optional(),
      server: z.object({ address: z.string(), version: z.string() }).optional(),
      talkedAtMs: z.number().optional(),
      lag: z.object({ records: count, seconds: z.number() }),
      counts: z.object({
        rounds: count,
        applied: count,
        stored: count,
        offeredAgain: count,
        refused: count,
        withheld: count,
      }),
    })
    .optional(),
})

const settingName = "service/status"
const lookEveryMs = 2000
const writeEveryMs = 30_000
/** What was said longer ago was said by a process that is gone. */
const believedMs = 3 * writeEveryMs

/** @param status `undefined` when the configuration says that the box is silent */
export function keepServiceStatus(
  settings: SyncSettings,
  status: () => LinkStatus | undefined,
  log: Pick<Log, "warn">,
): { close(): void } {
  let written: { readonly text: string; readonly atMs: number } | undefined

  function write(): void {
    const present = status()
    const text = JSON.stringify([present?.state, present?.why, present?.server])
    if (written?.text === text && Date.now() - written.atMs < writeEveryMs) return
    const said = { pid: process.pid, atMs: Date.now(), status: present }
    put(new TextEncoder().encode(JSON.stringify(said)))
    written = { text, atMs: said.atMs }
  }

  function put(bytes: Uint8Array | undefined): void {
    try {
      settings.set(settingName, bytes)
    } catch (error) {
      // A full disk: whoever writes something that matters says so.
      if (!(error instanceof StorageTrouble)) throw error
      log.warn({ why: error.message }, "how the talk with the hub goes could not be written down for commands")
    }
  }

  const timer = setInterval(write, lookEveryMs)
  timer.unref()
  return {
    close() {
      clearInterval(timer)
      put(undefined)
    },
  }
}

export interface ServiceStatus {
  readonly atMs: number
  /** `undefined` when the configuration says that the box is silent. */
  readonly status: LinkStatus | undefined
}

/** What the running service has said last; `undefined` when none runs here. */
export function readServiceStatus(settings: SyncSettings, nowMs: number): ServiceStatus | undefined {
  const bytes = settings.get(settingName)
  if (bytes === undefined) return undefined
  const parsed = serviceStatus.safeParse(JSON.parse(new TextDecoder().decode(bytes)))
  // Of another version of the program, which is not running any more.
  if (!parsed.success || nowMs - parsed.data.atMs > believedMs || !isAlive(parsed.data.pid)) return undefined
  return { atMs: parsed.data.atMs, status: parsed.data.status as LinkStatus | undefined }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Somebody else's process, which is one all the same.
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}
