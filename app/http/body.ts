import type { z } from "zod"
import { explain, type Problem, problem } from "./problem.ts"

export type Parsed<Value> = { readonly kind: "ok"; readonly value: Value } | Problem<"bad_request" | "image_too_large">

/** How a body of one media type is read. */
export interface BodyFormat<Value> {
  /** For the OpenAPI document: a named zod schema, or a JSON schema as it stands. */
  readonly schema: z.ZodType | Readonly<Record<string, unknown>>
  readonly bytesMax: number
  readonly tooLarge: "image_too_large" | "body_too_large"
  parse(bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<Parsed<Value>>
}

/** Media type → its format. A type that is not listed is a 415. */
export type BodyFormats<Value> = Readonly<Record<string, BodyFormat<Value>>>

/** How a body of one media type is taken in piece by piece, when it is too long to be held in memory. */
export interface StreamedFormat<Value> {
  readonly schema: BodyFormat<Value>["schema"]
  /** Nothing is looked at before the handler asks for it. */
  stream(upload: BodyUpload): Value
}

/** Media type → its format, for a route that streams. */
export type StreamedFormats<Value> = Readonly<Record<string, StreamedFormat<Value>>>

/** A body on its way in. */
export interface BodyUpload {
  /** Absent when the sender does not know. */
  readonly declaredBytes: number | undefined
  next(): Promise<UploadStep>
}

export type UploadStep =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  /** The connection ended before the body did. */
  | { readonly kind: "cut" }
  /** Nothing came for too long. */
  | { readonly kind: "too_slow" }

/** A few fields, or one vector: 4096 numbers in decimal take about 90 KB. */
const documentBytesMax = 256 * 1024

/** `type/subtype` alone, lower case; empty when there is none. */
export function mediaTypeOf(contentType: string | null): string {
  return contentType?.split(";", 1)[0]?.trim().toLowerCase() ?? ""
}

export function jsonBody<Value>(schema: z.ZodType<Value>): BodyFormats<Value> {
  return {
    "application/json": {
      schema,
      bytesMax: documentBytesMax,
      tooLarge: "body_too_large",
      parse: async (bytes) => parseJson(bytes, schema),
    },
  }
}

export function mapFormats<From, To>(formats: BodyFormats<From>, toValue: (from: From) => To): BodyFormats<To> {
  const mapped = Object.entries(formats).map(([mediaType, format]): [string, BodyFormat<To>] => [
    mediaType,
    {
      ...format,
      parse: async (bytes, contentType) => {
        const parsed = await format.parse(bytes, contentType)
        return parsed.kind === "ok" ? { kind: "ok", value: toValue(parsed.value) } : parsed
      },
    },
  ])
  return Object.fromEntries(mapped)
}

export function parseJson<Value>(bytes: Uint8Array, schema: z.ZodType<Value>): Parsed<Value> {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch (error) {
    // TypeError: not UTF-8. RangeError: nested so deeply that the parser's own stack ended.
    if (!(error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError)) throw error
    return problem("bad_request", "the body is not JSON in UTF-8")
  }
  const parsed = schema.safeParse(json)
  return parsed.success ? { kind: "ok", value: parsed.data } : problem("bad_request", `the JSON body: ${explain(parsed.error)}`)
}
