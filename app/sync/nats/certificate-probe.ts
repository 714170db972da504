import { createConnection, isIP, type Socket } from "node:net"
import { connect as secure } from "node:tls"
import type { HubAddress } from "./connection.ts"

const probeMs = 2000

/**
 * Whether a hub closes the line because of this box's certificate. Under TLS 1.3 a server says so after the box believes that all is
 * well, and the client of NATS then waits out its time for an answer (3.4.0 under Bun 1.4.5), as if nobody was there. So after such
 * a time the question is asked once more by hand: does the line close, after certificates were exchanged, without a word?
 */
export function refusesCertificate(server: string, tls: NonNullable<HubAddress["tls"]>): Promise<boolean> {
  const { hostname, port } = new URL(server.includes("://") ? server : `nats://${server}`)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), probeMs)
  const plain = createConnection({ host: hostname, port: Number(port || 4222) })
  const sockets: Socket[] = [plain]
  plain.on("error", () => resolve(false))
  // The server speaks first, in the clear, and what follows is TLS.
  plain.once("data", () => {
    plain.removeAllListeners("error")
    const line = secure({ socket: plain, host: hostname, ...(isIP(hostname) === 0 ? { servername: hostname } : {}), ...tls })
    sockets.push(line)
    let isSecure = false
    line.on("secureConnect", () => {
      isSecure = true
      line.write("PING\r\n")
    })
    // Whatever it answers, a refusal of the key among them, the certificate was good enough for it.
    line.on("data", () => resolve(false))
    line.on("error", () => resolve(isSecure))
    line.on("close", () => resolve(isSecure))
  })
  return promise.finally(() => {
    clearTimeout(timer)
    for (const socket of sockets) socket.destroy()
  })
}
