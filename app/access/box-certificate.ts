import { createPrivateKey, type KeyObject } from "node:crypto"
import { hostname, networkInterfaces } from "node:os"
import { createCertificateKey, fingerprintOf, makeCertificate } from "../vault/certificate.ts"
import type { Vault } from "../vault/vault.ts"

/** What a server shows to whoever connects over TLS, and can prove. */
export interface TlsIdentity {
  /** PEM; with the chain behind it, where there is one. */
  readonly certificate: string
  /** PEM. */
  readonly key: string
  /** SHA-256, as browsers show it. */
  readonly fingerprint: string
}

/**
 * The box's own certificate, made the first time: it vouches for itself, and people compare its fingerprint with the one on the
 * console. Both halves lie with the box's secrets, sealed like them, and travel with its backups. Addresses that the box gets later
 * are not in it: another certificate would have another fingerprint.
 */
export function ownIdentity(vault: Pick<Vault, "secret">): TlsIdentity {
  const secret = vault.secret("https-key", () => createCertificateKey().export({ type: "pkcs8", format: "der" }))
  const key = createPrivateKey({ key: Buffer.from(secret), type: "pkcs8", format: "der" })
  const certificate = Buffer.from(vault.secret("https-certificate", () => Buffer.from(makeOwn(key)))).toString()
  return {
    certificate,
    key: key.export({ type: "pkcs8", format: "pem" }).toString(),
    fingerprint: fingerprintOf(certificate),
  }
}

/** A box without a battery does not know what day it is when it makes its certificate: it holds from before there were boxes … */
const notBefore = new Date("2026-01-01T00:00:00Z")
/** … until none of them is left. Nobody would be there to renew it. */
const notAfter = new Date("2056-01-01T00:00:00Z")

function makeOwn(key: KeyObject): string {
  const name = hostName()
  return makeCertificate({ commonName: name, hosts: hostsOf(name), key, notBefore, notAfter })
}

/** What a label of a host name may be made of; anything else would make the certificate unreadable. */
export function hostName(): string {
  const [label = ""] = hostname().toLowerCase().split(".")
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label) ? label : "gatehouse"
}

/** By its name, by its name on this network (mDNS), and by every address it has now. */
function hostsOf(name: string): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((own = []) => own.map(({ address }) => address))
  // Those that hold on one link alone carry the link's name, which no certificate does.
  const reachable = addresses.filter((address) => !address.startsWith("fe80:"))
  return [...new Set([name, `${name}.local`, "localhost", ...reachable, "127.0.0.1", "::1"])]
}
