import { createWriteStream } from "node:fs"
import { homedir } from "node:os"
import { pipeline } from "node:stream/promises"
import type { Command } from "commander"
import { type HeldFile, jsonFile } from "../base/holding.ts"
import type { Result } from "../base/result.ts"
import { version } from "../base/version.ts"
import type { Config } from "../config/config.ts"
import { zipWithManifest } from "../people/zip.ts"
import { type BoxOptions, boxCommand, configOf, end, printJson } from "./command.ts"
import { examineBox } from "./doctor.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"
import { ownLines } from "./support/log-lines.ts"
import { settingsWithoutSecrets } from "./support/settings.ts"
import { counted } from "./terminal.ts"

interface SupportOptions extends BoxOptions {
  readonly log?: string
  readonly url?: string
}

/** Some 5,000 lines: the last minutes of a busy box, the last days of a quiet one. */
const logBytesMax = 1024 ** 2
const answerMsMax = 5000

export function supportCommand(context: CliContext): Command {
  return boxCommand("support", "write what helps to find a fault into a zip; nobody of the gallery is in it, and no key")
    .argument("[file]", "where to; it must not be there yet", "gatehouse-support.zip")
    .option("--log <file>", "the log of the box, as `journalctl -u gatehouse -o cat` writes it: its last lines go in")
    .option("--url <address>", "of the running box, whose figures go in; where the configuration has it when not said")
    .action(async (file: string, options: SupportOptions) => end(context, options, writeBundle(context, file, options)))
}

async function writeBundle(context: CliContext, file: string, options: SupportOptions): Promise<Outcome> {
  const absent: string[] = []
  const about = { what: "what helps to find a fault of a box", program: version, absent }
  try {
    const zip = zipWithManifest(withoutHome(bundleFiles(context, options, absent)), about, Date.now())
    await pipeline(zip, createWriteStream(file, { flags: "wx", mode: 0o600 }))
  } catch (error) {
    if (!(error instanceof Error && "code" in error && typeof error.code === "string")) throw error
    return { kind: "failed", why: `${file} cannot be written (${error.code}): give another with gatehouse support <file>` }
  }
  if (options.json === true) printJson(context, { file, absent })
  else {
    context.terminal.out(`${file} is yours to look into before you send it; no person and no key is in it`)
    for (const why of absent) context.terminal.out(`left out: ${why}`)
  }
  return { kind: "yes" }
}

/** @param absent is told why something is not there */
async function* bundleFiles({ needs }: CliContext, options: SupportOptions, absent: string[]): AsyncGenerator<HeldFile> {
  yield jsonFile("versions.json", { gatehouse: version, bun: Bun.version, platform: `${process.platform}-${process.arch}` })
  yield jsonFile("findings.json", await examineBox(needs, options))
  const config = configOf(options)
  if (config.kind === "ok") yield jsonFile("settings.json", settingsWithoutSecrets(config.value))
  else absent.push("the settings, which cannot be read: see findings.json")

  const url = options.url ?? (config.kind === "ok" ? addressOf(config.value) : undefined)
  if (url === undefined) absent.push("the figures of the running box: give its address with --url")
  else
    for (const [path, name] of [
      ["/metrics", "metrics.txt"],
      ["/readyz", "ready.json"],
    ] as const) {
      const told = await askBox(`${url}${path}`)
      if (told.kind === "ok") yield { name, bytes: Buffer.from(told.value) }
      else absent.push(told.why)
    }

  if (options.log === undefined) absent.push("the log: give it with --log <file>")
  else yield* logFile(options.log, absent)
}

async function* logFile(path: string, absent: string[]): AsyncGenerator<HeldFile> {
  try {
    const { lines, foreign } = await ownLines(path, logBytesMax)
    if (foreign > 0) absent.push(`${counted(foreign, "line")} of the log that the box did not write`)
    yield { name: "log.jsonl", bytes: Buffer.from(lines.map((line) => `${line}\n`).join("")) }
  } catch (error) {
    absent.push(`the log: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function addressOf({ http: { host, port } }: Config): string {
  return `http://${host === "0.0.0.0" ? "127.0.0.1" : host}:${port}`
}

async function askBox(url: string): Promise<Result<string>> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(answerMsMax) })
    // A box that is not ready says with 503 why.
    if (answer.ok || url.endsWith("/readyz")) return { kind: "ok", value: await answer.text() }
    return { kind: "failed", why: `${url}, which answered ${answer.status}: ask on the box itself` }
  } catch (error) {
    return { kind: "failed", why: `${url}: ${error instanceof Error ? error.message : String(error)}; is the box running?` }
  }
}

/** The name of whoever runs the box often stands in the paths. */
async function* withoutHome(files: AsyncIterable<HeldFile>): AsyncGenerator<HeldFile> {
  const home = homedir()
  for await (const { name, bytes } of files)
    yield { name, bytes: home.length > 1 ? Buffer.from(Buffer.from(bytes).toString().replaceAll(home, "~")) : bytes }
}
