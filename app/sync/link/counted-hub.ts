import type { Read, Stream, Unreachable, Written } from "../hub.ts"
import type { LinkHub, News } from "./hub.ts"

/** What is known of the way between a box and the hub, by what went over it. */
export interface Traffic {
  /** What the hub has beyond what was read, by the last answers. */
  left(stream: Stream): number
  /** Whether it tells of something that this box did not write itself. */
  isForeign(news: News): boolean
}

/** So many of its own writes are remembered, until the hub tells of them. */
const writesKept = 4096

/**
 * The hub, with every byte counted and paced.
 * @param pace resolves when so many more bytes may go
 */
export function countedHub(
  hub: LinkHub,
  pace: (bytes: number) => Promise<void>,
): { readonly hub: LinkHub; readonly traffic: Traffic } {
  const left = new Map<Stream, number>()
  const written = new Set<string>()

  function remember(stream: Stream, sequence: number): void {
    written.add(`${stream} ${sequence}`)
    const [oldest] = written
    if (written.size > writesKept && oldest !== undefined) written.delete(oldest)
  }

  const counted = (over: LinkHub, isApart: boolean): LinkHub => ({
    ...over,
    async read(stream, after, limit): Promise<Read | Unreachable> {
      const read = await over.read(stream, after, limit)
      if (read.kind === "unreachable") return read
      if (!isApart) left.set(stream, read.isEnd ? 0 : (read.left ?? 1))
      await pace(bytesOf(read))
      return read
    },
    async write(stream, key, bytes, expected): Promise<Written | Unreachable> {
      await pace(bytes.length)
      const answer = await over.write(stream, key, bytes, expected)
      if (answer.kind === "written") remember(stream, answer.sequence)
      return answer
    },
    apart: () => counted(over.apart(), true),
  })

  return {
    hub: counted(hub, false),
    traffic: {
      left: (stream) => left.get(stream) ?? 0,
      isForeign: ({ stream, sequence }) => !written.delete(`${stream} ${sequence}`),
    },
  }
}

function bytesOf({ entries }: Read): number {
  return entries.reduce((sum, entry) => sum + (entry.kind === "record" ? entry.record.bytes.length : 0), 0)
}
