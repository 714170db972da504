import type { Target } from "../build/targets.ts"

/** `e_machine` of the ELF specification. */
const machines: Readonly<Record<number, Target["arch"]>> = { 62: "x64", 183: "arm64" }

/** The processor family a program or library is for, by its ELF header: 64 bits, low byte first. */
export function elfMachine(bytes: Uint8Array): Target["arch"] | undefined {
  const header = new DataView(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 64))
  if (header.byteLength < 64 || header.getUint32(0) !== 0x7f454c46 || header.getUint16(4) !== 0x0201) return undefined
  return machines[header.getUint16(18, true)]
}
