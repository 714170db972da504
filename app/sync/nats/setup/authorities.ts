import { createPrivateKey, type KeyObject } from "node:crypto"
import { createCertificateKey, makeCertificate } from "../../../vault/certificate.ts"

/**
 * Two authorities vouch for who meets at a hub. The hub's signs the servers' certificates: boxes trust it, and servers among each
 * other. The boxes' signs those of boxes: only what a server asks of boxes is by it. With one for both, a box that was taken over
 * could answer as a server, or join the cluster and read all.
 */
export type AuthorityName = "hub" | "boxes"

export interface Authority {
  /** PEM. */
  readonly certificate: string
  /** PEM. */
  readonly key: string
}

/** A machine without a battery does not know what day it is: a certificate holds from before there were hubs … */
const notBefore = new Date("2026-01-01T00:00:00Z")
/** … and for longer than the machines. Nobody is kept out by its end: a box that shall not come is taken out of the accounts. */
const notAfter = new Date("2056-01-01T00:00:00Z")

const pemOf = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString()

const commonNameOf = (name: AuthorityName, site: string) => `Gatehouse ${name} authority of ${site}`

export function makeAuthority(name: AuthorityName, site: string): Authority {
  const key = createCertificateKey()
  const request = { commonName: commonNameOf(name, site), hosts: [], key, isAuthority: true, notBefore, notAfter }
  return { certificate: makeCertificate(request), key: pemOf(key) }
}

/**
 * A key and its certificate by an authority.
 * @param issuerKey PEM
 * @param hosts names and addresses at which a server is reached; none for a box, which no one can then take for a server
 */
export function certify(
  issuer: AuthorityName,
  site: string,
  issuerKey: string,
  commonName: string,
  hosts: readonly string[],
): { readonly cert: string; readonly key: string } {
  const key = createCertificateKey()
  const cert = makeCertificate({
    commonName,
    hosts,
    key,
    issuer: { commonName: commonNameOf(issuer, site), key: createPrivateKey(issuerKey) },
    notBefore,
    notAfter,
  })
  return { cert, key: pemOf(key) }
}
