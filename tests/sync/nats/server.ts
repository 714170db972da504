import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type NatsHub, type NatsHubOptions, openNatsHub } from "../../../app/sync/nats/hub.ts"

/** A NATS server of its own for a test: Debian's, or the one that GATEHOUSE_NATS_SERVER names. */
export const program = process.env.GATEHOUSE_NATS_SERVER ?? Bun.which("nats-server") ?? "/usr/sbin/nats-server"

export interface TestServer extends AsyncDisposable {
  readonly port: number
  readonly address: string
  /** What it keeps on the disk. */
  readonly store: string
  kill(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGHUP"): Promise<void>
  /** After it was killed: again, over what lies in `store`. */
  start(): Promise<void>
}

let told = false

/** Says once which version the tests ran on, and what that is worth. */
export function natsVersion(): string {
  const { stdout } = Bun.spawnSync([program, "--version"])
  const version = stdout.toString().trim().replace("nats-server: ", "")
  const isOld = Bun.semver.order(version.replace("v", ""), "2.10.23") < 0
  const note = isOld ? ": older than the 2.10.23 that a site needs, so what that version does differently is not tried" : ""
  if (!told) console.log(`nats-server ${version}${note}`)
  told = true
  return version
}

export function freePort(): number {
  using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } })
  return server.port
}

/** @param more further lines of its configuration */
export async function startServer(
  folder: string,
  {
    name = "hub",
    port = freePort(),
    more = "",
  }: { readonly name?: string; readonly port?: number; readonly more?: string } = {},
): Promise<TestServer> {
  natsVersion()
  const store = join(folder, name, "store")
  const config = join(folder, name, "nats.conf")
  mkdirSync(store, { recursive: true })
  writeFileSync(config, `server_name: ${name}\nlisten: "127.0.0.1:${port}"\njetstream { store_dir: "${store}" }\n${more}\n`)
  let child: Bun.Subprocess | undefined

  async function start(): Promise<void> {
    child = Bun.spawn([program, "-c", config, "-l", join(folder, name, "log")], { stdout: "ignore", stderr: "ignore" })
    await untilListens(port)
  }
  await start()
  return {
    port,
    address: `127.0.0.1:${port}`,
    store,
    start,
    async kill(signal) {
      child?.kill(signal)
      if (signal === "SIGKILL") await child?.exited
    },
    async [Symbol.asyncDispose]() {
      child?.kill("SIGKILL")
      await child?.exited
    },
  }
}

export async function untilListens(port: number): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const isThere = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } }).then(
      (socket) => socket.end() === 0 || true,
      () => false,
    )
    if (isThere) return
    await Bun.sleep(25)
  }
  throw new Error(`no nats-server at port ${port} after 10 s`)
}

export const hubOptions = (...servers: readonly TestServer[]): NatsHubOptions => ({
  servers: servers.map(({ address }) => address),
  site: "gate",
  box: "0a0a0a0a",
  replicas: 1,
  sightingsBytesMax: 64 * 1024 * 1024,
})

/** Opened, once the server is ready for it. */
export async function openHub(options: NatsHubOptions): Promise<NatsHub & AsyncDisposable> {
  for (let tries = 0; ; tries++) {
    const opened = await openNatsHub(options)
    if (opened.kind === "ok") return { ...opened.value, [Symbol.asyncDispose]: opened.value.close }
    if (tries === 40) throw new Error(opened.why)
    await Bun.sleep(250)
  }
}

/** Three servers that keep everything three times. */
export async function startCluster(folder: string): Promise<readonly TestServer[]> {
  const routes = [freePort(), freePort(), freePort()]
  const all = routes.map((port) => `"nats-route://127.0.0.1:${port}"`).join(", ")
  const more = (port: number) => `cluster { name: site, listen: "127.0.0.1:${port}", routes: [ ${all} ] }`
  return Promise.all(routes.map((port, i) => startServer(folder, { name: `hub-${i + 1}`, more: more(port) })))
}
