import { mkdir, rename, rm, writeFile } from "node:fs/promises"
import { basename, dirname } from "node:path"
import type { Result } from "../../app/base/result.ts"

export interface ToolSurroundings {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a command to its end; what it said comes back only when it failed. */
export async function runTool(command: readonly string[], surroundings: ToolSurroundings): Promise<Result<void>> {
  const asked = await askTool(command, surroundings)
  return asked.kind === "ok" ? { kind: "ok", value: undefined } : asked
}

/** Runs a command to its end for what it prints. */
export async function askTool(command: readonly string[], { cwd, env = {} }: ToolSurroundings): Promise<Result<string>> {
  const child = Bun.spawn([...command], {
    cwd,
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (code === 0) return { kind: "ok", value: out }
  const words = [basename(command[0] ?? ""), ...command.slice(1)].join(" ")
  return { kind: "failed", why: `${words} ended with ${code}: ${`${said}${out}`.trim()}` }
}

/** Draft and rename: an interrupted build leaves no half file behind. */
export async function replaceFile(path: string, bytes: Uint8Array | string, mode = 0o644): Promise<void> {
  const draft = `${path}.${process.pid}.draft`
  await mkdir(dirname(path), { recursive: true })
  try {
    await writeFile(draft, bytes, { mode })
    await rename(draft, path)
  } finally {
    await rm(draft, { force: true })
  }
}

export function sha256Of(bytes: Uint8Array | string): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex")
}
