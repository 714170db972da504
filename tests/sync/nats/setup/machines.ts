import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { runCli } from "../../../../app/cli/cli.ts"
import type { Step } from "../../../../app/cli/hub/steps.ts"
import type { CliNeeds } from "../../../../app/cli/needs.ts"
import { type TempFolder, tempFolder } from "../../../support/shared.ts"
import { freePort, natsVersion, program, untilListens } from "../server.ts"

/** A hub set up by `gatehouse hub`, and the machines of its servers: folders here, and processes. */

/** Before 2.10 a server knows no `sync_interval` and refuses the configuration; without that line it takes the rest. */
export const knowsSyncInterval = Bun.semver.order(natsVersion().replace("v", ""), "2.10.0") >= 0

export async function run(...argv: readonly string[]) {
  const [out, err]: [string[], string[]] = [[], []]
  const terminal = { out: (text: string) => void out.push(text), err: (text: string) => void err.push(text), watched: false }
  const code = await runCli(argv, {} as Partial<CliNeeds> as CliNeeds, terminal)
  return { code, out: out.join("\n"), err: err.join("\n") }
}

const needsRoot = ["systemctl disable --now nats-server.service || true", "id nats || useradd ", "chown -R nats:nats "]

/** What a command prints for machines; a failure is its words. */
export async function json<Out>(...argv: readonly string[]): Promise<Out> {
  const { code, out, err } = await run(...argv, "--json")
  if (code !== 0 && err !== "") console.error(err)
  return JSON.parse(out) as Out
}

export function tempMachines() {
  const folder = tempFolder()
  const servers = new Map<string, Bun.Subprocess>()

  async function startServer(name: string): Promise<void> {
    const unit = readFileSync(folder.file("machines", name, "systemd.service"), "utf8")
    const [command = "", ...args] = /^ExecStart=(.+)$/m.exec(unit)?.[1]?.split(" ") ?? []
    if (command !== "nats-server") throw new Error(`the unit starts ${command}`)
    const log = folder.file("machines", name, "log")
    servers.set(name, Bun.spawn([program, ...args, "-l", log], { cwd: "/", stdout: "ignore", stderr: "ignore" }))
    await untilListens(portIn(folder, name))
  }

  /** Does what a step says, as an administrator would who types it; what wants root is left out. */
  async function follow(steps: readonly Step[]): Promise<readonly string[]> {
    const said: string[] = []
    let machine = ""
    for (const command of steps.flatMap(({ commands }) => commands)) {
      const [word = "", ...args] = command.split(" ")
      machine = /machines\/(hub-\d)/.exec(command)?.[1] ?? machine
      if (word === "scp") {
        const [from = "", to = ""] = args.filter((arg) => arg !== "-r").map((path) => path.replace(/^root@127\.0\.0\.1:/, ""))
        mkdirSync(join(to, ".."), { recursive: true })
        cpSync(from, to, { recursive: true })
        makeFit(to)
      } else if (word === "install") mkdirSync(args.at(-1) ?? "", { recursive: true })
      else if (word === "cp") {
        copyFileSync(args[0] ?? "", folder.file("machines", machine, "systemd.service"))
      } else if (/^systemctl enable --now gatehouse-hub(-\d)?\.service$/.test(command)) await startServer(machine)
      else if (word === "nats-server") {
        const { exitCode, stderr } = Bun.spawnSync([program, ...args])
        if (exitCode !== 0) throw new Error(`${command}: ${stderr.toString()}`)
      } else if (word === "gatehouse") {
        // Three servers on a busy machine take longer to find their leaders than a person waits by default.
        const { code, out, err } = await run(...args, ...(isWaiting(args) ? ["--wait", "60"] : []))
        if (code !== 0 && !err.includes("needs 2.10.23")) throw new Error(`${command}: ${err}`)
        said.push(out)
      } else if (!needsRoot.some((start) => command.startsWith(start))) throw new Error(`nobody knows how to do ${command}`)
    }
    return said
  }

  return {
    folder,
    hub: folder.file("hub"),
    follow,
    startServer,
    file: (name: string, ...path: readonly string[]) => folder.file("machines", name, ...path),
    /** `hub init` for so many servers, all on this machine. */
    async init(count: 1 | 3, ...more: readonly string[]): Promise<readonly Step[]> {
      const hosts = Array.from({ length: count }, () => ["--host", `127.0.0.1:${freePort()}`]).flat()
      const places = ["--installed-at", folder.file("machines/{node}/etc"), "--store-at", folder.file("machines/{node}/store")]
      const asked = ["--site", "gate", "--nodes", String(count), ...hosts, ...places, "--folder", folder.file("hub"), ...more]
      return (await json<{ steps: readonly Step[] }>("hub", "init", ...asked)).steps
    },
    async kill(name: string, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT" = "SIGKILL"): Promise<void> {
      servers.get(name)?.kill(signal)
      if (signal === "SIGKILL") await servers.get(name)?.exited
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers.values()) server.kill("SIGKILL")
      await Promise.all([...servers.values()].map(({ exited }) => exited))
      folder[Symbol.dispose]()
    },
  }
}

const isWaiting = ([command, what]: readonly string[]) => command === "hub" && (what === "check" || what === "prepare")

/** For an old server, as told above. */
function makeFit(copied: string): void {
  const file = join(copied, "nats-server.conf")
  if (knowsSyncInterval || !existsSync(file)) return
  writeFileSync(file, readFileSync(file, "utf8").replace(/^ *sync_interval: always$/m, ""))
}

function portIn(folder: TempFolder, name: string): number {
  const text = readFileSync(folder.file("machines", name, "etc", "nats-server.conf"), "utf8")
  return Number(/^listen: ".*:(\d+)"$/m.exec(text)?.[1])
}
