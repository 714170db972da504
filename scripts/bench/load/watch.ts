import { z } from "zod"
import { nowTickMs } from "../../../app/base/ticks.ts"
import type { Target } from "../support/client.ts"
import { parentOf, readUsage, usageSchema } from "../support/processes.ts"

export const sampleSchema = z.strictObject({ atMs: z.number(), ...usageSchema.shape })
export type Sample = z.output<typeof sampleSchema>

const everyMs = 1000

/** Loose: a box of another build may say more. */
const systemBody = z.object({ engines: z.array(z.object({ pid: z.int() })) })

export interface Watch {
  /** From the start of the watch, one each second. */
  readonly samples: readonly Sample[]
  stop(): void
}

/** The process that answers at `target`, when it runs on this machine: the parent of the engines it reports. */
export async function findBoxPid(target: Target): Promise<number | undefined> {
  const response = await fetch(`${target.url}/v1/system`, { headers: { "x-api-key": target.key } })
  if (!response.ok) return undefined
  const running = systemBody.parse(await response.json()).engines.find(({ pid }) => pid > 0)
  return running && (await parentOf(running.pid))
}

/** Memory and descriptors of a box, once a second until it is stopped or the box is gone. */
export function watchBox(pid: number): Watch {
  const startTickMs = nowTickMs()
  const samples: Sample[] = []
  const timer = setInterval(() => void sample(), everyMs)
  void sample()
  return { samples, stop: () => clearInterval(timer) }

  async function sample(): Promise<void> {
    const atMs = Math.round(nowTickMs() - startTickMs)
    const usage = await readUsage(pid)
    if (usage !== undefined) samples.push({ atMs, ...usage })
  }
}
