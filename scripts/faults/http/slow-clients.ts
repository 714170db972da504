import type { Socket } from "node:net"
import { nowTickMs } from "../../../app/base/ticks.ts"
import type { Target } from "../../bench/support/client.ts"
import { openSocket } from "../support/raw.ts"

/** A way to hold a connection at little cost: what is sent at once, and what each second after that. */
interface SlowWay {
  readonly name: string
  readonly first: (target: Target) => string
  readonly drip?: (second: number) => string
  /** Ends its own half at once. */
  readonly halfClosed?: boolean
  /** Takes nothing of what the box sends. */
  readonly neverReads?: boolean
}

const post = ({ key }: Target, headers: string) =>
  `POST /v1/recognize HTTP/1.1\r\nhost: x\r\nx-api-key: ${key}\r\ncontent-type: image/jpeg\r\n${headers}\r\n\r\n`
const ask = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"

/** So many answers of 75 kB do not fit into the buffers on the way (3 MB measured on one machine). */
const unreadAnswers = 80

/** From one connection to the next: all at once would be a burst of requests, which is another question. */
const apartMs = 5

export const slowWays: readonly SlowWay[] = [
  { name: "says nothing", first: () => "" },
  { name: "half a head", first: () => "GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: " },
  { name: "a head, byte by byte", first: () => "GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ", drip: () => "a" },
  { name: "a head, line by line", first: () => "GET /healthz HTTP/1.1\r\nhost: x\r\n", drip: (second) => `x-${second}: a\r\n` },
  { name: "a second head, byte by byte", first: () => `${ask}GET /healthz HTTP/1.1\r\nx-a: `, drip: () => "a" },
  { name: "half a body", first: (target) => `${post(target, "content-length: 1000")}half` },
  { name: "a body, byte by byte", first: (target) => post(target, "content-length: 100000"), drip: () => "a" },
  {
    name: "a body in chunks of one byte",
    first: (target) => post(target, "transfer-encoding: chunked"),
    drip: () => "1\r\na\r\n",
  },
  { name: "a chunk size without end", first: (target) => `${post(target, "transfer-encoding: chunked")}1;`, drip: () => "a" },
  {
    name: "a refused body, byte by byte",
    first: () => "POST /v1/recognize HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n",
    drip: () => "a",
  },
  { name: "half open", first: () => ask, halfClosed: true },
  {
    name: "never reads",
    first: () => "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(unreadAnswers),
    neverReads: true,
  },
]

export interface SlowEnd {
  readonly way: string
  /** When the box had closed the connection, from its opening; `undefined`: it was still open after `watchedMs`. */
  readonly closedAfterMs: number | undefined
}

/**
 * Opens `count` connections that are slow in all ways by turns, and says of each when the box closed it. What was sent to one
 * that never reads shows only when it does: it is given a second for that after `watchedMs`.
 */
export async function openSlowClients(target: Target, count: number, watchedMs: number): Promise<SlowEnd[]> {
  const clients: Promise<SlowEnd>[] = []
  for (let index = 0; index < count; index++) {
    clients.push(beSlow(target, slowWays[index % slowWays.length]!, watchedMs))
    await Bun.sleep(apartMs)
  }
  return await Promise.all(clients)
}

function beSlow(target: Target, way: SlowWay, watchedMs: number): Promise<SlowEnd> {
  return new Promise((settle) => {
    const startTickMs = nowTickMs()
    let over = false
    let seconds = 0
    const end = (closedAfterMs: number | undefined) => {
      if (over) return
      over = true
      clearInterval(dripping)
      clearTimeout(watching)
      socket.destroy()
      settle({ way: way.name, closedAfterMs })
    }
    const socket: Socket = openSocket(target.url, () => {
      socket.write(way.first(target))
      if (way.neverReads === true) socket.pause()
      if (way.halfClosed === true) socket.end()
    })
    const dripping = setInterval(() => {
      const drop = way.drip?.(seconds++)
      if (drop !== undefined) socket.write(drop)
    }, 1000)
    const watching = setTimeout(() => {
      if (way.neverReads !== true) return end(undefined)
      socket.resume()
      setTimeout(() => end(undefined), 1000)
    }, watchedMs)
    socket.on("data", () => {})
    for (const event of ["end", "close", "error"]) socket.on(event, () => end(Math.min(watchedMs, nowTickMs() - startTickMs)))
  })
}
