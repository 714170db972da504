import type { z } from "zod"

/** Every code an error answer can carry, and its status. */
export const statusOf = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  /** Nobody has claimed the box, and this is not the way to do it. */
  unclaimed: 403,
  /** The code is not the right one, or is asked for no more. */
  claim_refused: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  precondition_failed: 412,
  image_too_large: 413,
  body_too_large: 413,
  unsupported_media_type: 415,
  bad_image: 422,
  no_face: 422,
  several_faces: 422,
  low_quality: 422,
  wrong_space: 422,
  bad_vector: 422,
  idempotency_conflict: 422,
  rate_limited: 429,
  internal: 500,
  overloaded: 503,
  unavailable: 503,
  deadline_exceeded: 503,
  superseded: 503,
  insufficient_storage: 507,
} as const satisfies Record<string, number>

export type ErrorCode = keyof typeof statusOf

/** An answer that is not what was asked for. `message` says what happened, which value, and the remedy. */
export interface Problem<Code extends ErrorCode = ErrorCode> {
  readonly kind: "problem"
  readonly code: Code
  readonly message: string
  /** Figures behind the words, for programs. */
  readonly details?: Readonly<Record<string, unknown>>
  readonly retryAfterS?: number
  readonly headers?: Readonly<Record<string, string>>
}

export function problem<Code extends ErrorCode>(
  code: Code,
  message: string,
  more: Omit<Problem, "kind" | "code" | "message"> = {},
): Problem<Code> {
  return { kind: "problem", code, message, ...more }
}

/** What is wrong with outside input, one line: `candidates: Too big: expected number to be <=50`. */
export function explain(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`)).join("; ")
}
