import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto"
import { isIP, isIPv4 } from "node:net"
import { assert } from "../base/assert.ts"
import { bits, type Der, der, integer, namedBits, octets, oid, sequence, setOf, tagged, text, time, yes } from "./der.ts"

/**
 * Certificates by X.509 (RFC 5280) with ECDSA over P-256: of a box for its own HTTPS, and of a site's authority for its boxes. They
 * are made here and judged by the TLS library alone. (`@peculiar/x509` does this and much more; its 232 kB were
 * nearly all that the one file has left.)
 */
export interface CertificateRequest {
  /** For people. */
  readonly commonName: string
  /** What it is good for: names of hosts and IP addresses. None for an authority. */
  readonly hosts: readonly string[]
  readonly key: KeyObject
  /** Who signs; itself when not said. */
  readonly issuer?: { readonly commonName: string; readonly key: KeyObject }
  /** It may sign others, and is no server. */
  readonly isAuthority?: boolean
  readonly notBefore: Date
  readonly notAfter: Date
}

/** A private key over P-256. It knows its public half. */
export function createCertificateKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
}

/** @returns PEM, with its line end */
export function makeCertificate(request: CertificateRequest): string {
  const { commonName, key, issuer = { commonName, key }, notBefore, notAfter } = request
  const algorithm = sequence(oid(ids.ecdsaWithSha256))
  const signed = sequence(
    tagged(0, integer(Uint8Array.of(2))), // X.509 v3 counts from zero.
    // Random, positive, and never longer than the 20 bytes that are allowed.
    integer(randomBytes(16)),
    algorithm,
    nameOf(issuer.commonName),
    sequence(time(notBefore), time(notAfter)),
    nameOf(commonName),
    publicKeyOf(key),
    tagged(3, sequence(...extensionsOf(request, issuer.key))),
  )
  const signature = sign("sha256", signed, { key: issuer.key, dsaEncoding: "der" })
  return toPem(sequence(signed, algorithm, bits(signature)))
}

/**
 * SHA-256 of the certificate, as browsers and `openssl x509 -fingerprint -sha256` show it.
 *
 * @param pem its first certificate counts
 */
export function fingerprintOf(pem: string): string {
  const base64 = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/.exec(pem)?.[1]
  assert(base64 !== undefined, "a certificate in PEM has its two lines")
  return fingerprintOfDer(Buffer.from(base64, "base64"))
}

/** As `fingerprintOf`, of the bytes behind the PEM. */
export function fingerprintOfDer(certificate: Der): string {
  const digest = createHash("sha256").update(certificate).digest("hex").toUpperCase()
  return (digest.match(/../g) ?? []).join(":")
}

const ids = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  subjectKey: "2.5.29.14",
  keyUsage: "2.5.29.15",
  hosts: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  issuerKey: "2.5.29.35",
  purposes: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
}

/** Named bits of the extension `keyUsage`. */
const usage = { digitalSignature: 0, keyCertSign: 5, crlSign: 6 }

function extensionsOf({ hosts, key, isAuthority = false }: CertificateRequest, issuerKey: KeyObject): readonly Der[] {
  const named = hosts.length === 0 ? [] : [extension(ids.hosts, sequence(...hosts.map(hostOf)))]
  const purposes = sequence(oid(ids.serverAuth), oid(ids.clientAuth))
  return [
    critical(ids.basicConstraints, sequence(...(isAuthority ? [yes] : []))),
    critical(ids.keyUsage, isAuthority ? namedBits(usage.keyCertSign, usage.crlSign) : namedBits(usage.digitalSignature)),
    ...(isAuthority ? [] : [extension(ids.purposes, purposes)]),
    ...named,
    extension(ids.subjectKey, octets(keyId(key))),
    extension(ids.issuerKey, sequence(der(0x80, keyId(issuerKey)))),
  ]
}

const extension = (id: string, value: Der): Der => sequence(oid(id), octets(value))
const critical = (id: string, value: Der): Der => sequence(oid(id), yes, octets(value))

function nameOf(commonName: string): Der {
  return sequence(setOf(sequence(oid(ids.commonName), text(commonName))))
}

/** `[2]` a name, `[7]` an address. */
function hostOf(host: string): Der {
  return isIP(host) === 0 ? der(0x82, Buffer.from(host, "latin1")) : der(0x87, addressBytes(host))
}

function addressBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split(".").map(Number))
  // The URL parser writes an address in one way only: eight groups, the longest run of zeros as `::`, no dotted part.
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::")
  const groups = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)))
  const [first, last] = [groups(head), groups(tail ?? "")]
  const all = [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last]
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]))
}

function publicKeyOf(key: KeyObject): Der {
  return createPublicKey(key).export({ type: "spki", format: "der" })
}

/** SHA-256 of the public key's bits, of which 160 are taken (RFC 7093, the first way): the last 65 bytes are a point of P-256. */
function keyId(key: KeyObject): Uint8Array {
  return createHash("sha256").update(publicKeyOf(key).subarray(-65)).digest().subarray(0, 20)
}

function toPem(certificate: Der): string {
  const lines =
    Buffer.from(certificate)
      .toString("base64")
      .match(/.{1,64}/g) ?? []
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n")
}
