import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { selfCommand } from "../../../app/base/self.ts"
import { nowTickMs } from "../../../app/base/ticks.ts"
import { askWithKey } from "../support/box.ts"

/** A box on a data folder that outlives it: for runs that kill it, starve it or lie to it, and look at what is left. */
export interface StorageBox extends AsyncDisposable {
  readonly url: string
  readonly key: string
  /** Of the box itself, also when something watches over it. */
  readonly pid: number
  /** From its start until it took work. */
  readonly readyMs: number
  readonly exited: Promise<number>
  ask(path: string, init?: RequestInit): Promise<Response>
  kill(signal: NodeJS.Signals): Promise<void>
}

export interface StorageBoxOptions {
  /** Put before the program, such as `strace -D …`; it has to leave the box its own process id. */
  readonly prefix?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Laid on the configuration of these runs. */
  readonly config?: Readonly<Record<string, unknown>>
}

const key = "gh_faults_only_0123456789abcdefghijk"
const startMsMax = 60_000
const beatMs = 200

/** All load comes from one client, and every picture is meant to be looked at. */
const configuration = { http: { ratePerSecond: 0 }, inference: { cache: { enabled: false } }, backup: { everyHours: 0 } }

/** Starts one and waits until it takes work; `undefined` when it ended before that. Throws when it does neither for a minute. */
export async function startBoxOn(dataFolder: string, options: StorageBoxOptions = {}): Promise<StorageBox | undefined> {
  const configFile = `${dataFolder}.jsonc`
  await mkdir(join(dataFolder, ".."), { recursive: true })
  await writeFile(configFile, JSON.stringify({ ...configuration, ...options.config }))
  const startTickMs = nowTickMs()
  const child = Bun.spawn([...(options.prefix ?? []), ...selfCommand(), "serve", "--data", dataFolder, "--port", "0"], {
    env: {
      ...process.env,
      GATEHOUSE_CONFIG: configFile,
      GATEHOUSE_ENGINES: "1",
      GATEHOUSE_LOG: "silent",
      GATEHOUSE_ADMIN_KEY: key,
      ...options.env,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: Bun.file(`${dataFolder}.stderr`),
  })
  // Counted rather than timed: a run whose processes were all stopped for a while goes on where it was.
  let beats = 0
  const killer = setInterval(() => {
    if (++beats * beatMs > startMsMax) child.kill("SIGKILL")
  }, beatMs)
  try {
    const url = await printedUrl(child.stdout)
    if (url === undefined || !(await untilReady(url, () => child.exitCode !== null || child.signalCode !== null))) {
      await child.exited
      return undefined
    }
    const kill = async (signal: NodeJS.Signals) => {
      child.kill(signal)
      await child.exited
    }
    return {
      url,
      key,
      pid: child.pid,
      readyMs: nowTickMs() - startTickMs,
      exited: child.exited,
      ask: (path, init) => askWithKey({ url, key }, path, init),
      kill,
      [Symbol.asyncDispose]: () => kill("SIGKILL"),
    }
  } finally {
    clearInterval(killer)
  }
}

/** What the last box on this folder said on standard error. */
export async function lastWords(dataFolder: string): Promise<string> {
  return (await Bun.file(`${dataFolder}.stderr`).text()).trim()
}

async function untilReady(url: string, ended: () => boolean): Promise<boolean> {
  while (!ended()) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined)
    if (answer?.status === 200) return true
    await Bun.sleep(5)
  }
  return false
}

async function printedUrl(stdout: ReadableStream<Uint8Array>): Promise<string | undefined> {
  let text = ""
  for await (const chunk of stdout) {
    text += Buffer.from(chunk).toString()
    const url = /http:\/\/[^\s/]+:\d+/.exec(text)?.[0]
    if (url !== undefined) return url
  }
  return undefined
}
