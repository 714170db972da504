import type { Result } from "../../base/result.ts"

/** Tells this machine's systemd something and waits until it is done. */
export async function systemctl(...args: readonly string[]): Promise<Result<void>> {
  const command = `systemctl ${args.join(" ")}`
  if (Bun.which("systemctl") === null) return { kind: "failed", why: `${command}: there is no systemctl on the PATH` }
  const child = Bun.spawn(["systemctl", ...args], { stdin: "ignore", stdout: "ignore", stderr: "pipe" })
  const [said, code] = await Promise.all([child.stderr.text(), child.exited])
  if (code === 0) return { kind: "ok", value: undefined }
  return { kind: "failed", why: `${command} ended with ${code}: ${said.trim().replaceAll("\n", "; ") || "it said nothing"}` }
}
