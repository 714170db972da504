import { dlopen, FFIType as type } from "bun:ffi"
import type { Result } from "../result.ts"

/** From <sys/socket.h> of Linux, the same on x86-64 and ARM64. */
const unixFamily = 1
const datagram = 2
const closeOnExec = 0o2000000
const withoutWaiting = 0x40
const withoutSignal = 0x4000

/** `sun_path` of <sys/un.h>. */
const pathBytesMax = 108

const functions = {
  socket: { args: [type.i32, type.i32, type.i32], returns: type.i32 },
  sendto: { args: [type.i32, type.ptr, type.u64, type.i32, type.ptr, type.u32], returns: type.i64 },
  close: { args: [type.i32], returns: type.i32 },
} as const

/** A way for short texts to one receiver on this machine. */
export interface Datagrams {
  /** At once; `false` when nobody took it: the receiver is gone, or its queue is full. */
  send(text: string): boolean
  close(): void
}

/**
 * Datagrams to a Unix socket, for which Bun has no function of its own: libc's are called.
 * @param address a path, or `@name` for Linux's abstract addresses
 */
export function openDatagrams(address: string): Result<Datagrams> {
  const to = unixAddress(address)
  if (to.kind === "failed") return to
  const { socket, sendto, close } = dlopen("libc.so.6", functions).symbols
  const handle = socket(unixFamily, datagram | closeOnExec, 0)
  if (handle < 0) return { kind: "failed", why: "the kernel gave no socket: too many files are open, or a sandbox forbids it" }
  return {
    kind: "ok",
    value: {
      send: (text) => {
        const bytes = Buffer.from(text)
        const sent = sendto(handle, bytes, bytes.length, withoutWaiting | withoutSignal, to.value, to.value.length)
        return Number(sent) === bytes.length
      },
      close: () => void close(handle),
    },
  }
}

/** `struct sockaddr_un`: the family in two bytes, then the path with a zero byte behind it, or before it where it is abstract. */
export function unixAddress(address: string): Result<Buffer> {
  const isAbstract = address.startsWith("@")
  if (!isAbstract && !address.startsWith("/"))
    return { kind: "failed", why: `${address} is no Unix socket: it begins with neither / nor @` }
  const path = Buffer.from(isAbstract ? `\0${address.slice(1)}` : `${address}\0`)
  if (path.length > pathBytesMax)
    return { kind: "failed", why: `${address} is longer than the ${pathBytesMax} bytes a Unix socket's address has` }
  const family = Buffer.alloc(2)
  family.writeUInt16LE(unixFamily)
  return { kind: "ok", value: Buffer.concat([family, path]) }
}
