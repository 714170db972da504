import type { AskedCode } from "../access/claim-codes.ts"
import { version } from "../base/version.ts"
import { recoveryWords } from "./vault.ts"

export interface Listening {
  readonly url: string
  readonly secureUrl: string | undefined
  /** Model set and data folder, in words. */
  readonly about: string
  /** Of the certificate that is shown over HTTPS. */
  readonly fingerprint: string | undefined
  /** Of a box that waits for its owner. */
  readonly asked: AskedCode | undefined
  /** Made at this start. */
  readonly adminKey: string | undefined
  readonly recoveryKey: string | undefined
}

/** What a box says on its console when it has opened its doors. */
export function listeningText(listening: Listening): string {
  const { url, secureUrl, about, fingerprint, asked, adminKey, recoveryKey } = listening
  const lines = [
    `Gatehouse ${version} listens on ${url} (${about})`,
    ...(secureUrl === undefined ? [] : [`… and on ${secureUrl}, certificate SHA-256 ${fingerprint}`]),
    ...(asked === undefined ? [] : claimLines(asked, secureUrl)),
    ...(adminKey === undefined ? [] : [`Admin key, shown this once: ${adminKey}\nLost it? gatehouse admin reset-key`]),
    ...(recoveryKey === undefined ? [] : [`${recoveryWords}:\n${recoveryKey}\nLost it? gatehouse vault recovery`]),
  ]
  return lines.join("\n")
}

function claimLines({ source, code }: AskedCode, secureUrl: string | undefined): readonly string[] {
  const port = secureUrl === undefined ? "" : `:${new URL(secureUrl).port}`
  const where = `https://<this box>${port}/setup`
  const which = {
    file: "with the code it was flashed with",
    command: "with the code that gatehouse admin claim-code has shown",
    start: `with the code ${code}`,
  }
  return [`Nobody owns this box yet. Within 15 minutes, claim it at ${where} ${which[source]}`]
}
