import { describe, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { ownIdentity } from "../../app/access/box-certificate.ts"
import { openDoors } from "../../app/http/doors.ts"
import { httpOptions, type TlsOptions } from "../../app/http/options.ts"
import { tlsIdentity } from "../../app/http/tls.ts"
import { createCertificateKey, fingerprintOf, makeCertificate } from "../../app/vault/certificate.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"

/** Keeps what was made, as a vault does. */
function secrets() {
  const kept = new Map<string, Uint8Array>()
  return {
    secret(name: string, make: () => Uint8Array) {
      const found = kept.get(name) ?? make()
      kept.set(name, found)
      return found
    },
  }
}

const options = (tls: Partial<TlsOptions>) =>
  httpOptions.parse({ port: 0, drainMs: 100, tls: { host: "127.0.0.1", port: 0, ...tls } })
const owned = { isAwaited: () => false, isByCode: false }

describe("what is shown over HTTPS", () => {
  test.each([
    ["auto", false, false, false],
    ["auto", false, true, true],
    ["auto", true, true, true],
    ["off", false, true, false],
    // It can be claimed through nothing else.
    ["off", true, true, true],
    ["own", false, false, true],
  ] as const)("%s; waits for its owner: %p, is claimed by a code: %p", (mode, isAwaited, isByCode, isThere) => {
    const identity = tlsIdentity(options({ mode }).tls, { isAwaited: () => isAwaited, isByCode }, secrets())
    expect([identity.kind, identity.kind === "ok" && identity.value !== undefined]).toEqual(["ok", isThere])
  })

  test("the box's own certificate is made once", () => {
    const vault = secrets()
    expect(ownIdentity(vault)).toEqual(ownIdentity(vault))
    expect(ownIdentity(secrets()).fingerprint).not.toBe(ownIdentity(vault).fingerprint)
  })

  function pairIn(folder: TempFolder, name: string) {
    const key = createCertificateKey()
    const [notBefore, notAfter] = [new Date("2026-01-01"), new Date("2050-01-01")]
    const certificate = makeCertificate({ commonName: name, hosts: ["localhost"], key, notBefore, notAfter })
    const [certFile, keyFile] = [folder.file(`${name}.pem`), folder.file(`${name}.key`)]
    writeFileSync(certFile, certificate)
    writeFileSync(keyFile, key.export({ type: "pkcs8", format: "pem" }))
    return { certificate, files: { certFile, keyFile } }
  }

  test("that of two files is served", async () => {
    using folder = tempFolder()
    const { certificate, files } = pairIn(folder, "site")
    const { tls, ...http } = options({ mode: "files", ...files })
    const identity = tlsIdentity(tls, owned, secrets())
    if (identity.kind === "failed") throw new Error(identity.why)
    expect(identity.value?.fingerprint).toBe(fingerprintOf(certificate))
    const doors = openDoors({ fetch: () => new Response("here") }, { ...http, tls }, identity.value)
    if (doors.kind === "failed") throw new Error(doors.why)
    const { securePort, stop } = doors.value
    expect(await (await fetch(`https://localhost:${securePort}`, { tls: { ca: certificate } })).text()).toBe("here")
    await expect(fetch(`https://localhost:${securePort}`)).rejects.toThrow()
    await stop()
  })

  test("files that do not fit are named, with the remedy", () => {
    using folder = tempFolder()
    const [site, other] = [pairIn(folder, "site").files, pairIn(folder, "other").files]
    const why = (files: Partial<TlsOptions>) => {
      const identity = tlsIdentity(options({ mode: "files", ...files }).tls, owned, secrets())
      return identity.kind === "failed" ? identity.why : "it was taken"
    }
    expect(why({ ...site, keyFile: other.keyFile })).toContain("the key is that of another certificate")
    expect(why({ ...site, certFile: folder.file("none.pem") })).toContain("none.pem")
    expect(why({ certFile: site.keyFile, keyFile: site.certFile })).toContain("cannot be used")
  })

  test.each([
    [{ mode: "files" }],
    [{ mode: "files", certFile: "a.pem" }],
    [{ mode: "own", certFile: "a.pem", keyFile: "a.key" }],
    [{ mode: "auto", keyFile: "a.key" }],
    [{ mode: "letsencrypt" }],
  ])("%j is refused by the configuration", (tls) => {
    expect(httpOptions.safeParse({ tls }).success).toBe(false)
  })
})

test("an HTTPS port that is taken is named with the key to change, and the plain door is shut again", async () => {
  const taken = createServer()
  await new Promise<void>((listening) => taken.listen(0, "127.0.0.1", () => listening()))
  const address = taken.address()
  const port = typeof address === "object" ? (address?.port ?? 0) : 0
  const free = createServer()
  await new Promise<void>((listening) => free.listen(0, "127.0.0.1", () => listening()))
  const plain = free.address()
  const plainPort = typeof plain === "object" ? (plain?.port ?? 0) : 0
  await new Promise((closed) => free.close(closed))

  const doors = openDoors({ fetch: () => new Response() }, { ...options({ port }), port: plainPort }, ownIdentity(secrets()))
  const why = doors.kind === "failed" ? doors.why : "both are open"
  expect(why).toContain(`port ${port} on 127.0.0.1 is taken`)
  expect(why).toContain("http.tls.port")
  await expect(fetch(`http://127.0.0.1:${plainPort}`)).rejects.toThrow()
  taken.close()
})
