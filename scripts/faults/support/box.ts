import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import type { Target } from "../../bench/support/client.ts"
import { startBox } from "../../demo/box.ts"

/** A box of its own for a fault run. */
export interface FaultBox extends Target, AsyncDisposable {
  readonly pid: number
  ask(path: string, init?: RequestInit): Promise<Response>
}

/** No limit for one client: what the box stands by itself is the question, and all load comes from one address. */
const unlimited = { http: { ratePerSecond: 0 } }

/** Throws when it does not start; its log has said why. `config` is laid on what stands in no file. */
export async function startFaultBox(config: Readonly<Record<string, unknown>> = {}): Promise<FaultBox> {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-faults-"))
  const configFile = join(folder, "config.jsonc")
  await writeFile(configFile, JSON.stringify({ ...unlimited, ...config }))
  const started = await startBox({ GATEHOUSE_CONFIG: configFile, GATEHOUSE_LOG: "fatal" })
  if (started.kind === "failed") throw new Error(started.why)
  const { url, key, pid, close } = started.value
  return {
    url,
    key,
    pid,
    ask: (path, init) => askWithKey({ url, key }, path, init),
    [Symbol.asyncDispose]: async () => {
      await close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export function askWithKey({ url, key }: Target, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  headers.set("x-api-key", key)
  return fetch(`${url}${path}`, { ...init, headers })
}

/** Loose: a box of another build may say more. */
const systemBody = z.object({
  engineRestarts: z.int(),
  engines: z.array(z.object({ pid: z.int(), state: z.string() })),
})

/** What the box says of its engines: how often one was started again, and the processes that serve now. */
export async function engineState(target: Target): Promise<{ restarts: number; servingPids: number[] }> {
  const { engineRestarts, engines } = systemBody.parse(await (await askWithKey(target, "/v1/system")).json())
  return {
    restarts: engineRestarts,
    servingPids: engines.filter(({ state }) => state === "idle" || state === "busy").map(({ pid }) => pid),
  }
}
