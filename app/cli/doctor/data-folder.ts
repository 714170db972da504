import { constants } from "node:fs"
import { access, stat, statfs } from "node:fs/promises"
import { dirname } from "node:path"
import { type Finding, fail, ok, warn } from "./finding.ts"

/** 100,000 people with five faces take about 0.7 GB with their index; below this an update or a backup may not fit either. */
const freeBytesMin = 1024 ** 3

/** Whether the box could write its data folder, and how much room there is. Makes nothing. */
export async function checkDataFolder(folder: string): Promise<readonly Finding[]> {
  const existing = await nearestExisting(folder)
  const kind = await stat(existing)
  if (!kind.isDirectory())
    return [fail("data folder", `${existing} is a file`, "give another folder with --data or GATEHOUSE_DATA")]
  const missing = existing === folder ? "" : " (it will be made at the first start)"
  const writable = await access(existing, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  )
  if (!writable)
    return [
      fail("data folder", `${existing} cannot be written`, `chown it to the user of the box, or give another with --data`),
    ]
  const { bavail, bsize } = await statfs(existing)
  const freeBytes = bavail * bsize
  const free = `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free`
  return [
    ok("data folder", `${folder}${missing}`),
    freeBytes >= freeBytesMin
      ? ok("disk", free)
      : warn("disk", free, "make room on the disk of the data folder: a full disk stops every enrolment"),
  ]
}

async function nearestExisting(path: string): Promise<string> {
  const exists = await stat(path).then(
    () => true,
    () => false,
  )
  return exists || dirname(path) === path ? path : nearestExisting(dirname(path))
}
