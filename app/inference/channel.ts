import type { Socket } from "bun"
import { createDecoder, encodeHead, type FromEngine, type ToEngine } from "./wire.ts"

/** One end of the socket between parent and engine. */
export interface Channel<Outgoing> {
  /** Queued in order; the body must stay as it is until it has left. */
  send(header: Outgoing, body?: Uint8Array): void
  close(): void
}

export interface ChannelEnds<Incoming, Outgoing> {
  opened(channel: Channel<Outgoing>): void
  received(header: Incoming, body: Uint8Array): void
  /** Once, when the other end is gone or sent what is not ours. */
  closed(why: string): void
}

/** Vectors of a few faces; to copy more, a picture, costs as much as the other end's second waking. */
const joinedBytesMax = 65_536

/**
 * Socket handlers that speak the wire of `wire.ts`. Bun's sockets take only what the kernel buffer holds, so the rest waits here
 * for `drain`. What waits is bounded by the protocol: one picture down, one answer up.
 */
export function channelHandlers<Incoming extends ToEngine | FromEngine, Outgoing extends ToEngine | FromEngine>(
  read: (header: unknown) => Incoming,
  ends: ChannelEnds<Incoming, Outgoing>,
) {
  let unsent: Uint8Array[] = []
  let ended = false
  const decoder = createDecoder(read, ends.received)

  function end(why: string) {
    if (ended) return
    ended = true
    unsent = []
    ends.closed(why)
  }

  function flush(socket: Socket) {
    for (let part = unsent[0]; part !== undefined; part = unsent[0]) {
      const written = socket.write(part)
      if (written < part.length) {
        unsent[0] = part.subarray(Math.max(0, written))
        return
      }
      unsent.shift()
    }
  }

  return {
    binaryType: "uint8array" as const,
    open(socket: Socket) {
      ends.opened({
        send(header, body) {
          if (ended) return
          const idle = unsent.length === 0
          const head = encodeHead(header, body?.length ?? 0)
          if (body === undefined || body.length === 0) unsent.push(head)
          // In two pieces the other end wakes for the first and once more for the second.
          else if (body.length <= joinedBytesMax) unsent.push(Buffer.concat([head, body]))
          else unsent.push(head, body)
          if (idle) flush(socket)
        },
        close: () => socket.end(),
      })
    },
    data(socket: Socket, chunk: Uint8Array) {
      try {
        decoder.push(chunk)
      } catch (error) {
        // A stream that is not ours cannot be picked up again in the middle.
        end(`broken stream: ${error instanceof Error ? error.message : String(error)}`)
        socket.end()
      }
    },
    drain: flush,
    close: () => end("the other end closed the socket"),
    error: (_socket: Socket, error: Error) => end(error.message),
  }
}
