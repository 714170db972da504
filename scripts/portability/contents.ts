import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { zstdDecompressSync } from "node:zlib"
import type { Result } from "../../app/base/result.ts"

/** An ELF file on the disk; `name` says where it was found. */
export interface FoundElf {
  readonly name: string
  readonly path: string
  /** Cut out of a compiled program, which tells no name. */
  readonly part: boolean
}

const elfMagic = Buffer.from("\x7fELF", "latin1")
const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
/** Bun puts it behind whatever it has compiled into itself; as code that looks for it, it is in every Bun once. */
const compiledMark = Buffer.from("\n---- Bun! ----\n")
/** Far above what any delivery of ours holds; a frame that claims more is damaged. */
const unpackedBytesMax = 2 ** 30

/**
 * Every ELF file at `path`: the file itself, all below a folder, and whatever lies inside a compiled program, compressed or not.
 * What lies inside is written into `scratch` first.
 */
export async function findElves(path: string, scratch: string): Promise<Result<readonly FoundElf[]>> {
  const found: FoundElf[] = []
  for (const file of await filesAt(path)) {
    const bytes = await readFile(file)
    if (!isElfAt(bytes, 0)) continue
    found.push({ name: file, path: file, part: false })
    if (positionsOf(compiledMark, bytes).length < 2) continue
    const inside = await writeParts(partsOf(bytes), join(scratch, Bun.hash(file).toString(16)), file)
    if (inside.length === 0)
      return {
        kind: "failed",
        why: `${file} is a compiled program in which no native library is seen: look at scripts/portability/contents.ts`,
      }
    found.push(...inside)
  }
  if (found.length === 0) return { kind: "failed", why: `there is no ELF file at ${path}` }
  return { kind: "ok", value: found }
}

async function filesAt(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path]
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return files.sort()
}

/** ELF files behind the first bytes of a compiled program: those that stand there as they are, and those in zstd frames. */
function partsOf(program: Buffer): Buffer[] {
  const frames = positionsOf(zstdMagic, program).flatMap((at) => unpacked(program.subarray(at)))
  return [program, ...frames].flatMap((bytes, i) => elvesIn(bytes, i === 0 ? 1 : 0))
}

/** Cut at each beginning: readelf minds no bytes behind the end. */
function elvesIn(bytes: Buffer, from: number): Buffer[] {
  const starts = positionsOf(elfMagic, bytes).filter((at) => at >= from && isElfAt(bytes, at))
  return starts.map((at, i) => bytes.subarray(at, starts[i + 1] ?? bytes.length))
}

/** Nothing, where these four bytes were no frame after all. */
function unpacked(bytes: Buffer): Buffer[] {
  try {
    return [zstdDecompressSync(bytes, { maxOutputLength: unpackedBytesMax })]
  } catch {
    return []
  }
}

function positionsOf(magic: Buffer, bytes: Buffer): number[] {
  const found: number[] = []
  for (let at = bytes.indexOf(magic); at >= 0; at = bytes.indexOf(magic, at + 1)) found.push(at)
  return found
}

/** A program or library of 64 bits, little-endian; four bytes alone turn up in code as well. */
function isElfAt(bytes: Buffer, at: number): boolean {
  if (bytes.length - at < 64 || !bytes.subarray(at, at + 4).equals(elfMagic)) return false
  const [width, order, version] = bytes.subarray(at + 4, at + 7)
  const type = bytes.readUInt16LE(at + 16)
  return width === 2 && order === 1 && version === 1 && (type === 2 || type === 3) && bytes.readUInt16LE(at + 52) === 64
}

async function writeParts(parts: readonly Buffer[], folder: string, program: string): Promise<FoundElf[]> {
  await mkdir(folder, { recursive: true })
  const found = parts.map((_, i) => ({ name: `${program}, part ${i + 1}`, path: join(folder, `${i + 1}.elf`), part: true }))
  for (const [i, bytes] of parts.entries()) await writeFile(found[i]!.path, bytes)
  return found
}
