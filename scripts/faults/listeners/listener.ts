import { createConnection } from "node:net"

/** What became of one listener of the stream. */
export interface Told {
  readonly sightings: number
  readonly firstId: number
  readonly lastId: number
  /** Numbers that were neither told nor said to be lost. */
  readonly missing: number
  readonly lost: number
  readonly bytes: number
  /** The box closed the connection. */
  readonly closed: boolean
}

export interface StreamListener {
  told(): Told
  pause(): void
  resume(): void
  end(): void
}

const event = /^(?:id: (\d+)\n)?event: (\w+)\ndata: (.*)$/

/**
 * Listens over a socket of its own, so that reading can stop for as long as one likes.
 * @param bytesPerSecond reads no faster than this
 */
export function listen(
  url: string,
  key: string,
  bytesPerSecond = Number.POSITIVE_INFINITY,
  lastEventId?: number,
): StreamListener {
  const { hostname, port } = new URL(url)
  const socket = createConnection(Number(port), hostname)
  const resumeFrom = lastEventId === undefined ? "" : `last-event-id: ${lastEventId}\r\n`
  socket.write(`GET /v1/sightings/stream HTTP/1.1\r\nhost: ${hostname}\r\nx-api-key: ${key}\r\n${resumeFrom}\r\n`)
  let rest = ""
  let told: Told = { sightings: 0, firstId: 0, lastId: 0, missing: 0, lost: 0, bytes: 0, closed: false }
  let resting: Timer | undefined
  let ended = false

  socket.on("data", (chunk) => {
    told = { ...told, bytes: told.bytes + chunk.length }
    // Frames of chunked encoding stand on lines of their own between the events, and are no events.
    const blocks = (rest + chunk.toString()).replaceAll("\r\n", "\n").split("\n\n")
    rest = blocks.pop() ?? ""
    for (const block of blocks) read(block)
    if (bytesPerSecond === Number.POSITIVE_INFINITY) return
    socket.pause()
    resting = setTimeout(() => socket.resume(), (chunk.length / bytesPerSecond) * 1000)
  })
  socket.on("close", () => {
    if (!ended) told = { ...told, closed: true }
  })
  socket.on("error", () => undefined) // "close" follows.

  function read(block: string) {
    const [, id, name, data] = event.exec(block.slice(Math.max(0, block.search(/^(?:id: \d+\n)?event: /m)))) ?? []
    if (name === "lost") {
      told = { ...told, lost: told.lost + ((JSON.parse(data ?? "{}") as { count?: number }).count ?? 0) }
    } else if (name === "sighting") {
      const number = Number(id)
      const firstId = told.sightings === 0 ? number : told.firstId
      told = { ...told, sightings: told.sightings + 1, firstId, lastId: number }
    }
    const due = told.lastId - told.firstId + 1
    told = { ...told, missing: told.sightings === 0 ? 0 : Math.max(0, due - told.sightings - told.lost) }
  }

  return {
    told: () => told,
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end() {
      ended = true
      clearTimeout(resting)
      socket.destroy()
    },
  }
}
