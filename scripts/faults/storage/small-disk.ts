/** A command line that runs in a mount namespace of its own: what is mounted there is seen by nobody else, and gone with it. */
export const inOwnNamespace = ["unshare", "--map-root-user", "--mount"] as const

/** Mounts a file system of this size, in memory, on a folder. */
export const mountCommand = (folder: string, megabytes: number) => [
  ...["mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder],
]

/** Whether this machine lets us have a small disk; containers often forbid it. */
export async function smallDiskRefusal(): Promise<string | undefined> {
  if (Bun.which("unshare") === null) return "unshare is not installed (of util-linux)"
  const child = Bun.spawn([...inOwnNamespace, ...mountCommand("/mnt", 1)], { stdout: "ignore", stderr: "pipe" })
  const said = await child.stderr.text()
  return (await child.exited) === 0 ? undefined : `this machine does not let us mount a small disk: ${said.trim()}`
}
