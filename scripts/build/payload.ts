import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import type { Embedded, EmbeddedFile } from "../../app/base/resources/embedded.ts"
import { version } from "../../app/base/version.ts"
import type { ContentFile } from "./contents.ts"
import { applyFilter } from "./filters.ts"
import type { Target } from "./targets.ts"
import { replaceFile, sha256Of } from "./tools.ts"
import { trim } from "./trim.ts"

/** Contents packed: one zstd frame for each file, one behind the other. */
export interface Packed {
  readonly embedded: Omit<Embedded, "payload">
  readonly payload: Buffer
}

/** Frames that were made once; the same bytes give the same frame, and a high level takes a minute. */
const framesKept = join(projectRoot, ".cache/build/frames")

/** @param level of zstd, 1 to 22 */
export async function packContents(target: Target, contents: readonly ContentFile[], level: number): Promise<Packed> {
  const files: EmbeddedFile[] = []
  const frames: Uint8Array[] = []
  let packedAt = 0
  for (const content of contents) {
    const bytes = trim(content, Buffer.from(await Bun.file(content.source).arrayBuffer()))
    const sha256 = sha256Of(bytes)
    const { path } = content
    const { filter, filtered } = applyFilter(path, bytes) ?? { filtered: bytes }
    const frame = await frameOf(filtered, level)
    files.push({ path, bytes: bytes.length, sha256, packedAt, packedBytes: frame.length, ...(filter && { filter }) })
    frames.push(frame)
    packedAt += frame.length
  }
  // What is unpacked names the folder, not how it was packed: another level leads to no second copy on the disk.
  const hash = sha256Of(files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join(""))
  return { embedded: { id: `${version}-${target.arch}-${hash.slice(0, 16)}`, files }, payload: Buffer.concat(frames) }
}

async function frameOf(bytes: Buffer, level: number): Promise<Uint8Array> {
  const path = join(framesKept, `${sha256Of(bytes)}-${Bun.version}-${level}.zst`)
  const kept = Bun.file(path)
  if (await kept.exists()) return await kept.bytes()
  const frame = await Bun.zstdCompress(new Uint8Array(bytes), { level })
  await replaceFile(path, frame)
  return frame
}
