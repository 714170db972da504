import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { zstdDecompressSync } from "node:zlib"
import { z } from "zod"
import type { Result } from "../../app/base/result.ts"

/** An ELF file on the disk; `name` says where it was found. */
export interface FoundElf {
  readonly name: string
  readonly path: string
}

const elfMagic = Buffer.from("\x7fELF", "latin1")
const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
/** Bun puts it behind whatever it has compiled into itself; as code that looks for it, it is in every Bun once. */
const compiledMark = Buffer.from("\n---- Bun! ----\n")

/** Frames that follow one another, packed and unpacked. */
interface Run {
  readonly packed: Buffer
  readonly unpacked: Buffer
}

interface Part {
  readonly name: string
  readonly bytes: Buffer
}

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
    found.push({ name: file, path: file })
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
function partsOf(program: Buffer): Part[] {
  const listed = listedIn(program)
  const plain = startsIn(program).filter((at) => at > 0)
  const parts = plain.map((at, i) => ({ name: `at byte ${at}`, bytes: program.subarray(at, plain[i + 1]) }))
  return [...parts, ...unpackedRuns(program).flatMap((run) => partsOfRun(run, listed))]
}

/** Cut at each beginning: readelf minds no bytes behind the end. */
function partsOfRun({ packed, unpacked }: Run, listed: readonly ListedFile[]): Part[] {
  const names = namesIn(packed, listed)
  const starts = startsIn(unpacked)
  return starts.map((at, i) => ({ name: names.get(at) ?? `part ${i + 1}`, bytes: unpacked.subarray(at, starts[i + 1]) }))
}

/** Where each listed file begins in a run, if the list is the list of this run. Whatever it says, no file goes unseen. */
function namesIn(packed: Buffer, listed: readonly ListedFile[]): ReadonlyMap<number, string> {
  const last = listed.at(-1)
  if (last === undefined || last.packedAt + last.packedBytes !== packed.length) return new Map()
  let startsAt = 0
  const named = listed.map(({ path, packedAt, packedBytes }): [number, string] => {
    const at = startsAt
    // Not the length of the file: what was rewritten before it was packed may have another one.
    startsAt += zstdDecompressSync(packed.subarray(packedAt, packedAt + packedBytes)).length
    return [at, path]
  })
  return new Map(named)
}

/** What zstd has packed, frames that follow one another in one run. These four bytes alone turn up in code as well. */
function unpackedRuns(program: Buffer): Run[] {
  const runs: Run[] = []
  let doneTo = 0
  for (const at of positionsOf(zstdMagic, program)) {
    if (at < doneTo) continue
    const unpacked = unpackRun(program.subarray(at))
    if (unpacked === undefined) continue
    doneTo = at + unpacked.engine.bytesWritten
    runs.push({ packed: program.subarray(at, doneTo), unpacked: unpacked.buffer })
  }
  return runs
}

/** With `info` the answer also tells how many bytes were taken, of which the types do not know. */
const unpackedWithInfo = z.object({ buffer: z.instanceof(Buffer), engine: z.object({ bytesWritten: z.int().positive() }) })

function unpackRun(bytes: Buffer): z.output<typeof unpackedWithInfo> | undefined {
  let unpacked: unknown
  try {
    unpacked = zstdDecompressSync(bytes, { maxOutputLength: unpackedBytesMax, info: true })
  } catch {
    return undefined
  }
  return unpackedWithInfo.parse(unpacked)
}

interface ListedFile {
  readonly path: string
  readonly packedAt: number
  readonly packedBytes: number
}

/** The list of contents that build.ts writes into the program, once for each thread: in the order in which they are packed. */
function listedIn(program: Buffer): ListedFile[] {
  const text = program.subarray(Math.max(0, program.indexOf(compiledMark))).toString("latin1")
  const files = new Map<string, ListedFile>()
  for (const [, path, at, bytes] of text.matchAll(/path:"([^"]+)",[^{}]*?packedAt:([\d.e]+),packedBytes:([\d.e]+)/g))
    files.set(path!, { path: path!, packedAt: Number(at), packedBytes: Number(bytes) })
  return [...files.values()]
}

function startsIn(bytes: Buffer): number[] {
  return positionsOf(elfMagic, bytes).filter((at) => isElfAt(bytes, at))
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

async function writeParts(parts: readonly Part[], folder: string, program: string): Promise<FoundElf[]> {
  await mkdir(folder, { recursive: true })
  const found = parts.map(({ name }, i) => ({ name: `${program} › ${name}`, path: join(folder, `${i + 1}.elf`) }))
  for (const [i, { bytes }] of parts.entries()) await writeFile(found[i]!.path, bytes)
  return found
}
