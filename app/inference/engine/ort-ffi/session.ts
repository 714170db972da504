import type { Pointer } from "bun:ffi"
import { join } from "node:path"
import type { Session, SessionOptions } from "../runtime.ts"
import { sessionOver } from "../session.ts"
import { type Library, logOnlyErrors } from "./library.ts"
import { cString } from "./memory.ts"
import { networkOver } from "./network.ts"
import { knowsAssignment, recordAssignment } from "./nodes.ts"
import { appendProvider } from "./providers.ts"
import type { Values } from "./values.ts"

/** ORT_ENABLE_ALL and ORT_SEQUENTIAL. */
const everyOptimisation = 99
const sequential = 0

let profiles = 0

/** Throws the library's own words when it cannot run the network or cannot have the provider. */
export function openForeignSession(library: Library, values: Values, bytes: Uint8Array, options: SessionOptions): Session {
  const profile = knowsAssignment(library) ? undefined : profilePrefix(options)
  const session = createSession(library, bytes, options, profile)
  try {
    return sessionOver(networkOver(library, values, session, profile !== undefined))
  } catch (error) {
    library.call.ReleaseSession(session)
    throw error
  }
}

function profilePrefix({ profileFolder }: SessionOptions): string | undefined {
  return profileFolder === undefined ? undefined : join(profileFolder, `gatehouse-nodes-${process.pid}-${++profiles}`)
}

function createSession(library: Library, bytes: Uint8Array, options: SessionOptions, profile: string | undefined): Pointer {
  const { call, must, take, environment } = library
  const sessionOptions = take((out) => call.CreateSessionOptions(out))
  try {
    must(call.SetSessionGraphOptimizationLevel(sessionOptions, everyOptimisation))
    must(call.SetSessionExecutionMode(sessionOptions, sequential))
    must(call.SetIntraOpNumThreads(sessionOptions, options.threads))
    must(call.SetInterOpNumThreads(sessionOptions, 1))
    // As with onnxruntime-node: a plan for each shape that was ever seen would be kept.
    must(call.DisableMemPattern(sessionOptions))
    must(call.SetSessionLogSeverityLevel(sessionOptions, logOnlyErrors))
    const spinning = options.spinning === true ? "1" : "0"
    const entries = {
      "session.intra_op.allow_spinning": spinning,
      "session.inter_op.allow_spinning": spinning,
      ...(knowsAssignment(library) && { [recordAssignment]: "1" }),
    }
    for (const [key, value] of Object.entries(entries)) {
      must(call.AddSessionConfigEntry(sessionOptions, cString(key), cString(value)))
    }
    if (profile !== undefined) must(call.EnableProfiling(sessionOptions, cString(profile)))
    if (options.provider !== undefined) appendProvider(library, sessionOptions, options.provider)
    return take((out) => call.CreateSessionFromArray(environment, bytes, bytes.length, sessionOptions, out))
  } finally {
    call.ReleaseSessionOptions(sessionOptions)
  }
}
