import { arch, cpus, loadavg, release, totalmem } from "node:os"
import { z } from "zod"
import { projectRoot } from "../../../app/base/paths.ts"
import { roundTo } from "./statistics.ts"

/** Where figures come from. Without it they say nothing. */
export const machineSchema = z.strictObject({
  cpu: z.string(),
  cores: z.int().positive(),
  memoryGB: z.number(),
  system: z.string(),
  runtime: z.string(),
  /** Commit of the checkout, with `+` when files differ from it. */
  commit: z.string(),
  /** Of the last minute before the start: above 0.5 somebody else was at work, and the figures are too slow. */
  loadAverage: z.number(),
})
export type Machine = z.output<typeof machineSchema>

export async function describeMachine(checkout: string = projectRoot): Promise<Machine> {
  const processors = cpus()
  return {
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGB: roundTo(totalmem() / 2 ** 30, 1),
    system: `Linux ${release()} ${arch()}`,
    runtime: `Bun ${Bun.version}`,
    commit: await commitOf(checkout),
    loadAverage: roundTo(loadavg()[0] ?? 0, 2),
  }
}

/** `unknown` where the program came without its history. */
async function commitOf(checkout: string): Promise<string> {
  const head = await Bun.$`git rev-parse --short HEAD`.cwd(checkout).quiet().nothrow()
  if (head.exitCode !== 0) return "unknown"
  const changed = await Bun.$`git status --porcelain --untracked-files=no`.cwd(checkout).quiet().nothrow()
  return head.text().trim() + (changed.text().trim() === "" ? "" : "+")
}

export function machineLine({ cpu, cores, memoryGB, system, runtime, commit, loadAverage }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGB} GB, ${system}, ${runtime}, commit ${commit}, load average ${loadAverage} at the start`
}
