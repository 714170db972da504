/**
 * A lean client for `/v1/search`, in a process of its own: requests are made before the clock runs, sent over kept connections,
 * each as soon as the one before it on its connection was answered. Started by scripts/bench/search-http.ts.
 */
import { z } from "zod"
import { summarise, summarySchema } from "../support/statistics.ts"
import { searchBody } from "./filled-box.ts"
import { readSpread, vectorSource } from "./vectors.ts"

export const clientJobSchema = z.strictObject({
  url: z.url(),
  key: z.string(),
  people: z.int().positive(),
  connections: z.int().positive(),
  requests: z.int().positive(),
  /** Where in the row of fresh queries it begins: none is ever asked twice. */
  skip: z.int().nonnegative(),
})

export const clientFiguresSchema = z.strictObject({
  seconds: z.number(),
  requests: z.int(),
  others: z.int(),
  latencyMs: summarySchema,
  /** Processor time of the client itself, which the box does not have. */
  cpuS: z.number(),
})

if (import.meta.main) {
  console.log(JSON.stringify(await run(clientJobSchema.parse(JSON.parse(Bun.argv[2] ?? "{}")))))
  process.exit(0)
}

async function run(job: z.output<typeof clientJobSchema>): Promise<z.output<typeof clientFiguresSchema>> {
  const { hostname, port } = new URL(job.url)
  const spread = await readSpread()
  const source = vectorSource("faces", spread)
  const vectors = source.queries(job.skip + job.requests, job.people)
  const head = `POST /v1/search HTTP/1.1\r\nhost: ${hostname}:${port}\r\nx-api-key: ${job.key}\r\ncontent-type: application/json\r\ncontent-length: `
  const wire = Array.from({ length: job.requests }, (_, i) => {
    const at = (job.skip + i) * source.dimension
    const body = searchBody(spread.space, vectors.subarray(at, at + source.dimension), 5)
    return Buffer.from(`${head}${body.length}\r\n\r\n${body}`)
  })
  let next = 0
  let others = 0
  let open = job.connections
  const tookMs: number[] = []
  const done = Promise.withResolvers<void>()
  const cpu = process.cpuUsage()
  const startTickMs = performance.now()
  for (let i = 0; i < job.connections; i++) {
    let text = ""
    let sentTickMs = 0
    const send = (socket: Bun.Socket) => {
      const request = wire[next++]
      if (request !== undefined) {
        sentTickMs = performance.now()
        socket.write(request)
        return
      }
      socket.end()
      if (--open === 0) done.resolve()
    }
    await Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        open: send,
        data(socket, bytes) {
          text += bytes.toString("latin1")
          const bodyAt = text.indexOf("\r\n\r\n")
          if (bodyAt === -1) return
          const length = Number(/content-length: (\d+)/i.exec(text)?.[1])
          if (text.length < bodyAt + 4 + length) return
          if (!text.startsWith("HTTP/1.1 200")) others++
          text = ""
          tookMs.push(performance.now() - sentTickMs)
          send(socket)
        },
      },
    })
  }
  await done.promise
  const seconds = (performance.now() - startTickMs) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { seconds, requests: tookMs.length, others, latencyMs: summarise(tookMs), cpuS: (user + system) / 1e6 }
}
