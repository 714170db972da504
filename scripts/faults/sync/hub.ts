import { readFileSync } from "node:fs"
import { jetstreamManager } from "@nats-io/jetstream"
import type { Step } from "../../../app/cli/hub/steps.ts"
import type { Stream } from "../../../app/sync/hub.ts"
import { streamName } from "../../../app/sync/nats/layout.ts"
import { type HubAccess, hubAccess } from "../../../app/sync/nats/setup/access.ts"
import { json, tempMachines } from "../../../tests/sync/nats/setup/machines.ts"
import { connectAs } from "./connect.ts"

type Machines = ReturnType<typeof tempMachines>

/** A hub as `gatehouse hub` sets it up, with servers that run here: TLS, keys and permissions as in a real site. */
export interface TestedHub extends AsyncDisposable {
  readonly machines: Machines
  /** Names of its servers. */
  readonly servers: readonly string[]
  /** Lets in a box; where its access file lies, and what it says. */
  letIn(name: string): Promise<{ readonly file: string; readonly access: HubAccess }>
  /** Takes a box out again. */
  turnOut(name: string): Promise<void>
  /** Who may do everything within the site. */
  keeper(): HubAccess
  /** Where a server keeps its streams. */
  store(server: string): string
  /** Where a server listens for boxes. */
  portOf(server: string): number
  /** The server of three that writes a stream. */
  leaderOf(stream: Stream): Promise<string | undefined>
  /** Until all servers of three have all that the leader has. */
  untilCurrent(): Promise<void>
}

export async function openTestedHub(count: 1 | 3): Promise<TestedHub> {
  const machines = tempMachines()
  const steps = await machines.init(count)
  // The last step lets in a first box: the runs do that themselves, one as the other.
  await machines.follow(steps.slice(0, -1))
  const change = async (command: string, name: string) => {
    const told = await json<{ file?: string; steps: readonly Step[] }>("hub", command, name, "--folder", machines.hub)
    await machines.follow(told.steps)
    return told.file ?? ""
  }
  const keeper = () => accessAt(`${machines.hub}/authority/keeper.json`)
  async function clusterOf(stream: Stream) {
    const access = keeper()
    await using connection = await connectAs(access)
    const manager = await jetstreamManager(connection, { timeout: 2000 })
    return (await manager.streams.info(streamName(access.site, stream))).cluster
  }
  return {
    machines,
    servers: Array.from({ length: count }, (_, i) => `hub-${i + 1}`),
    async letIn(name) {
      const file = await change("add-box", name)
      return { file, access: accessAt(file) }
    },
    turnOut: async (name) => {
      await change("remove-box", name)
    },
    keeper,
    store: (server) => machines.file(server, "store"),
    portOf: (server) => portIn(machines.file(server, "etc", "nats-server.conf")),
    leaderOf: async (stream) => (await clusterOf(stream))?.leader,
    async untilCurrent() {
      for (let tries = 0; tries < currentTries; tries++) {
        // Out of reach while the servers choose a leader: that is what is waited for.
        const clusters = await Promise.all((["records", "erasures"] as const).map(clusterOf)).catch(() => [])
        const isCurrent = (cluster: (typeof clusters)[number]) =>
          cluster?.leader !== undefined && cluster.replicas?.every(({ current, offline }) => current && !offline) === true
        if (clusters.length > 0 && clusters.every(isCurrent)) return
        await Bun.sleep(500)
      }
      throw new Error(`the servers did not find together again in ${currentTries / 2} s`)
    },
    [Symbol.asyncDispose]: () => machines[Symbol.asyncDispose](),
  }
}

/** Servers that share two busy cores take their time. */
const currentTries = 360

function portIn(configuration: string): number {
  return Number(/^listen: ".*:(\d+)"$/m.exec(readFileSync(configuration, "utf8"))?.[1])
}

export const accessAt = (file: string): HubAccess => hubAccess.parse(JSON.parse(readFileSync(file, "utf8")))
