import { open, stat } from "node:fs/promises"
import type { Result } from "../../app/base/result.ts"
import { askTool } from "../build/tools.ts"

export interface Partition {
  /** Counted from 1, as the kernel does; 0 is an image without a table, which is one file system. */
  readonly number: number
  readonly name: string
  readonly offsetBytes: number
}

/** Of a file without a table of partitions. */
const sectorBytes = 512

/** The first bytes of what is no raw image, and what makes one of it. */
const wrappings = [
  ["fd377a585a00", "packed by xz", "unxz"],
  ["28b52ffd", "packed by zstd", "unzstd"],
  ["1f8b", "packed by gzip", "gunzip"],
  ["504b0304", "a zip", "unzip"],
  ["514649fb", "a qcow2 image", "qemu-img convert -O raw"],
  ["3aff26ed", "a sparse image of Android's tools", "simg2img"],
] as const

/** Where the magic number of an ext file system lies in it, and what it is (little end first). */
const extMagic = { offsetBytes: 1080, hex: "53ef" } as const

/** The ext file systems inside a raw image, by its table of partitions. */
export async function listPartitions(image: string): Promise<Result<readonly Partition[]>> {
  const failed = (why: string) => ({ kind: "failed", why }) as const
  const found = await stat(image).catch(() => undefined)
  if (found?.isFile() !== true)
    return failed(`${image} is no file: name a raw image; it is written to a card or disk afterwards`)
  if (/[?"\n]/.test(image)) return failed(`${image}: a question mark or a quote in the name would be misread; rename the file`)
  const start = await readHex(image, 0, 8)
  for (const [magic, what, remedy] of wrappings) {
    if (start.startsWith(magic)) return failed(`${image} is ${what}, not a raw image: ${remedy} makes one of it`)
  }
  if ((await readHex(image, extMagic.offsetBytes, 2)) === extMagic.hex)
    return { kind: "ok", value: [{ number: 0, name: "", offsetBytes: 0 }] }

  const told = await askTool(["partx", "--pairs", "--output", "NR,START,NAME", image], { cwd: "/" })
  if (told.kind === "failed") return failed(`${image} has neither an ext file system nor a table of partitions: ${told.why}`)
  const all = [...told.value.matchAll(/^NR="(\d+)" START="(\d+)" NAME="(.*)"$/gm)].map(([, number, sector, name]) => ({
    number: Number(number),
    name: name!,
    offsetBytes: Number(sector) * sectorBytes,
  }))
  const ext: Partition[] = []
  for (const each of all) {
    if ((await readHex(image, each.offsetBytes + extMagic.offsetBytes, 2)) === extMagic.hex) ext.push(each)
  }
  const others = "for another file system (xfs, btrfs, LVM) mount the image and name the folder with --root"
  return ext.length > 0
    ? { kind: "ok", value: ext }
    : failed(`none of ${image}'s ${all.length} partitions holds ext4: ${others}`)
}

async function readHex(path: string, offsetBytes: number, bytes: number): Promise<string> {
  const file = await open(path, "r")
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, offsetBytes)
    return buffer.subarray(0, bytesRead).toString("hex")
  } finally {
    await file.close()
  }
}
