import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Subprocess } from "bun"
import type { z } from "zod"
import { testAdminKey } from "../../../tests/support/box.ts"
import { freePort } from "../../../tests/sync/nats/server.ts"
import { type Program, type Ran, runProgram } from "./program.ts"

/** One box of a site: a data folder and a port that stay, and a process that comes and goes. */
export interface SyncBox extends AsyncDisposable {
  readonly name: string
  readonly url: string
  readonly key: string
  /** The data folder. */
  readonly folder: string
  /** While it runs. */
  readonly pid: number | undefined
  start(): Promise<void>
  kill(signal?: "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<void>
  /** As a service manager does. */
  stop(): Promise<void>
  ask(path: string, init?: RequestInit): Promise<Response>
  askJson<Schema extends z.ZodType>(schema: Schema, path: string, init?: RequestInit): Promise<z.output<Schema>>
  /** A command with this box's folder. */
  run(...argv: readonly string[]): Promise<Ran>
}

const readyMsMax = 120_000

/** All load comes from one address; what the runs look for in files is not to be in a backup by chance. */
const configuration = (port: number) => ({
  http: { host: "127.0.0.1", port, ratePerSecond: 0, tls: { mode: "off" } },
  inference: { engines: 1 },
  backup: { everyHours: 0 },
})

/**
 * @param folder of its own: configuration, log and data lie there
 * @param more laid over the configuration, key by key at the top
 */
export function createSyncBox(
  program: Program,
  folder: string,
  name: string,
  more: Readonly<Record<string, unknown>> = {},
  env: Readonly<Record<string, string>> = {},
): SyncBox {
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  const data = join(folder, "data")
  mkdirSync(folder, { recursive: true })
  const configFile = join(folder, "config.jsonc")
  writeFileSync(configFile, JSON.stringify({ ...configuration(port), ...more }))
  const told = { ...env, GATEHOUSE_CONFIG: configFile, GATEHOUSE_DATA: data }
  let child: Subprocess | undefined
  let starts = 0

  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${url}${path}`, {
      ...init,
      headers: { "x-api-key": testAdminKey, ...Object.fromEntries(new Headers(init.headers)) },
    })

  async function stop(): Promise<void> {
    const leaving = child
    child = undefined
    leaving?.kill("SIGTERM")
    await leaving?.exited
  }

  return {
    name,
    url,
    key: testAdminKey,
    folder: data,
    get pid() {
      return child?.pid
    },
    async start() {
      const log = Bun.file(join(folder, `log-${++starts}`))
      child = Bun.spawn([...program, "serve"], {
        env: { ...process.env, GATEHOUSE_LOG: "info", ...told, GATEHOUSE_ADMIN_KEY: testAdminKey },
        stdin: "ignore",
        stdout: "ignore",
        stderr: log,
      })
      await untilReady(name, url, child)
    },
    async kill(signal = "SIGKILL") {
      child?.kill(signal)
      if (signal !== "SIGKILL") return
      await child?.exited
      child = undefined
    },
    stop,
    ask,
    async askJson(schema, path, init) {
      const answer = await ask(path, init)
      if (!answer.ok) throw new Error(`${name} ${init?.method ?? "GET"} ${path}: ${answer.status} ${await answer.text()}`)
      return schema.parse(await answer.json())
    },
    run: (...argv) => runProgram(program, argv, told),
    async [Symbol.asyncDispose]() {
      child?.kill("SIGCONT")
      await stop()
    },
  }
}

async function untilReady(name: string, url: string, child: Subprocess): Promise<void> {
  const giveUpTickMs = performance.now() + readyMsMax
  while (performance.now() < giveUpTickMs) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}; its log says why`)
    const answer = await fetch(`${url}/readyz`).catch(() => undefined)
    if (answer?.status === 200) return
    await Bun.sleep(25)
  }
  throw new Error(`${name} was not ready after ${readyMsMax / 1000} s`)
}
