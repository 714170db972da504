import { lstatSync, readlinkSync } from "node:fs"
import { join } from "node:path"

/** More links than this on one path lead in a circle, says the kernel too. */
const linksMax = 40

/**
 * Where a path of the machine to be lies on this one: below `root`, following its links as the machine will, so that an absolute
 * link (`/lib → /usr/lib`) does not lead out of it. The last part is not followed: it is what is written or removed.
 * @throws with the code ELOOP when links lead in a circle, as the kernel's functions do
 */
export function inside(root: string, path: string): string {
  const waiting = path.split("/").filter((part) => part !== "")
  let found: string[] = []
  for (let links = 0; waiting.length > 0; ) {
    const part = waiting.shift() ?? ""
    if (part === ".") continue
    if (part === "..") {
      found.pop()
      continue
    }
    const target = waiting.length === 0 ? undefined : linkTarget(join(root, ...found, part))
    if (target === undefined) {
      found.push(part)
      continue
    }
    if (++links > linksMax) throw Object.assign(new Error(`${path} in ${root} leads in a circle of links`), { code: "ELOOP" })
    if (target.startsWith("/")) found = []
    waiting.unshift(...target.split("/").filter((word) => word !== ""))
  }
  return join(root, ...found)
}

function linkTarget(path: string): string | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(path) : undefined
}
