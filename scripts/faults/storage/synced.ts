import type { Traced } from "./strace.ts"

export interface SyncedAnswers {
  /** Requests that wrote and were answered with 2xx. */
  readonly answered: number
  /** What was answered before the disk had it: the first line of each such request. */
  readonly early: readonly string[]
}

/**
 * Promise R3, held against a trace of a box that was asked one thing at a time: between the last write to the write-ahead log
 * that a request caused and its answer, the log was synced, and the call really happened and went well.
 * @param writes methods whose 2xx acknowledge a write
 */
export function checkSynced(trace: readonly Traced[], writes: readonly string[] = ["POST", "PATCH", "DELETE"]): SyncedAnswers {
  let asking: string | undefined
  let unsyncedWrites = 0
  let wroteLog = false
  let answered = 0
  const early: string[] = []
  for (const { call, args, result, injected } of trace) {
    if (call === "recvfrom" || call === "read") {
      const request = /"((?:GET|POST|PATCH|DELETE|PUT) [^ "]+)/.exec(args)?.[1]
      if (request === undefined) continue
      asking = writes.includes(request.split(" ")[0] ?? "") ? request : undefined
      wroteLog = false
      unsyncedWrites = 0
    } else if (call === "pwrite64" && /-wal>/.test(args)) {
      wroteLog = true
      unsyncedWrites++
    } else if ((call === "fsync" || call === "fdatasync") && /-wal>/.test(args)) {
      if (result === "0" && !injected) unsyncedWrites = 0
    } else if (asking !== undefined && /"HTTP\/1\.1 2\d\d/.test(args)) {
      answered++
      if (!wroteLog || unsyncedWrites > 0) early.push(asking)
      asking = undefined
    }
  }
  return { answered, early }
}
