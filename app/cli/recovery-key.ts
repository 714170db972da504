import { readFileSync } from "node:fs"
import type { Result } from "../base/result.ts"

/** Never from the command line itself: other users of the machine see that, and the shell keeps it. */

/**
 * The recovery key as it was given.
 * @param file where it stands; `-` for standard input
 */
export function readRecoveryKey(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Result<string | undefined> {
  if (file === undefined) return { kind: "ok", value: env.GATEHOUSE_RECOVERY_KEY || undefined }
  try {
    return { kind: "ok", value: readFileSync(file === "-" ? 0 : file, "utf8").trim() }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { kind: "failed", why: `the recovery key cannot be read from ${file}: ${why}` }
  }
}

/** Asks whoever sits at the terminal; `undefined` when nobody does. */
export function askRecoveryKey(): string | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined
  return prompt("Recovery key (eight groups of four letters and digits):") ?? undefined
}
