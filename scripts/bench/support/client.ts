import { z } from "zod"
import { nowTickMs } from "../../../app/base/ticks.ts"

/** Where requests go. */
export interface Target {
  readonly url: string
  readonly key: string
}

/** One request, ready to be sent. */
export interface Asked {
  readonly path: string
  readonly body: Uint8Array<ArrayBuffer> | string
  readonly contentType: string
}

export interface Answered {
  /** `200`, `200 degraded`, `503 overloaded`, `timeout`, `connection`: everything that is counted apart. */
  readonly status: string
  /** A 2xx with all or less of what was asked. */
  readonly accepted: boolean
  /** From the call until the last byte of the answer. */
  readonly tookMs: number
  readonly text: string
}

/** Longer than any deadline a caller may set. */
const timeoutMsDefault = 65_000

const errorBody = z.object({ error: z.object({ code: z.string() }) })

/** Sends one request and reads the whole answer; a lost connection is an answer like any other. */
export async function ask(
  target: Target,
  { path, body, contentType }: Asked,
  deadlineMs?: number,
  timeoutMs = timeoutMsDefault,
): Promise<Answered> {
  const startTickMs = nowTickMs()
  const headers: Record<string, string> = { "x-api-key": target.key, "content-type": contentType }
  if (deadlineMs !== undefined) headers["x-deadline-ms"] = String(deadlineMs)
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const response = await fetch(`${target.url}${path}`, { method: "POST", headers, body, signal })
    const text = await response.text()
    const tookMs = nowTickMs() - startTickMs
    return { status: statusOf(response, text), accepted: response.ok, tookMs, text }
  } catch (error) {
    const status = error instanceof Error && error.name === "TimeoutError" ? "timeout" : "connection"
    return { status, accepted: false, tookMs: nowTickMs() - startTickMs, text: "" }
  }
}

function statusOf(response: Response, text: string): string {
  // Searched for, not parsed: the sender must have time for the next request.
  if (response.ok) return /"degraded":\["/.test(text) ? `${response.status} degraded` : String(response.status)
  const parsed = errorBody.safeParse(tryJson(text))
  return parsed.success ? `${response.status} ${parsed.data.error.code}` : String(response.status)
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // A proxy's page, or half an answer: the number alone is counted.
    return undefined
  }
}
