import { afterAll, describe, expect, test } from "bun:test"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { writeFileSync } from "node:fs"
import { type CertificateRequest, createCertificateKey, fingerprintOf, makeCertificate } from "../../app/vault/certificate.ts"
import { namedBits, oid } from "../../app/vault/der.ts"
import { tempFolder } from "../support/shared.ts"

const folder = tempFolder()
afterAll(() => folder[Symbol.dispose]())

const key = createCertificateKey()
const request: CertificateRequest = {
  commonName: "gate-1",
  hosts: ["gate-1", "gate-1.local", "192.0.2.7", "::1", "fe80::1:0:0:2", "2001:db8:1:2:3:4:5:6", "::ffff:192.0.2.7"],
  key,
  notBefore: new Date("2026-01-01T00:00:00Z"),
  notAfter: new Date("2056-01-01T00:00:00Z"),
}

/** Another program's word on it: OpenSSL's. */
async function openssl(...args: readonly string[]) {
  const child = Bun.spawn(["openssl", ...args], { stdout: "pipe", stderr: "pipe" })
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()])
  return { code: await child.exited, out, err }
}

function fileOf(name: string, text: string): string {
  writeFileSync(folder.file(name), text)
  return folder.file(name)
}

describe("the certificate of a box", () => {
  const pem = makeCertificate(request)

  test("says what it was asked to say, and OpenSSL reads the same", async () => {
    const read = new X509Certificate(pem)
    expect(read.subject).toBe("CN=gate-1")
    expect(read.issuer).toBe("CN=gate-1")
    expect([read.ca, read.checkPrivateKey(key), read.verify(read.publicKey)]).toEqual([false, true, true])
    expect(read.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1")
    const { out } = await openssl("x509", "-in", fileOf("box.pem", pem), "-noout", "-text", "-fingerprint", "-sha256")
    for (const said of [
      "Version: 3 (0x2)",
      "ecdsa-with-SHA256",
      "Not Before: Jan  1 00:00:00 2026 GMT",
      "Not After : Jan  1 00:00:00 2056 GMT",
      "X509v3 Basic Constraints: critical",
      "CA:FALSE",
      "X509v3 Key Usage: critical",
      "Digital Signature\n",
      "TLS Web Server Authentication, TLS Web Client Authentication",
      "DNS:gate-1, DNS:gate-1.local, IP Address:192.0.2.7, IP Address:0:0:0:0:0:0:0:1, IP Address:FE80:0:0:0:1:0:0:2, IP Address:2001:DB8:1:2:3:4:5:6, IP Address:0:0:0:0:0:FFFF:C000:207\n",
      `sha256 Fingerprint=${fingerprintOf(pem)}`,
    ])
      expect(out).toContain(said)
  })

  test("holds for its hosts, by the strict rules, where it is trusted, and for nobody else", async () => {
    const path = fileOf("strict.pem", pem)
    const verify = (...more: readonly string[]) => openssl("verify", "-x509_strict", "-CAfile", path, ...more, path)
    expect((await verify("-purpose", "sslserver", "-verify_hostname", "gate-1.local")).out).toContain("OK")
    expect((await verify("-verify_ip", "192.0.2.7")).out).toContain("OK")
    expect((await verify("-verify_ip", "2001:db8:1:2:3:4:5:6")).out).toContain("OK")
    expect((await verify("-verify_hostname", "other.local")).code).not.toBe(0)
    expect((await verify("-verify_ip", "192.0.2.8")).code).not.toBe(0)
  })

  test("another serial number each time, positive and short enough", () => {
    const serials = Array.from({ length: 50 }, () => new X509Certificate(makeCertificate(request)).serialNumber)
    expect(new Set(serials).size).toBe(serials.length)
    for (const serial of serials) expect(serial).toMatch(/^[0-9A-F]{2,40}$/)
  })

  test("the fingerprint of a chain is that of its first", () => {
    expect(fingerprintOf(`${pem}${makeCertificate({ ...request, commonName: "other" })}`)).toBe(
      new X509Certificate(pem).fingerprint256,
    )
  })
})

describe("an authority and the box it vouches for", () => {
  const issuer = { commonName: "站点 site", key: createCertificateKey() }
  const authority = makeCertificate({ ...request, ...issuer, hosts: [], isAuthority: true })
  const box = makeCertificate({ ...request, issuer })

  test("OpenSSL follows the chain by the strict rules", async () => {
    const trusted = fileOf("authority.pem", authority)
    const path = fileOf("leaf.pem", box)
    expect(await openssl("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", trusted, path)).toMatchObject({
      code: 0,
    })
    expect((await openssl("x509", "-in", trusted, "-noout", "-text")).out).toContain("CA:TRUE")
    expect((await openssl("x509", "-in", trusted, "-noout", "-text")).out).toContain("Certificate Sign, CRL Sign")
  })

  test("another authority of the same name vouches for nothing here", async () => {
    const other = makeCertificate({ ...request, ...issuer, key: createCertificateKey(), hosts: [], isAuthority: true })
    const verified = await openssl("verify", "-CAfile", fileOf("other.pem", other), fileOf("leaf-2.pem", box))
    expect(verified.code).not.toBe(0)
  })

  test("a box cannot vouch for another", async () => {
    const boxKey = createCertificateKey()
    const middle = makeCertificate({ ...request, key: boxKey, issuer })
    const leaf = makeCertificate({ ...request, commonName: "gate-2", issuer: { commonName: "gate-1", key: boxKey } })
    const [trusted, between] = [fileOf("root.pem", authority), fileOf("middle.pem", middle)]
    const verified = await openssl("verify", "-CAfile", trusted, "-untrusted", between, fileOf("leaf-3.pem", leaf))
    expect(verified.code).not.toBe(0)
  })
})

test("its key is of its own, and survives being written", () => {
  const pem = createCertificateKey().export({ type: "pkcs8", format: "pem" })
  expect(new X509Certificate(makeCertificate(request)).checkPrivateKey(createPrivateKey(pem))).toBe(false)
})

test.each([
  ["1.2.840.10045.4.3.2", "06082a8648ce3d040302"],
  ["2.5.29.17", "0603551d11"],
  ["2.999.3", "0603883703"],
])("object identifier %s", (dotted, hex) => {
  expect(Buffer.from(oid(dotted)).toString("hex")).toBe(hex)
})

test.each([
  [[0], "03020780"],
  [[5, 6], "03020106"],
  [[8], "0303070080"],
])("named bits %j", (set, hex) => {
  expect(Buffer.from(namedBits(...set)).toString("hex")).toBe(hex)
})
