import { createReadStream } from "node:fs"
import { type FileHandle, open, readdir, readFile, rename, rm, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { syncFolder } from "../../base/replace-file.ts"
import type { Result } from "../../base/result.ts"
import { type Confirmed, type ConfirmNeeds, confirm } from "./confirm.ts"
import { diskErrorOf } from "./disk-error.ts"
import type { BundleHeader } from "./format.ts"
import type { BundleSource } from "./read.ts"
import { type BundleReceipt, parseReceipt, receiptBytesMax, receiptEnding } from "./receipt.ts"
import { type BundleWriteNeeds, beginBundle } from "./write.ts"

/** Bundles as files in a folder, a stick's for instance, and the receipts that lie beside them. */

export const bundleEnding = ".bundle"
const draftEnding = ".draft"
/** So many receipts are looked at: one for each box of a site and then some. */
const receiptsMax = 1000

export type ExportedBundle =
  | {
      readonly kind: "exported"
      readonly file: string
      readonly header: BundleHeader
      readonly records: number
      readonly bytes: number
      readonly receipts: readonly ReadReceipt[]
    }
  | { readonly kind: "stopped"; readonly why: string }
  | { readonly kind: "failed"; readonly why: string }

export type ReadReceipt = { readonly file: string } & Confirmed

/**
 * Takes the receipts that lie in the folder, and writes a bundle there. It gets its name when all of it is on the disk: whatever is cut
 * off before leaves a draft, which nobody takes for a bundle and the next export removes.
 * @param receiver as `beginBundle`
 */
export async function exportToFolder(
  needs: BundleWriteNeeds,
  folder: string,
  receiver: string | undefined,
): Promise<ExportedBundle> {
  return orFailed(`${folder} cannot be written`, async () => {
    const receipts = await takeReceipts({ box: needs.box, site: needs.site, keys: needs.keys }, folder)
    const begun = beginBundle(needs, receiver)
    if (begun.kind === "stopped") return begun
    const { header, bytes } = begun
    await removeDrafts(folder, needs)
    const file = join(folder, nameOf(needs, header))
    const draft = `${file}${draftEnding}`
    const written = await writeDraft(draft, bytes)
    await rename(draft, file)
    await syncFolder(folder)
    return { kind: "exported", file, header, ...written, receipts }
  })
}

/**
 * Without the change of a file's mode and owner that `replaceFile` makes: sticks know neither.
 * @returns what the generator returned, with how many bytes there were
 */
async function writeDraft<Out>(path: string, pieces: Generator<Uint8Array, Out>): Promise<Out & { readonly bytes: number }> {
  await using draft = await open(path, "wx", 0o600)
  let bytes = 0
  for (;;) {
    const next = pieces.next()
    if (next.done === true) {
      await draft.sync()
      return { ...next.value, bytes }
    }
    await writeWhole(draft, next.value)
    bytes += next.value.length
  }
}

/** A stick that is nearly full takes a part of what it is given, and says no only the next time. */
async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten
}

/** `gate-gate-1-000000004711-1a2b3c4d.bundle`: of one box the greater number is the later one of a box. */
function nameOf(needs: Pick<BundleWriteNeeds, "site" | "boxName">, { through, id }: BundleHeader): string {
  return `${prefixOf(needs)}${String(through).padStart(12, "0")}-${id.slice(0, 8)}${bundleEnding}`
}

const prefixOf = ({ site, boxName }: Pick<BundleWriteNeeds, "site" | "boxName">) =>
  `${[site.name, boxName].map((name) => name.replaceAll(/[^A-Za-z0-9-]+/g, "-")).join("-")}-`

/** What follows the prefix: another box's name may begin as this one's. */
const draftTail = /^\d{12,16}-[0-9a-f]{8}\.bundle\.draft$/

/** Of exports of this box that did not come to their end. */
async function removeDrafts(folder: string, needs: BundleWriteNeeds): Promise<void> {
  const prefix = prefixOf(needs)
  for (const name of await readdir(folder))
    if (name.startsWith(prefix) && draftTail.test(name.slice(prefix.length))) await rm(join(folder, name), { force: true })
}

/**
 * Reads the receipts in a folder. Of each receiver the last one counts; those that were taken are removed, so that no old one counts
 * when the stick comes back. What is not for this box stays.
 */
export async function takeReceipts(needs: ConfirmNeeds, folder: string): Promise<readonly ReadReceipt[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(receiptEnding)).sort()
  const found: { readonly file: string; readonly receipt: BundleReceipt }[] = []
  for (const name of names.slice(0, receiptsMax)) {
    const file = join(folder, name)
    if ((await stat(file)).size > receiptBytesMax) continue
    const receipt = parseReceipt(await readFile(file, "utf8"))
    if (receipt !== undefined) found.push({ file, receipt })
  }
  const read = found
    .toSorted((a, b) => a.receipt.body.importedAtMs - b.receipt.body.importedAtMs)
    .map(({ file, receipt }): ReadReceipt => ({ file, ...confirm(needs, receipt) }))
  for (const { kind, file } of read) if (kind === "confirmed") await rm(file, { force: true })
  return read
}

/** Beside the bundle, whole or not at all. */
export async function writeReceipt(bundle: string, receipt: BundleReceipt): Promise<Result<string>> {
  const file = `${bundle}${receiptEnding}`
  return orFailed(`the receipt ${file} cannot be written`, async () => {
    const draft = `${file}${draftEnding}`
    await rm(draft, { force: true })
    await using opened = await open(draft, "wx", 0o600)
    await writeWhole(opened, new TextEncoder().encode(`${JSON.stringify(receipt, undefined, 2)}\n`))
    await opened.sync()
    await rename(draft, file)
    await syncFolder(dirname(file))
    return { kind: "ok", value: file }
  })
}

/** A bundle in a file, piece by piece, opened when it is asked for first. Its errors are the reader's (read.ts). */
export async function* readBundleFile(path: string): BundleSource {
  yield* createReadStream(path, { highWaterMark: pieceBytes })
}

const pieceBytes = 256 * 1024

/** What the disk says no to, as a value; anything else that is thrown is a bug. */
async function orFailed<Out>(
  what: string,
  work: () => Promise<Out>,
): Promise<Out | { readonly kind: "failed"; readonly why: string }> {
  try {
    return await work()
  } catch (error) {
    const code = diskErrorOf(error)
    if (code === undefined) throw error
    return { kind: "failed", why: `${what} (${code}): ${remedies[code] ?? String(error)}` }
  }
}

const remedies: Readonly<Record<string, string>> = {
  ENOENT: "there is no such folder; is the stick mounted there?",
  ENOTDIR: "it is no folder; name the folder that the bundle is to be written to",
  ENOSPC: "it is full; remove older bundles from it, or take a larger stick",
  EFBIG: "its file system takes no file so large (FAT32: 4 GiB); format the stick with exFAT or ext4",
  EROFS: "it is mounted for reading alone; mount it for writing, or turn the stick's switch",
  EACCES: "this user may not write there; run it as one who may",
  EPERM: "this user may not write there; run it as one who may",
  EIO: "the stick does not answer any more; plug it in again and repeat this: a new export begins anew by itself",
  ENODEV: "the stick is gone; plug it in again and repeat this: a new export begins anew by itself",
}
