import { accessSync, constants, existsSync, statSync } from "node:fs"
import { join } from "node:path"
import { refusesPrograms } from "../../base/resources/mounts.ts"
import type { Result } from "../../base/result.ts"
import { inside } from "./inside.ts"

/** A machine that Gatehouse is put onto: this one while it runs, or the root file system of another, which lies still. */
export interface InstallTarget {
  /** Absolute; `/` is this machine. */
  readonly root: string
  /** Its systemd can be told something now. */
  readonly runsSystemd: boolean
  /** It has systemd at all. */
  readonly hasSystemd: boolean
}

/** Whether somebody may put files there, with the remedy where not. Nothing is changed. */
export function examineTarget(root: string, folders: readonly string[]): Result<InstallTarget> {
  const isThis = root === "/"
  const failed = (why: string) => ({ kind: "failed", why }) as const
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true)
    return failed(`${root} is no folder: mount the root file system of the box, and name the folder with --root`)
  if (!existsSync(join(root, "etc")) || !existsSync(join(root, "usr")))
    return failed(`${root} is no root file system: it has no etc or no usr in it`)
  for (const folder of folders) {
    const why = whyNotWritable(root, folder, isThis)
    if (why !== undefined) return failed(why)
  }
  const systemd = ["usr/lib/systemd/systemd", "lib/systemd/systemd"]
  return {
    kind: "ok",
    value: {
      root,
      runsSystemd: isThis && existsSync("/run/systemd/system"),
      hasSystemd: systemd.some((path) => existsSync(inside(root, path))),
    },
  }
}

/** From a file system mounted noexec the service could not be started. Of another machine's, only its own mounts tell. */
export function refusesProgramsAt({ root }: Pick<InstallTarget, "root">, folder: string): boolean {
  return root === "/" && refusesPrograms(nearest(root, folder))
}

function whyNotWritable(root: string, wanted: string, isThis: boolean): string | undefined {
  let folder = wanted
  try {
    folder = nearest(root, wanted)
    accessSync(folder, constants.W_OK)
    return undefined
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined
    if (error instanceof Error && code === "ELOOP") return `${error.message}: mend those links`
    if (code === "EROFS")
      return `${folder} lies on a file system that is mounted read-only: mount -o remount,rw it, or use the system's own way of installing (an overlay, an image)`
    const who = process.getuid?.() === 0 ? "" : isThis ? ": run it as root (sudo gatehouse install)" : ": run it as root"
    return `${folder} cannot be written (${String(code)})${who}`
  }
}

/** The folder itself, or what is there of the way to it. */
function nearest(root: string, folder: string): string {
  const path = inside(root, `${folder}/.`)
  const parent = folder.slice(0, folder.lastIndexOf("/"))
  return existsSync(path) || parent === "" ? path : nearest(root, parent)
}
