import { dlopen, FFIType as type } from "bun:ffi"
import { unixAddress } from "../../app/base/service/datagrams.ts"

const { bind, close, recv, socket } = dlopen("libc.so.6", {
  socket: { args: [type.i32, type.i32, type.i32], returns: type.i32 },
  bind: { args: [type.i32, type.ptr, type.u32], returns: type.i32 },
  recv: { args: [type.i32, type.ptr, type.u64, type.i32], returns: type.i64 },
  close: { args: [type.i32], returns: type.i32 },
}).symbols

const unixFamily = 1
const datagram = 2
const withoutWaiting = 0x40

/** In place of systemd: hears what a service says of itself by sd_notify(3). */
export interface NotifyListener extends Disposable {
  readonly address: string
  /** Each message with the time at which it was found, in milliseconds of `performance.now()`. */
  readonly heard: readonly { readonly text: string; readonly atTickMs: number }[]
  /** How often a line was said. */
  count(line: string): number
  /** Until a line is said once more than `before` times; throws when that takes longer than `waitMs`. */
  until(line: string, before?: number, waitMs?: number): Promise<void>
}

const lookEveryMs = 20

/** @param address a path at which nothing is yet, or `@name` */
export function openNotifyListener(address: string): NotifyListener {
  const to = unixAddress(address)
  if (to.kind === "failed") throw new Error(to.why)
  const handle = socket(unixFamily, datagram, 0)
  if (handle < 0 || bind(handle, to.value, to.value.length) !== 0) throw new Error(`cannot listen at ${address}`)
  const heard: { text: string; atTickMs: number }[] = []
  const buffer = Buffer.alloc(4096)
  const look = () => {
    for (;;) {
      const length = Number(recv(handle, buffer, buffer.length, withoutWaiting))
      if (length < 0) return
      heard.push({ text: buffer.toString("utf8", 0, length), atTickMs: performance.now() })
    }
  }
  const timer = setInterval(look, lookEveryMs)
  const count = (line: string) => {
    look()
    return heard.filter(({ text }) => text.split("\n").includes(line)).length
  }
  return {
    address,
    heard,
    count,
    until: async (line, before = 0, waitMs = 30_000) => {
      const giveUpTickMs = performance.now() + waitMs
      while (count(line) <= before) {
        if (performance.now() > giveUpTickMs)
          throw new Error(`${line} was not said within ${waitMs} ms; heard: ${heard.map(({ text }) => text).join(" | ")}`)
        await Bun.sleep(lookEveryMs)
      }
    },
    [Symbol.dispose]: () => {
      clearInterval(timer)
      close(handle)
    },
  }
}
