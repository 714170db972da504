import { isIP, isIPv6 } from "node:net"
import { z } from "zod"
import type { Result } from "../../../base/result.ts"
import { sitePattern } from "../layout.ts"

/** What an administrator has decided about a hub: `hub.json` of the folder that its servers' files are made from. No secrets. */
export const hubPlan = z.strictObject({
  version: z.literal(1),
  site: z.string().regex(sitePattern),
  nodes: z.array(z.strictObject({ name: z.string(), host: z.string(), port: z.int() })).min(1),
  /** Where a server's files lie on its machine; `{node}` stands for its name. */
  installedAt: z.string(),
  /** Where a server keeps its streams; `{node}` stands for its name. */
  storeAt: z.string(),
  sightingsBytesMax: z.int().positive(),
  /** Public keys: of who may do everything within the site, and of who may look at the servers themselves. */
  keeper: z.string(),
  operator: z.string(),
  boxes: z.array(
    z.strictObject({ name: z.string(), box: z.string().regex(/^[0-9a-f]{8}$/), nkey: z.string(), addedAt: z.string() }),
  ),
})
export type HubPlan = Readonly<z.infer<typeof hubPlan>>
export type HubNode = HubPlan["nodes"][number]

/** As in NATS's own documents, from a server's port for boxes: 4222, 6222 and 8222. */
const clusterOffset = 2000
const monitorOffset = 4000

export const clusterPort = ({ port }: HubNode) => port + clusterOffset
export const monitorPort = ({ port }: HubNode) => port + monitorOffset

/** `host:port`, as addresses write it. */
export const addressOf = (host: string, port: number) => `${bracketed(host)}:${port}`
export const bracketed = (host: string) => (isIPv6(host) ? `[${host}]` : host)

/** A box's name, and a server's: a label of a host name. */
export const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const hostPattern = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i

const portUsual = 4222

/**
 * The servers of a hub by what somebody typed: one, or three.
 * @param hosts `host`, `host:port` or `[address]:port`, as boxes will reach them
 */
export function nodesOf(hosts: readonly string[]): Result<readonly HubNode[]> {
  if (hosts.length !== 1 && hosts.length !== 3)
    return {
      kind: "failed",
      why: `a hub is one server or three, and these are ${hosts.length}: of two, both have to run, so that two are worse than one`,
    }
  const nodes: HubNode[] = []
  for (const [i, text] of hosts.entries()) {
    const [, inBrackets, plain, portText] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [undefined, undefined, text]
    const host = inBrackets ?? plain ?? ""
    const port = portText === undefined ? portUsual : Number(portText)
    if (isIP(host) === 0 && !hostPattern.test(host))
      return { kind: "failed", why: `--host ${text}: say a host's name or address, and :port if it is not ${portUsual}` }
    if (port < 1 || port + monitorOffset > 65_535)
      return { kind: "failed", why: `--host ${text}: the port is one from 1 to ${65_535 - monitorOffset}` }
    nodes.push({ name: `hub-${i + 1}`, host, port })
  }
  const used = nodes.flatMap((node) =>
    [node.port, clusterPort(node), monitorPort(node)].map((port) => addressOf(node.host, port).toLowerCase()),
  )
  const twice = used.find((address, i) => used.indexOf(address) !== i)
  if (twice !== undefined)
    return {
      kind: "failed",
      why: `two servers would listen at ${twice}: a server takes its port, and the ports ${clusterOffset} and ${monitorOffset} above it`,
    }
  return { kind: "ok", value: nodes }
}

/** A place of a plan, on the machine of a server. */
export const placeFor = (place: string, { name }: HubNode) => place.replaceAll("{node}", name)
