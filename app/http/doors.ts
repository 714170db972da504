import type { TlsIdentity } from "../access/box-certificate.ts"
import type { Result } from "../base/result.ts"
import type { HttpOptions } from "./options.ts"
import { type HttpServer, serveHttp } from "./serve.ts"

/** Where the box answers: plain HTTP, and beside it HTTPS where it has a certificate to show. */
export interface Doors {
  readonly url: string
  readonly secureUrl: string | undefined
  readonly securePort: number | undefined
  /** Both at once, as `HttpServer.stop`. */
  stop(): Promise<void>
}

/** Opens the doors that the options name; none is open when one cannot be. */
export function openDoors(
  app: Parameters<typeof serveHttp>[0],
  options: Pick<HttpOptions, "host" | "port" | "drainMs" | "tls">,
  identity: TlsIdentity | undefined,
): Result<Doors> {
  const { drainMs, tls } = options
  const plain = listen(() => serveHttp(app, options), options, plainRemedy)
  if (plain.kind === "failed") return plain
  const servers = [plain.value]
  if (identity !== undefined) {
    const secure = listen(() => serveHttp(app, { ...tls, drainMs }, identity), tls, secureRemedy)
    if (secure.kind === "failed") {
      void plain.value.stop()
      return secure
    }
    servers.push(secure.value)
  }
  const [{ url }, secure] = servers as [HttpServer, HttpServer?]
  const stop = async () => void (await Promise.all(servers.map((server) => server.stop())))
  const securePort = secure && Number(new URL(secure.url).port || 443)
  return { kind: "ok", value: { url, secureUrl: secure?.url, securePort, stop } }
}

/** How the user mends the two things that go wrong at a door. */
interface Remedy {
  readonly port: string
  readonly host: string
}

const plainRemedy = { port: "with --port or GATEHOUSE_PORT", host: "with --host" }
const secureRemedy = { port: "with http.tls.port", host: "with http.tls.host" }

/** Anything else that is thrown is a bug. */
function listen(
  start: () => HttpServer,
  { host, port }: Pick<HttpOptions, "host" | "port">,
  remedy: Remedy,
): Result<HttpServer> {
  try {
    return { kind: "ok", value: start() }
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined
    if (code === "EADDRINUSE")
      return {
        kind: "failed",
        why: `port ${port} on ${host} is taken: stop what listens there, or choose another ${remedy.port}`,
      }
    if (code === "EADDRNOTAVAIL" || code === "EACCES")
      return {
        kind: "failed",
        why: `cannot listen on ${host}:${port} (${code}): choose an address of this machine ${remedy.host}, and a port above 1023`,
      }
    throw error
  }
}
