import { connect } from "node:tls"
import type { Result } from "../base/result.ts"
import { fingerprintOfDer } from "../vault/certificate.ts"

const answerMsMax = 5000

/**
 * Asks the HTTPS door of this very machine, as a browser does: that is the certificate in use, wherever it comes from, and no key
 * of the data folder is needed.
 *
 * @returns its fingerprint, as `fingerprintOf` writes it
 */
export function shownCertificate({ host, port }: { readonly host: string; readonly port: number }): Promise<Result<string>> {
  const anywhere: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" }
  const where = { host: anywhere[host] ?? host, port }
  return new Promise((settle) => {
    // Nobody is trusted here: what is shown is only looked at.
    const socket = connect({ ...where, rejectUnauthorized: false, timeout: answerMsMax })
    const fail = (reason: string) => {
      const why = `${where.host}:${port} shows no certificate (${reason}): is the box running, and does it answer HTTPS (http.tls)?`
      socket.destroy()
      settle({ kind: "failed", why })
    }
    socket.once("secureConnect", () => {
      const { raw } = socket.getPeerCertificate()
      if (raw === undefined) return fail("none came")
      socket.destroy()
      settle({ kind: "ok", value: fingerprintOfDer(raw) })
    })
    socket.once("error", (error) => fail(error.message))
    socket.once("timeout", () => fail(`nothing in ${answerMsMax} ms`))
  })
}
