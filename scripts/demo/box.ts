import { randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Result } from "../../app/base/result.ts"
import { selfCommand } from "../../app/base/self.ts"

export interface DemoBox {
  readonly url: string
  readonly key: string
  readonly pid: number
  /** When the box has stopped, whoever stopped it. */
  readonly exited: Promise<unknown>
  close(): Promise<void>
}

/** Two minutes: the first start on a slow machine reads and warms every model. */
const startMsUsual = 120_000

/**
 * The real box as its own process, on a port the system chose and a data folder that is gone afterwards.
 * @param command the program, this checkout's unless another is named
 * @param startMs how long it may take to be ready
 * @param keptFolder a data folder of the caller's, which stays
 */
export async function startBox(
  env: Readonly<Record<string, string>> = {},
  command: readonly string[] = selfCommand(),
  startMs = startMsUsual,
  keptFolder?: string,
): Promise<Result<DemoBox>> {
  const folder = keptFolder ?? (await mkdtemp(join(tmpdir(), "gatehouse-demo-")))
  const key = randomBytes(24).toString("base64url")
  const child = Bun.spawn([...command, "serve", "--data", folder, "--host", "127.0.0.1", "--port", "0"], {
    env: { ...process.env, GATEHOUSE_LOG: "warn", ...env, GATEHOUSE_ADMIN_KEY: key },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  })
  const close = async () => {
    child.kill("SIGTERM")
    await child.exited
    if (keptFolder === undefined) await rm(folder, { recursive: true, force: true })
  }
  const url = await announcedUrl(child.stdout)
  if (url !== undefined && (await whenReady(url, startMs)))
    return { kind: "ok", value: { url, key, pid: child.pid, exited: child.exited, close } }
  await close()
  return { kind: "failed", why: `the box was not ready within ${startMs / 1000} s; lines above say why, if it said so` }
}

/** The box prints its address as soon as it listens; with port 0 nobody knows it before. `undefined`: it ended without. */
function announcedUrl(stdout: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>()
  const read = async () => {
    const decoder = new TextDecoder()
    let text = ""
    // To the end: a box whose output nobody takes waits for us once the pipe is full.
    for await (const chunk of stdout) {
      text += decoder.decode(chunk, { stream: true })
      const url = text.match(/(http:\/\/[\w.:[\]]+:\d+)\D/)?.[1]
      if (url === undefined) continue
      text = ""
      resolve(url)
    }
    resolve(undefined)
  }
  read().catch(reject)
  return promise
}

async function whenReady(url: string, startMs: number): Promise<boolean> {
  const untilMs = Date.now() + startMs
  while (Date.now() < untilMs) {
    const response = await fetch(`${url}/readyz`)
    if (response.ok) return true
    await Bun.sleep(100)
  }
  return false
}
