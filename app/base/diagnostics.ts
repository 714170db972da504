/** Looks into the running parent process, for whoever has to find out why it is slow or large. One look at a time. */
export interface Diagnostics {
  /**
   * Where the processor's time goes, sampled for `seconds`, as a `.cpuprofile` (JSON) for the developer tools of Chrome or for
   * VS Code. Ends early when `signal` says that nobody waits for it.
   */
  cpuProfile(seconds: number, signal: AbortSignal): Promise<CpuProfile>
  /**
   * Everything in the memory of JavaScript as a `.heapsnapshot` (JSON of V8's form). The whole process stands still meanwhile,
   * and takes about three times the size of the snapshot in memory for a moment.
   */
  heapSnapshot(): HeapSnapshot
}

/** Another look is under way. */
interface Busy {
  readonly kind: "busy"
}
export type CpuProfile = { readonly kind: "profile"; readonly json: string } | Busy
export type HeapSnapshot = { readonly kind: "snapshot"; readonly bytes: Uint8Array<ArrayBuffer> } | Busy

export function createDiagnostics(): Diagnostics {
  let busy = false
  return {
    async cpuProfile(seconds, signal) {
      if (busy) return { kind: "busy" }
      busy = true
      try {
        return { kind: "profile", json: await profile(seconds, signal) }
      } finally {
        busy = false
      }
    },
    heapSnapshot: () =>
      busy ? { kind: "busy" } : { kind: "snapshot", bytes: new Uint8Array(Bun.generateHeapSnapshot("v8", "arraybuffer")) },
  }
}

async function profile(seconds: number, signal: AbortSignal): Promise<string> {
  // Only here, so that a box nobody looks into never has an inspector.
  const { Session } = await import("node:inspector/promises")
  const session = new Session()
  session.connect()
  try {
    await session.post("Profiler.enable")
    await session.post("Profiler.start")
    await timeOrAbort(seconds * 1000, signal)
    const { profile } = await session.post("Profiler.stop")
    return JSON.stringify(profile)
  } finally {
    session.disconnect()
  }
}

function timeOrAbort(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((settle) => {
    if (signal.aborted) return settle()
    const timer = setTimeout(done, ms)
    signal.addEventListener("abort", done, { once: true })
    function done() {
      clearTimeout(timer)
      signal.removeEventListener("abort", done)
      settle()
    }
  })
}
