import { join } from "node:path"
import type { Subprocess } from "bun"
import { selfCommand } from "../../app/base/self.ts"

/** A whole box as a user runs it: `gatehouse serve` in a process of its own on a free port. */
export interface RunningBox extends AsyncDisposable {
  readonly url: string
  readonly process: Subprocess
  /** `fetch` with the admin key. */
  ask(path: string, init?: RequestInit): Promise<Response>
  enginePids(): Promise<number[]>
}

export const testAdminKey = "gh_test_only_0123456789abcdefghijklmn"

const startMsMax = 60_000

/** Starts a box on `dataFolder` and waits until it is ready to recognise. Its log goes to `logFile` where there is one. */
export async function startBox(dataFolder: string, env: Record<string, string> = {}, logFile?: string): Promise<RunningBox> {
  const child = Bun.spawn([...selfCommand(), "serve"], {
    env: {
      ...process.env,
      GATEHOUSE_CONFIG: join(import.meta.dir, "box.jsonc"),
      GATEHOUSE_DATA: dataFolder,
      GATEHOUSE_PORT: "0",
      GATEHOUSE_ADMIN_KEY: testAdminKey,
      GATEHOUSE_LOG: "fatal",
      ...env,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: logFile === undefined ? "inherit" : Bun.file(logFile),
  })
  const url = await printedUrl(child.stdout)
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${url}${path}`, {
      ...init,
      headers: { "x-api-key": testAdminKey, ...Object.fromEntries(new Headers(init.headers)) },
    })
  await untilReady(url)
  return {
    url,
    process: child,
    ask,
    enginePids: async () => {
      const system = (await (await ask("/v1/system")).json()) as { engines: { pid: number; state: string }[] }
      return system.engines.filter(({ state }) => state === "idle" || state === "busy").map(({ pid }) => pid)
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM")
      const killer = setTimeout(() => child.kill("SIGKILL"), 15_000)
      await child.exited
      clearTimeout(killer)
    },
  }
}

export async function untilReady(url: string): Promise<void> {
  const giveUpAtMs = Date.now() + startMsMax
  while (Date.now() < giveUpAtMs) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined)
    if (answer?.status === 200) return
    await Bun.sleep(20)
  }
  throw new Error(`the box at ${url} was not ready after ${startMsMax} ms`)
}

async function printedUrl(stdout: ReadableStream<Uint8Array>): Promise<string> {
  let text = ""
  for await (const chunk of stdout) {
    text += Buffer.from(chunk).toString()
    const url = /http:\/\/[^\s/]+:\d+/.exec(text)?.[0]
    if (url !== undefined) return url
  }
  throw new Error(`the box ended without printing its address: ${text}`)
}
