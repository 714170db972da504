/** Cuts what comes in pieces of any length into pieces of a wanted one. Holds one of them and what came with it. */
export function createReader(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
  const pieces = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  let waiting: Uint8Array[] = []
  let length = 0
  let ended = false

  return {
    /** Fewer bytes only at the end; `last` when nothing follows them. */
    async take(bytes: number): Promise<{ readonly bytes: Uint8Array; readonly last: boolean }> {
      // One byte more tells whether this is the end.
      while (!ended && length <= bytes) {
        const next = await pieces.next()
        ended = next.done === true
        if (next.done) break
        waiting.push(next.value)
        length += next.value.length
      }
      const all = Buffer.concat(waiting)
      const rest = all.subarray(bytes)
      waiting = rest.length === 0 ? [] : [rest]
      length = rest.length
      return { bytes: all.subarray(0, bytes), last: ended && length === 0 }
    },

    /** Lets the source close what it holds open. */
    async [Symbol.asyncDispose](): Promise<void> {
      if (!ended) await pieces.return?.()
    },
  }
}
