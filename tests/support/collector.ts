import { z } from "zod"

/** A span as OTLP writes it in JSON, no more of it than tests look at. */
const otlpSpan = z.object({
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  spanId: z.string().regex(/^[0-9a-f]{16}$/),
  parentSpanId: z.string().optional(),
  name: z.string(),
  kind: z.int(),
  startTimeUnixNano: z.string().transform(BigInt),
  endTimeUnixNano: z.string().transform(BigInt),
  status: z.object({ code: z.int() }),
  attributes: z.array(z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) })),
})
const attribute = z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) })
const exportRequest = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: z.array(attribute) }),
      scopeSpans: z.array(z.object({ spans: z.array(otlpSpan) })),
    }),
  ),
})

export type CollectedSpan = z.output<typeof otlpSpan> & {
  readonly service: string
  readonly pid: number
  readonly figures: Readonly<Record<string, unknown>>
}

export interface Collector extends AsyncDisposable {
  readonly url: string
  readonly spans: CollectedSpan[]
  /** Bodies as they came. */
  readonly bodies: string[]
  untilSpan(matches: (span: CollectedSpan) => boolean): Promise<CollectedSpan>
}

/** A trace collector that keeps what it is sent. */
export function openCollector(answer: () => Response | Promise<Response> = () => Response.json({})): Collector {
  const spans: CollectedSpan[] = []
  const bodies: string[] = []
  const server = Bun.serve({
    port: 0,
    routes: {
      "/v1/traces": {
        POST: async (request) => {
          const body = await request.text()
          bodies.push(body)
          for (const { resource, scopeSpans } of exportRequest.parse(JSON.parse(body)).resourceSpans) {
            const { "service.name": service, "process.pid": pid } = toFigures(resource.attributes)
            for (const span of scopeSpans.flatMap((scope) => scope.spans))
              spans.push({ ...span, service: String(service), pid: Number(pid), figures: toFigures(span.attributes) })
          }
          return answer()
        },
      },
    },
  })
  return {
    url: server.url.origin,
    spans,
    bodies,
    async untilSpan(matches) {
      for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 20) {
        const found = spans.find(matches)
        if (found !== undefined) return found
        await Bun.sleep(20)
      }
      throw new Error(`the span did not come; there are ${spans.map(({ name }) => name).join(", ")}`)
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

function toFigures(attributes: readonly z.output<typeof attribute>[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
