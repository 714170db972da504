import { connect, type Socket } from "node:net"
import { nowTickMs } from "../../../app/base/ticks.ts"

/** What came back over a connection of its own. */
export interface RawAnswer {
  readonly text: string
  /** Status numbers of all answers in it, in order. */
  readonly statuses: readonly number[]
  /** Whether the other end closed it within the time waited. */
  readonly closed: boolean
  readonly tookMs: number
}

/** Sends bytes as they are and takes what comes until the other end closes, or `waitMs` have passed. */
export function sendRaw(url: string, bytes: string | Uint8Array, waitMs = 1000): Promise<RawAnswer> {
  return new Promise((settle) => {
    const startTickMs = nowTickMs()
    let text = ""
    let over = false
    const end = (closed: boolean) => {
      if (over) return
      over = true
      clearTimeout(timer)
      socket.destroy()
      settle({ text, statuses: statusesIn(text), closed, tookMs: nowTickMs() - startTickMs })
    }
    const timer = setTimeout(() => end(false), waitMs)
    const socket = openSocket(url, () => socket.write(bytes))
    socket.on("data", (data: Buffer) => {
      text += data.toString("latin1")
    })
    for (const event of ["end", "close", "error"]) socket.on(event, () => end(true))
  })
}

/** A bare TCP connection to a server. */
export function openSocket(url: string, opened: () => void): Socket {
  const { hostname, port } = new URL(url)
  return connect({ host: hostname, port: Number(port), allowHalfOpen: true }, opened)
}

function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
}
