/** A sleep that others may end. */
export interface Alarm {
  /** Until `ms` are over or somebody rings; at once when somebody has rung since the last sleep. */
  sleep(ms: number): Promise<void>
  ring(): void
}

export function createAlarm(): Alarm {
  let rung = Promise.withResolvers<void>()
  return {
    async sleep(ms) {
      const timer = setTimeout(rung.resolve, ms)
      await rung.promise
      clearTimeout(timer)
      rung = Promise.withResolvers()
    },
    ring: () => rung.resolve(),
  }
}
