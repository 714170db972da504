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
function partsOfRun(run: Buffer, listed: readonly ListedFile[]): Part[] {
  const named = listed.at(-1)?.endsAt === run.length ? new Map(listed.map(({ path, startsAt }) => [startsAt, path])) : undefined
  const starts = startsIn(run)
  return starts.map((at, i) => ({ name: named?.get(at) ?? `part ${i + 1}`, bytes: run.subarray(at, starts[i + 1]) }))
}

/** What zstd has packed, frames that follow one another in one run. These four bytes alone turn up in code as well. */
function unpackedRuns(program: Buffer): Buffer[] {
  const runs: Buffer[] = []
  let doneTo = 0
  for (const at of positionsOf(zstdMagic, program)) {
    if (at < doneTo) continue
    const unpacked = unpackRun(program.subarray(at))
    if (unpacked === undefined) continue
    runs.push(unpacked.buffer)
    doneTo = at + unpacked.engine.bytesWritten
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
  readonly startsAt: number
  readonly endsAt: number
}

/** The list of contents that build.ts writes into the program, once for each thread: in the order in which they are packed. */
function listedIn(program: Buffer): ListedFile[] {
  const text = program.subarray(Math.max(0, program.indexOf(compiledMark))).toString("latin1")
  const lengths = new Map<string, number>()
  for (const [, path, bytes] of text.matchAll(/path:"([^"]+)",bytes:([\d.e]+),sha256:/g)) lengths.set(path!, Number(bytes))
  let startsAt = 0
  return [...lengths].map(([path, length]) => {
    const file = { path, startsAt, endsAt: startsAt + length }
    startsAt = file.endsAt
    return file
  })
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
