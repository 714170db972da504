import { z } from "zod"
import type { Result } from "../../../base/result.ts"
import { type NatsHub, openNatsHub } from "../hub.ts"
import { sitePattern } from "../layout.ts"

/** All that somebody needs to meet others at a hub: the one file that goes to a box. It holds secrets. */
export const hubAccess = z.strictObject({
  version: z.literal(1),
  site: z.string().regex(sitePattern),
  /** The name that the site gave the box: 8 hexadecimal digits; or `keeper`. */
  box: z.string().regex(/^([0-9a-f]{8}|keeper)$/),
  /** For people. */
  name: z.string(),
  servers: z.array(z.string()).min(1),
  nkeySeed: z.string().startsWith("SU"),
  tls: z.strictObject({ ca: z.string(), cert: z.string(), key: z.string() }),
  replicas: z.int().min(1).max(5),
  sightingsBytesMax: z.int().positive(),
})
export type HubAccess = Readonly<z.infer<typeof hubAccess>>

/** @param text of the file */
export function readAccess(text: string): Result<HubAccess> {
  const parsed = hubAccess.safeParse(jsonOf(text))
  if (parsed.success) return { kind: "ok", value: parsed.data }
  const why = `not what \`gatehouse hub add-box\` writes: ${z.prettifyError(parsed.error)}`
  return { kind: "failed", why: why.replaceAll("\n", " ") }
}

/** What a text holds; `undefined` where it is no JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Below, acknowledged records can be lost: 2.10.20 to 2.10.22 lose whole streams, earlier ones what a power cut finds unwritten. */
export const serverVersionMin = "2.10.23"

export interface Reached {
  readonly address: string
  readonly version: string
  readonly isOld: boolean
}

/**
 * Goes to the hub as the holder of an access, and looks whether the site's streams are there and safe. The keeper makes those that
 * are missing.
 * @param waitMs so long it is tried again: servers that were started just now still look for each other
 */
export async function reachHub(access: HubAccess, waitMs: number): Promise<Result<Reached>> {
  const untilMs = performance.now() + waitMs
  for (;;) {
    const opened = await openNatsHub({ ...access, timeoutMs: 5000 })
    if (opened.kind === "ok") return reached(opened.value)
    if (performance.now() + retryMs > untilMs) return opened
    await Bun.sleep(retryMs)
  }
}

const retryMs = 500

async function reached(hub: NatsHub): Promise<Result<Reached>> {
  const server = hub.server()
  await hub.close()
  if (server === undefined) return { kind: "failed", why: "the hub let go of the line at once: try again" }
  return { kind: "ok", value: { ...server, isOld: Bun.semver.order(server.version, serverVersionMin) < 0 } }
}
