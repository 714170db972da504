import type { createHttpApp } from "./app.ts"
import type { HttpOptions } from "./options.ts"

export interface HttpServer {
  /** With the port that was really taken. */
  readonly url: string
  /** Takes no more connections, waits for requests in flight at most `drainMs`, then cuts what is left. */
  stop(): Promise<void>
}

/** Larger than the longest deadline a caller may set: Bun counts a slow handler as idle too and would cut its connection. */
const idleTimeoutS = 90

/**
 * The app refuses what is too large itself, before reading it and with words. This stops only what no caller means: Bun's own
 * answer to it has no body.
 */
const bodyBytesMax = 1024 * 1024 * 1024

/** Throws when the port is taken or the host is not this machine's. */
export function serveHttp(
  app: ReturnType<typeof createHttpApp>,
  options: Pick<HttpOptions, "host" | "port" | "drainMs">,
): HttpServer {
  const server = Bun.serve({
    hostname: options.host,
    port: options.port,
    idleTimeout: idleTimeoutS,
    maxRequestBodySize: bodyBytesMax,
    fetch: (request, server) => app.fetch(request, { address: server.requestIP(request)?.address }),
  })
  return {
    url: server.url.origin,
    stop: async () => {
      const drained = server.stop()
      const timer = setTimeout(() => void server.stop(true), options.drainMs)
      await drained
      clearTimeout(timer)
    },
  }
}
