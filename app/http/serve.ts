import type { TlsIdentity } from "../access/box-certificate.ts"
import { nowTickMs } from "../base/ticks.ts"
import type { Connection } from "./app.ts"
import type { HttpOptions } from "./options.ts"

export interface HttpServer {
  /** With the port that was really taken. */
  readonly url: string
  /** Takes no more connections, waits for requests in flight at most `drainMs`, then cuts what is left. */
  stop(): Promise<void>
}

/**
 * A connection on which nothing moves is closed after so long: one that begins no request, an answer nobody reads, a stream of
 * events without its heart-beat. Bun counts a trickle as standing still (measured with 1.4.5: below 16 KiB/s no byte that
 * arrives puts the end off), so heads and bodies that drip end here too. A head on a new connection has 12 s; that is Bun's own.
 */
export const stillS = 24

/** While the app works on a request nothing moves either: longer than any deadline (60 s) and any body (`bodyReadMs`) may take. */
const handlingS = 90

/** From a request's arrival until a caller who neither sends nor reads is gone, and the least that reading an answer gets. */
const letGoS = 28
const leastStillS = 4

/**
 * The app refuses what is too large itself, before reading it and with words, and takes what is long piece by piece. This stops only
 * what no disk holds: Bun's own answer to it has no body.
 */
const bodyBytesMax = 16 * 1024 ** 4

/** TLS 1.3 as the library under Bun numbers it; `"TLSv1.3"` throws, and without it 1.2 is taken as well. */
const tlsVersionMin = 0x0304

/**
 * @param tls PEM of a certificate and its key: then it answers HTTPS by TLS 1.3 alone, and plain HTTP without one
 * @throws when the port is taken or the host is not this machine's
 */
export function serveHttp(
  app: { fetch(request: Request, connection: Connection): Response | Promise<Response> },
  options: Pick<HttpOptions, "host" | "port" | "drainMs">,
  tls?: Pick<TlsIdentity, "certificate" | "key">,
): HttpServer {
  const isSecure = tls !== undefined
  const served = {
    hostname: options.host,
    port: options.port,
    idleTimeout: stillS,
    maxRequestBodySize: bodyBytesMax,
    fetch: async (request: Request, server: Bun.Server<undefined>) => {
      const arrivedTickMs = nowTickMs()
      server.timeout(request, handlingS)
      const connection = {
        isSecure,
        get address() {
          return server.requestIP(request)?.address
        },
      }
      const response = await app.fetch(request, connection)
      // A caller whose body never came has had most of its time.
      const spentS = Math.floor((nowTickMs() - arrivedTickMs) / 1000)
      server.timeout(request, Math.min(stillS, Math.max(leastStillS, letGoS - spentS)))
      return response
    },
  }
  const secure = tls && { cert: tls.certificate, key: tls.key, minVersion: tlsVersionMin }
  const server = secure === undefined ? Bun.serve(served) : Bun.serve({ ...served, tls: secure })
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
