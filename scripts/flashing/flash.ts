import type { Result } from "../../app/base/result.ts"
import type { LayoutEntry } from "../../app/cli/install/layout.ts"
import { sha256Of } from "../build/tools.ts"
import { checkProgram } from "../packaging/release.ts"
import { type FlashPlan, type FlashWish, planFlash } from "./plan.ts"
import { examineSystem, type FlashedSystem } from "./system.ts"
import type { FlashTarget } from "./target.ts"

export interface Flashed {
  readonly system: FlashedSystem
  /** Files that were read back and are as they should be. */
  readonly files: number
  /** What is known of the file system afterwards. */
  readonly check: string
}

/** Makes a system that lies still a box, reads everything back, and has the file system checked. */
export async function flash(target: FlashTarget, program: string, wish: FlashWish): Promise<Result<Flashed>> {
  const checked = await checkProgram(program)
  if (checked.kind === "failed") return checked
  const system = await examineSystem(target, checked.value.arch)
  if (system.kind === "failed") return system
  const plan = planFlash(wish, system.value)
  const placed = await target.place(plan.entries, program, plan.removed)
  if (placed.kind === "failed") return placed
  const wrong = await compare(target, plan, checked.value.sha256)
  if (wrong !== undefined) return { kind: "failed", why: `${target.where}: ${wrong}; flash it again, or take a fresh image` }
  const check = await target.check()
  if (check.kind === "failed") return check
  const files = plan.entries.filter(({ kind }) => kind === "program" || kind === "text").length
  return { kind: "ok", value: { system: system.value, files, check: check.value } }
}

/** The first thing that is not as planned, in words. */
async function compare(target: FlashTarget, plan: FlashPlan, programSha256: string): Promise<string | undefined> {
  for (const entry of plan.entries) {
    const wrong = await compareOne(target, entry, programSha256)
    if (wrong !== undefined) return wrong
  }
  for (const path of plan.removed) if ((await target.look(path)) !== undefined) return `${path} is still there`
  return undefined
}

async function compareOne(target: FlashTarget, entry: LayoutEntry, programSha256: string): Promise<string | undefined> {
  const { path } = entry
  const found = await target.look(path)
  if (entry.kind === "link") {
    const isSame = found?.kind === "link" && found.target === entry.target
    return isSame ? undefined : `${path} is no link to ${entry.target}`
  }
  if (entry.kind === "folder") return found?.kind === "folder" ? undefined : `${path} is no folder`
  if (found?.kind !== "file") return `${path} is no file`
  // What the owner keeps there is the owner's, whatever it is.
  if (entry.kind === "text" && entry.isOwners) return undefined
  const expected = entry.kind === "program" ? programSha256 : sha256Of(entry.text)
  if (found.sha256 !== expected) return `${path} was read back with SHA-256 ${found.sha256}, and should have ${expected}`
  if (found.mode !== entry.mode || found.owner !== 0)
    return `${path} has mode ${found.mode.toString(8)} of user ${found.owner}, and should have ${entry.mode.toString(8)} of 0`
  return undefined
}
