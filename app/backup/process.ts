import { setPriority } from "node:os"
import type { Result } from "../base/result.ts"

/** A quarter of a core beside one who wants all of it. With 19, a backup on a box that is busy all day was not begun after minutes. */
const niceness = 5

/**
 * Makes a backup in a child process of this very program: copying and examining block whoever does them, for minutes when there
 * is much. It gives way to the box's own work.
 * @param command starts this program, see `selfCommand`
 * @param keyFile of the master key: our own configuration may be of a command line that the child does not have
 */
export async function makeBackupElsewhere(
  command: readonly string[],
  { dataFolder, keyFile }: { readonly dataFolder: string; readonly keyFile: string | null },
  file: string,
  number: number,
  signal: AbortSignal,
): Promise<Result<void>> {
  const child = Bun.spawn([...command, "backup", file, "--data", dataFolder, "--number", String(number)], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { ...process.env, ...(keyFile !== null && { GATEHOUSE_MASTER_KEY_FILE: keyFile }) },
    signal,
  })
  try {
    setPriority(child.pid, niceness)
  } catch {
    // Ended already, or the system does not allow it: the backup is only less polite then.
  }
  const [said, code] = await Promise.all([child.stderr.text(), child.exited])
  if (code === 0) return { kind: "ok", value: undefined }
  const why = said.trim().split("\n").at(-1)
  return { kind: "failed", why: why || `the process that makes backups ended with ${child.signalCode ?? `exit code ${code}`}` }
}
