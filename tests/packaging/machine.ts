import { readFileSync } from "node:fs"
import { canBoot, nspawnOptions } from "../../scripts/packaging/debian-root.ts"
import { run, succeed } from "./commands.ts"
import type { DebianRoot } from "./debian-root.ts"

/** Why no root can boot here, for tests that need that to be skipped. */
export const bootRefusal = canBoot() ? undefined : "this machine lets no root file system boot beside it (systemd-nspawn)"

/** A root file system that has booted: its own systemd runs, with a network of its own. */
export interface Machine extends AsyncDisposable {
  /** Runs a command inside, which has to end well. */
  inside(...command: readonly string[]): Promise<string>
  /** Asks the box inside, by curl of this machine; the address is `http://127.0.0.1:8080` and the like. */
  ask(address: string, ...options: readonly string[]): Promise<{ status: number; body: string }>
  /** Waits until the service is in this state (`active`, `inactive`, `failed`), or another property of it is so. */
  untilUnit(unit: string, state: string, property?: string): Promise<void>
  property(unit: string, name: string): Promise<string>
}

export async function bootMachine(root: DebianRoot): Promise<Machine> {
  const host = Bun.spawn(["systemd-nspawn", ...nspawnOptions, "--console=pipe", "--directory", root.path, "--boot"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const said = Promise.all([host.stdout.text(), host.stderr.text()])
  const leader = await until(
    async () => readFileSync(`/proc/${host.pid}/task/${host.pid}/children`, "utf8").trim().split(" ")[0],
  )
  const enter = ["nsenter", "--target", leader, "--all", "--"]
  const machine: Machine = {
    inside: (...command) => succeed([...enter, ...command]),

    async ask(address, ...options) {
      const asked = ["curl", "--silent", "--show-error", "--insecure", "--max-time", "20", "--write-out", "\n%{http_code}"]
      const { out, said } = await run(["nsenter", "--target", leader, "--net", "--", ...asked, ...options, address])
      const cut = out.lastIndexOf("\n")
      return { status: Number(out.slice(cut + 1)), body: cut < 0 ? said : out.slice(0, cut) }
    },

    async untilUnit(unit, state, property = "ActiveState") {
      await until(async () => ((await machine.property(unit, property)) === state ? "yes" : undefined)).catch(async (error) => {
        const journal = await machine.inside("journalctl", "--no-pager", "--lines", "30", "--unit", unit)
        throw new Error(`${property} of ${unit} did not become ${state}: ${error}\n${journal}`)
      })
    },

    property: async (unit, name) => (await machine.inside("systemctl", "show", "--value", "--property", name, unit)).trim(),

    async [Symbol.asyncDispose]() {
      // It ends its services in order, as a machine that is switched off does; what does not end is killed with it.
      host.kill("SIGTERM")
      const isOver = await Promise.race([host.exited.then(() => true), Bun.sleep(15_000).then(() => false)])
      if (!isOver) host.kill("SIGKILL")
      await Promise.all([host.exited, said])
    },
  }
  await until(
    async () => /^(?:starting|running|degraded)$/m.exec((await run([...enter, "systemctl", "is-system-running"])).out)?.[0],
  )
  return machine
}

/** Asks again until there is an answer, for at most half a minute. */
async function until(ask: () => Promise<string | undefined>): Promise<string> {
  const endTickMs = performance.now() + 30_000
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== "") return answer
    if (performance.now() > endTickMs) throw new Error("that did not happen within 30 s")
    await Bun.sleep(100)
  }
}
