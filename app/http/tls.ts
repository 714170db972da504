import { createPrivateKey, X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { ownIdentity, type TlsIdentity } from "../access/box-certificate.ts"
import type { Claim } from "../access/claim.ts"
import { unreachable } from "../base/assert.ts"
import type { Result } from "../base/result.ts"
import { fingerprintOf } from "../vault/certificate.ts"
import type { Vault } from "../vault/vault.ts"
import type { TlsOptions } from "./options.ts"

/** What the box shows over HTTPS; `undefined` where it does not answer it. */
export function tlsIdentity(
  options: TlsOptions,
  claim: Pick<Claim, "isAwaited" | "isByCode">,
  vault: Pick<Vault, "secret">,
): Result<TlsIdentity | undefined> {
  const own = () => ({ kind: "ok", value: ownIdentity(vault) }) as const
  const none = { kind: "ok", value: undefined } as const
  switch (options.mode) {
    case "own":
      return own()
    case "files":
      return fromFiles(options)
    case "auto":
      return claim.isByCode ? own() : none
    case "off":
      return claim.isAwaited() ? own() : none
    default:
      return unreachable(options.mode)
  }
}

function fromFiles({ certFile, keyFile }: TlsOptions): Result<TlsIdentity> {
  const where = `http.tls.certFile ${certFile} with keyFile ${keyFile}`
  try {
    const certificate = readFileSync(certFile ?? "", "utf8")
    const key = readFileSync(keyFile ?? "", "utf8")
    // The library under Bun says less about a pair that does not fit.
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
      return { kind: "failed", why: `${where}: the key is that of another certificate; name the two that belong together` }
    return { kind: "ok", value: { certificate, key, fingerprint: fingerprintOf(certificate) } }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { kind: "failed", why: `${where} cannot be used: ${why}; both are PEM, and the key has no password` }
  }
}
