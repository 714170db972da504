import { projectRoot } from "../../app/base/paths.ts"

export interface Ended {
  readonly code: number
  readonly out: string
  readonly said: string
}

/** dpkg wants what root has there, in a root of its own as well, whoever runs the tests. */
const sbin = "/usr/local/sbin:/usr/sbin:/sbin"

/** Runs a command to its end. */
export async function run(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = Bun.spawn([...command], {
    cwd: projectRoot,
    env: { ...process.env, PATH: `${process.env.PATH}:${sbin}`, LC_ALL: "C", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { code, out, said }
}

/** Runs a command that has to end well. @returns what it printed */
export async function succeed(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { code, out, said } = await run(command, env)
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}\n${said}${out}`)
  return out
}

export async function sha256OfFile(path: string): Promise<string> {
  return new Bun.CryptoHasher("sha256").update(await Bun.file(path).bytes()).digest("hex")
}
