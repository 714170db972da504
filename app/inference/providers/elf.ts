import { open } from "node:fs/promises"

/** Numbers of e_machine (elf.h) with the names that people use. */
const machines: Readonly<Record<number, string>> = {
  3: "x86 (32 bits)",
  40: "ARM (32 bits)",
  62: "x86-64",
  183: "ARM64",
  243: "RISC-V",
}
const ownMachine: Readonly<Record<string, number>> = { x64: 62, arm64: 183 }

const headerBytes = 20
const magic = Buffer.from([0x7f, 0x45, 0x4c, 0x46])

/**
 * Why a file is no library for this machine's processor, by its ELF header alone, in words; `undefined` when it may be one. The
 * loader says "invalid ELF header" and leaves people to guess.
 * @param path of a file that is there
 */
export async function foreignLibrary(path: string, arch: string = process.arch): Promise<string | undefined> {
  const header = Buffer.alloc(headerBytes)
  const file = await open(path)
  const { bytesRead } = await file.read(header, 0, headerBytes, 0).finally(() => file.close())
  if (bytesRead < headerBytes || !header.subarray(0, 4).equals(magic)) return "it is no library at all"
  const machine = header.readUInt16LE(18)
  const [is64Bits, isLittleEndian] = [header[4] === 2, header[5] === 1]
  if (is64Bits && isLittleEndian && machine === ownMachine[arch]) return undefined
  const its = machines[machine] ?? `processor ${machine}`
  return `it is for ${its}, and this machine is ${machines[ownMachine[arch] ?? -1] ?? arch}`
}
