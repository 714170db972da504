import { writeFileSync } from "node:fs"
import { tempFolder } from "../../../tests/support/shared.ts"
import { createSyncBox, type SyncBox } from "./box.ts"
import { openTestedHub, type TestedHub } from "./hub.ts"
import { type HubLine, openLine } from "./line.ts"
import { done, type Program } from "./program.ts"

/** A hub and the boxes that joined its site, each as an administrator would have set it up. */
export interface TestedSite extends AsyncDisposable {
  readonly hub: TestedHub
  /** The first one made the site and answers those who join. */
  readonly boxes: readonly SyncBox[]
  /** Another box: let in at the hub, joined by a token, started. */
  join(name: string, options?: JoinOptions): Promise<JoinedBox>
  /** A folder of the run's own. */
  file(...names: readonly string[]): string
}

export interface JoinOptions {
  /** Over a line that can be cut. */
  readonly overLine?: boolean
  /** Left as it is after joining, for the run to start. */
  readonly notStarted?: boolean
  readonly env?: Readonly<Record<string, string>>
  /** Before it joins. */
  readonly prepare?: (box: SyncBox) => Promise<void> | void
}

export interface JoinedBox {
  readonly box: SyncBox
  /** 8 hexadecimal digits, its name in records. */
  readonly id: string
  readonly accessFile: string
  readonly line?: HubLine
}

export interface SiteOptions {
  readonly program: Program
  readonly servers?: 1 | 3
  readonly boxes: number
  /** Laid over each box's configuration. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
}

export async function openTestedSite({ program, servers = 1, boxes: count, config, env }: SiteOptions): Promise<TestedSite> {
  const folder = tempFolder()
  const hub = await openTestedHub(servers)
  const boxes: SyncBox[] = []
  const lines: HubLine[] = []

  async function join(name: string, options: JoinOptions = {}): Promise<JoinedBox> {
    const box = createSyncBox(program, folder.file(name), name, config, { ...env, ...options.env })
    const { file, access } = await hub.letIn(name)
    const line = options.overLine === true ? await openLine(portOf(access.servers[0] ?? "")) : undefined
    if (line !== undefined) {
      lines.push(line)
      writeFileSync(file, JSON.stringify({ ...access, servers: [line.address] }))
    }
    // A box is started before anything else, and joins while it runs.
    await box.start()
    if (options.prepare !== undefined || options.notStarted === true) await box.stop()
    await options.prepare?.(box)
    if (options.notStarted !== true && box.pid === undefined) await box.start()
    const [founder] = boxes
    if (founder === undefined) await done(box.run("sync", "create", "--access", file), "sync create")
    else {
      const told = await done(founder.run("sync", "invite", "--name", name, "--box", access.box, "--json"), "sync invite")
      const { token } = JSON.parse(told) as { token: string }
      await done(box.run("sync", "join", "--access", file, "--token", token), `sync join of ${name}`)
    }
    boxes.push(box)
    return { box, id: access.box, accessFile: file, ...(line && { line }) }
  }

  const site: TestedSite = {
    hub,
    boxes,
    join,
    file: (...names) => folder.file(...names),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(boxes.map((box) => box[Symbol.asyncDispose]()))
      for (const line of lines) await line[Symbol.asyncDispose]()
      await hub[Symbol.asyncDispose]()
      if (process.env.GATEHOUSE_FAULTS_KEEP === undefined) folder[Symbol.dispose]()
      else console.log(`kept: ${folder.path}`)
    },
  }
  for (let number = 1; number <= count; number++) await join(`gate-${number}`)
  return site
}

const portOf = (address: string) => Number(address.split(":").at(-1))
