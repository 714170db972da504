import { existsSync, lstatSync } from "node:fs"
import type { Result } from "../../base/result.ts"
import { inside } from "./inside.ts"
import { cacheFolders, installPlaces, profilePath, settingsFolder, stateFolders, unitNames, wantsFolder } from "./layout.ts"
import { type Done, put, remove } from "./put.ts"
import { systemctl } from "./systemctl.ts"
import { examineTarget } from "./target.ts"

export interface UninstallWish {
  /** Absolute; `/` is this machine. */
  readonly root: string
  /** People, sightings, keys and settings as well. */
  readonly purges: boolean
}

export interface Uninstalled {
  readonly done: readonly Done[]
  readonly notes: readonly string[]
}

/**
 * Takes away what `install` has put there, and what can be made again; who is enrolled and what the owner wrote stay, unless purged.
 * Where a package has brought the program as well, all but the files of `install` is the package's, and its service takes over.
 */
export async function uninstall({ root, purges }: UninstallWish): Promise<Result<Uninstalled>> {
  const { programPath, unitsFolder } = installPlaces.machine
  const units = Object.values(unitNames)
  const examined = examineTarget(root, [
    wantsFolder,
    unitsFolder,
    settingsFolder,
    programPath.slice(0, programPath.lastIndexOf("/")),
  ])
  if (examined.kind === "failed") return examined
  const { runsSystemd } = examined.value
  const isThere = (path: string) => existsSync(inside(root, path))
  const ofPackage = installPlaces.package
  const isPackaged = isThere(ofPackage.programPath)
  if (purges && isPackaged) {
    const why = `${ofPackage.programPath} came by a package, whose people and settings these are: apt-get purge gatehouse, or dnf remove gatehouse, does away with them`
    return { kind: "failed", why }
  }
  const present = units.filter((unit) => isThere(`${unitsFolder}/${unit}`))
  const startedAtBoot = present.filter((unit) => hasEntry(inside(root, `${wantsFolder}/${unit}`)))
  if (runsSystemd && present.length > 0) {
    const stopped = await systemctl("disable", "--now", ...present)
    if (stopped.kind === "failed") return stopped
  }

  const paths = [
    ...present.flatMap((unit) => [`${wantsFolder}/${unit}`, `${unitsFolder}/${unit}`]),
    programPath,
    ...(isPackaged ? [] : [...units.map((unit) => `${wantsFolder}/${unit}`), profilePath, ...cacheFolders]),
    ...(purges ? [...stateFolders, settingsFolder, ...units.map((unit) => `${unitsFolder}/${unit}.d`)] : []),
  ]
  const done: Done[] = []
  for (const path of paths) {
    const removed = await remove(path, root)
    if (removed !== undefined) done.push(removed)
  }
  if (isPackaged)
    for (const unit of startedAtBoot) {
      const entry = { kind: "link", path: `${wantsFolder}/${unit}`, target: `${ofPackage.unitsFolder}/${unit}` } as const
      done.push(await put(entry, root, programPath))
    }
  if (runsSystemd) {
    const told = await systemctl("daemon-reload")
    if (told.kind === "failed") return told
  }

  if (isPackaged) return { kind: "ok", value: { done, notes: notesOfPackaged(startedAtBoot, runsSystemd) } }
  const left = [...stateFolders, settingsFolder].filter(isThere)
  const notes = left.length === 0 ? [] : [`left in place: ${left.join(", ")}; --purge --yes removes them, for good`]
  return { kind: "ok", value: { done, notes } }
}

function notesOfPackaged(startedAtBoot: readonly string[], runsSystemd: boolean): readonly string[] {
  const now = (unit: string) => (runsSystemd ? `; now: systemctl start ${unit}` : "")
  return [
    ...startedAtBoot.map((unit) => `the package's ${unit} starts at the next boot in place of this one${now(unit)}`),
    `${installPlaces.package.programPath} came by a package, and stays: apt-get remove gatehouse, or dnf remove gatehouse`,
  ]
}

/** Also a link that leads nowhere here. */
function hasEntry(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}
