import { existsSync } from "node:fs"
import type { Result } from "../../base/result.ts"
import type { ProfileChoice } from "../../config/profile.ts"
import { inside } from "./inside.ts"
import {
  installLayout,
  installPlaces,
  type LayoutEntry,
  settingsFolder,
  type UnitVariant,
  unitNames,
  wantsFolder,
} from "./layout.ts"
import { type Done, put, remove, whyNotPut } from "./put.ts"
import { systemctl } from "./systemctl.ts"
import { examineTarget, type InstallTarget, refusesProgramsAt } from "./target.ts"
import { readUnits } from "./units.ts"

export interface InstallWish {
  /** Absolute; `/` is this machine. */
  readonly root: string
  /** The file that becomes the program. */
  readonly program: string
  readonly variant: UnitVariant
  readonly profile?: ProfileChoice | undefined
  /** Start it now. */
  readonly now: boolean
}

export interface Installed {
  readonly unit: string
  readonly done: readonly Done[]
  /** What is to be known or done next, in words. */
  readonly notes: readonly string[]
}

/**
 * Puts program, units and choice of a profile where they belong, and nothing that is there already. What the owner has written
 * stays. Asked a second time it changes nothing; with a newer program it is an update.
 */
export async function install(wish: InstallWish): Promise<Result<Installed>> {
  const { root, program, variant, profile, now } = wish
  const layout = installLayout({ way: "machine", units: readUnits(), variant, profile })
  const examined = examineTarget(root, [...new Set(layout.entries.map(({ path }) => folderOf(path)))])
  if (examined.kind === "failed") return examined
  const target = examined.value
  const programFolder = folderOf(layout.programPath)
  if (refusesProgramsAt(target, programFolder)) {
    const why = `${programFolder} lies on a file system mounted noexec, from which no program runs: mount it with exec`
    return { kind: "failed", why }
  }
  if (now && !target.runsSystemd)
    return { kind: "failed", why: "--now needs a systemd that runs here: leave it out, and start the box at its next boot" }

  const ofPackage = installPlaces.package.programPath
  if (existsSync(inside(root, ofPackage)))
    return {
      kind: "failed",
      why: `${ofPackage} came by a package, which goes on caring for it: apt or dnf update it, ${settingsFolder} has its settings, and systemctl enable one of its two units`,
    }

  const done: Done[] = []
  try {
    for (const entry of layout.entries) done.push(await put(entry, root, program))
    // The other variant would be started at boot as well, and both refuse to run together.
    const unlinked = await remove(`${wantsFolder}/${variant === "cpu" ? unitNames.gpu : unitNames.cpu}`, root)
    if (unlinked !== undefined) done.push(unlinked)
  } catch (error) {
    const why = whyNotPut(error)
    if (why === undefined) throw error
    return { kind: "failed", why }
  }
  if (target.runsSystemd) {
    const told = await tellSystemd(layout.unit, now)
    if (told.kind === "failed") return told
  }
  return { kind: "ok", value: { unit: layout.unit, done, notes: notesOf(target, layout.unit, done, now, layout.entries) } }
}

/** The other unit, if it runs, gives way when this one starts (`Conflicts=`), and goes on until then. */
async function tellSystemd(unit: string, now: boolean): Promise<Result<void>> {
  const steps = [["daemon-reload"], ...(now ? [["restart", unit]] : [])]
  for (const step of steps) {
    const told = await systemctl(...step)
    if (told.kind === "failed")
      return { kind: "failed", why: `the files are in place, but ${told.why}; journalctl -u ${unit} tells more` }
  }
  return { kind: "ok", value: undefined }
}

function notesOf(
  { root, hasSystemd, runsSystemd }: InstallTarget,
  unit: string,
  done: readonly Done[],
  now: boolean,
  entries: readonly LayoutEntry[],
): string[] {
  const notes: string[] = []
  if (!hasSystemd)
    notes.push(
      `there is no systemd in ${root}: nothing starts the box by itself; run ${installPlaces.machine.programPath} serve`,
    )
  else if (!runsSystemd) notes.push(`${unit} starts at the next boot`)
  else if (!now) {
    const changed = done.some(({ did, path }) => did === "changed" && entries.some((entry) => entry.path === path))
    notes.push(`${unit} starts at the next boot; now: systemctl ${changed ? "restart" : "start"} ${unit}`)
  }
  return notes
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"))
}
