import { existsSync } from "node:fs"
import type { Result } from "../../base/result.ts"
import { inside } from "./inside.ts"
import { cacheFolders, installPlaces, profilePath, settingsFolder, stateFolders, unitNames, wantsFolder } from "./layout.ts"
import { type Done, remove } from "./put.ts"
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

/** Takes away what `install` has put there, and what can be made again; who is enrolled and what the owner wrote stay, unless purged. */
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
  const present = units.filter((unit) => isThere(`${unitsFolder}/${unit}`))
  if (runsSystemd && present.length > 0) {
    const stopped = await systemctl("disable", "--now", ...present)
    if (stopped.kind === "failed") return stopped
  }

  const paths = [
    ...units.flatMap((unit) => [`${wantsFolder}/${unit}`, `${unitsFolder}/${unit}`]),
    programPath,
    profilePath,
    ...cacheFolders,
    ...(purges ? [...stateFolders, settingsFolder, ...units.map((unit) => `${unitsFolder}/${unit}.d`)] : []),
  ]
  const done: Done[] = []
  for (const path of paths) {
    const removed = await remove(path, root)
    if (removed !== undefined) done.push(removed)
  }
  if (runsSystemd) {
    const told = await systemctl("daemon-reload")
    if (told.kind === "failed") return told
  }

  const left = [...stateFolders, settingsFolder].filter(isThere)
  const notes = left.length === 0 ? [] : [`left in place: ${left.join(", ")}; --purge --yes removes them, for good`]
  const ofPackage = [installPlaces.package.programPath].filter(isThere)
  for (const path of ofPackage) notes.push(`${path} came by a package: apt remove gatehouse, or dnf remove gatehouse`)
  return { kind: "ok", value: { done, notes } }
}
