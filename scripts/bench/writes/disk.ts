import { readFileSync } from "node:fs"
import { mkdtemp, open, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import type { Result } from "../../../app/base/result.ts"

/** A file system of its own whose device counts what reaches it: data, and what the file system writes for itself. */
export interface MeasuredDisk {
  readonly folder: string
  /** Bytes written to the device so far, after everything that is on its way has arrived. */
  writtenBytes(): Promise<number>
  close(): Promise<void>
}

/** Of <linux/blkdev.h>: the unit of /sys/block/…/stat, whatever the device has. */
const sectorBytes = 512
/** The field of sectors written, Documentation/block/stat.rst. */
const sectorsWrittenAt = 6

/**
 * ext4 as a board's eMMC has it, in a file on a loop device. For root alone, who may mount it.
 * @param megabytes its size; the file takes only what is written
 */
export async function openMeasuredDisk(megabytes: number): Promise<Result<MeasuredDisk>> {
  const base = await mkdtemp(join(tmpdir(), "gatehouse-disk-"))
  const [image, folder] = [join(base, "image"), join(base, "mounted")]
  const file = await open(image, "w")
  await file.truncate(megabytes * 1024 * 1024)
  await file.close()
  // What mkfs leaves for later would be written by the kernel while we measure.
  const atOnce = "lazy_itable_init=0,lazy_journal_init=0"
  const made = await Bun.$`mkfs.ext4 -q -F -E ${atOnce} ${image} && mkdir ${folder} && mount -o loop ${image} ${folder}`
    .quiet()
    .nothrow()
  const device = made.exitCode === 0 ? (await Bun.$`findmnt -n -o SOURCE ${folder}`.quiet().nothrow()).text().trim() : ""
  const close = async () => {
    if (device !== "") await Bun.$`umount ${folder}`.quiet().nothrow()
    await rm(base, { recursive: true, force: true })
  }
  if (device === "") {
    await close()
    return { kind: "failed", why: `no file system could be made and mounted (${made.stderr.toString().trim()}): run as root` }
  }
  return {
    kind: "ok",
    value: {
      folder,
      async writtenBytes() {
        await Bun.$`sync -f ${folder}`.quiet()
        const fields = readFileSync(`/sys/block/${basename(device)}/stat`, "utf8")
          .trim()
          .split(/\s+/)
        return Number(fields[sectorsWrittenAt]) * sectorBytes
      },
      close,
    },
  }
}
