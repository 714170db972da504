/** Somebody who waits for a time, and whoever has something for him before it is over. */
export interface Alarm {
  /** Ends the wait; the next one at once when nobody waits now. */
  ring(): void
  /** Resolves after so many milliseconds, or when it rings. One waits at a time. */
  wait(ms: number): Promise<void>
}

/** Resolves after so many milliseconds, or when the signal says that there is nothing to wait for any more. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || ms <= 0) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const wake = () => resolve()
  signal.addEventListener("abort", wake, { once: true })
  await promise
  clearTimeout(timer)
  signal.removeEventListener("abort", wake)
}

export function createAlarm(): Alarm {
  let rang = false
  let wake: (() => void) | undefined

  return {
    ring() {
      rang = true
      wake?.()
    },
    async wait(ms) {
      if (!rang && ms > 0) {
        const { promise, resolve } = Promise.withResolvers<void>()
        const timer = setTimeout(resolve, ms)
        wake = resolve
        await promise
        clearTimeout(timer)
        wake = undefined
      }
      rang = false
    },
  }
}
