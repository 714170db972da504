import { dlopen, FFIType as type } from "bun:ffi"

/** What the kernel says of the wall clock. */
export interface KernelClock {
  readonly isSynchronised: boolean
  /** How far it may be off at most, by whoever keeps it in step. */
  readonly errorMsMax: number
}

/** `struct timex` of <sys/timex.h> has 208 bytes where `long` has 64 bits: on x86-64 and ARM64. */
const timexBytes = 208
/** The field `maxerror`, microseconds in a long. */
const maxErrorAt = 24
/** The field `status`, an int. */
const statusAt = 40
const unsynchronised = 0x40

/** Reads, and sets nothing: `modes` is 0. `undefined` where a sandbox forbids even that (seccomp of containers does). */
export function readKernelClock(): KernelClock | undefined {
  const libc = dlopen("libc.so.6", { adjtimex: { args: [type.ptr], returns: type.i32 } })
  try {
    const timex = Buffer.alloc(timexBytes)
    if (libc.symbols.adjtimex(timex) < 0) return undefined
    return {
      isSynchronised: (timex.readInt32LE(statusAt) & unsynchronised) === 0,
      errorMsMax: Number(timex.readBigInt64LE(maxErrorAt)) / 1000,
    }
  } finally {
    libc.close()
  }
}
