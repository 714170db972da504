import { describe, expect, test } from "bun:test"
import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { openNatsHub } from "../../../app/sync/nats/hub.ts"
import { boxPermissions } from "../../../app/sync/nats/layout.ts"
import { tempFolder } from "../../support/shared.ts"
import { boxA, boxB, entity, originOf } from "../support.ts"
import { hubOptions, openHub, startServer } from "./server.ts"

const bytes = new Uint8Array(100)

/** Key pairs as NATS writes them, made for tests: seed and public key. */
const keys = async () => {
  const { createUser } = (await import("@nats-io/transport-node")).nkeys
  return () => {
    const pair = createUser()
    return { seed: new TextDecoder().decode(pair.getSeed()), publicKey: pair.getPublicKey() }
  }
}

describe("a box has its own permissions at the hub", () => {
  test("it cannot write as another, remove erasures, or make room by force", async () => {
    const create = await keys()
    const [admin, a, b, stranger] = [create(), create(), create(), create()]
    const user = (box: string, publicKey: string) => {
      const { publish, subscribe } = boxPermissions("gate", box)
      return `{ nkey: ${publicKey}, permissions: ${JSON.stringify({ publish, subscribe })} }`
    }
    using folder = tempFolder()
    const users = [`{ nkey: ${admin.publicKey} }`, user(boxA, a.publicKey), user(boxB, b.publicKey)]
    await using server = await startServer(folder.path, { more: `authorization { users: [ ${users.join(", ")} ] }` })
    const options = hubOptions(server)

    const early = await openNatsHub({ ...options, nkeySeed: a.seed })
    expect(early).toMatchObject({ kind: "failed", why: expect.stringContaining("could not make it") })
    const unknown = await openNatsHub({ ...options, nkeySeed: stranger.seed })
    expect(unknown).toMatchObject({ kind: "failed", why: expect.stringContaining("does not know this box's key") })
    const nobody = await openNatsHub(options)
    expect(nobody).toMatchObject({ kind: "failed", why: expect.stringContaining("does not know this box's key") })

    // Who may makes the streams; a box finds them.
    await (await openHub({ ...options, nkeySeed: admin.seed }))[Symbol.asyncDispose]()
    await using hub = await openHub({ ...options, nkeySeed: a.seed })
    expect(await hub.write("records", entity(1), bytes, 0)).toMatchObject({ kind: "written" })
    expect(await hub.write("erasures", entity(2), bytes, 0)).toMatchObject({ kind: "written" })
    expect(await hub.write("sightings", originOf(boxA), bytes, 0)).toMatchObject({ kind: "written" })
    expect(await hub.write("sightings", originOf(boxB), bytes, 0)).toMatchObject({
      kind: "refused",
      why: expect.stringContaining("does not let this box write"),
    })
    expect(await hub.write("announcements", `${boxA}.04`, bytes, 0)).toMatchObject({ kind: "written" })
    expect(await hub.write("announcements", `${boxB}.04`, bytes, 0)).toMatchObject({
      kind: "refused",
      why: expect.stringContaining(`does not let this box write to k.gate.${boxB}.04`),
    })
    expect(await hub.read("announcements", 0, 10)).toMatchObject({ kind: "read", isEnd: true, entries: [{ kind: "record" }] })
    expect(await hub.read("records", 0, 10)).toMatchObject({ kind: "read", isEnd: true, entries: [{ kind: "record" }] })
    expect(await hub.mark("records", "m")).toEqual({ kind: "marked" })
    expect(await hub.mark("sightings", "m")).toMatchObject({ kind: "unreachable" })
    expect(await hub.lease.write("me", 0)).toMatchObject({ kind: "written" })
    const erased = await hub.latest("erasures", entity(2))
    const kept = await hub.latest("records", entity(1))
    if (erased.kind !== "found" || kept.kind !== "found") throw new Error("what was written is not there")
    expect(await hub.remove("erasures", erased.entry)).toMatchObject({
      kind: "unreachable",
      why: expect.stringContaining("does not let"),
    })
    expect(await hub.remove("records", kept.entry)).toEqual({ kind: "removed" })

    // The key alone is not enough: answers come back under the box's own name.
    const disguised = await openNatsHub({ ...options, box: boxB, nkeySeed: a.seed })
    expect(disguised.kind).toBe("failed")
  }, 30_000)

  test("what is too large for the hub is refused, and the line stays", async () => {
    using folder = tempFolder()
    await using server = await startServer(folder.path, { more: "max_payload: 4096" })
    await using hub = await openHub(hubOptions(server))
    expect(await hub.write("records", entity(1), new Uint8Array(5000), 0)).toMatchObject({ kind: "refused" })
    expect(await hub.write("records", entity(1), bytes, 0)).toMatchObject({ kind: "written" })
  })

  test("streams that would lose data are not used", async () => {
    using folder = tempFolder()
    await using server = await startServer(folder.path)
    const { connect } = await import("@nats-io/transport-node")
    const { jetstreamManager } = await import("@nats-io/jetstream")
    const connection = await connect({ servers: server.address })
    const manager = await jetstreamManager(connection)
    await manager.streams.add({ name: "g-gate", subjects: ["g.gate.>"], max_age: 3600e9, max_msgs_per_subject: 1 })
    await connection.close()
    const opened = await openNatsHub(hubOptions(server))
    expect(opened).toMatchObject({ kind: "failed" })
    const why = opened.kind === "failed" ? opened.why : ""
    for (const word of ["max_age", "max_msgs_per_subject", "subjects"]) expect(why).toContain(word)
    expect(why).not.toContain("storage")
  })
})

describe("certificates", () => {
  test("a hub of another authority and a box without a certificate are refused, each by its name", async () => {
    using folder = tempFolder()
    const [site, other] = [authority(join(folder.path, "site")), authority(join(folder.path, "other"))]
    const [hubs, box, foreign] = [site.issue("hub"), site.issue("box"), other.issue("box")]
    const tls = `tls { cert_file: "${hubs.certPath}", key_file: "${hubs.keyPath}", ca_file: "${site.caPath}", verify: true }`
    await using server = await startServer(folder.path, { more: tls })
    const options = hubOptions(server)
    const pem = ({ cert, key }: typeof box) => ({ cert, key })
    await using hub = await openHub({ ...options, tls: { ca: site.ca, ...pem(box) } })
    expect(await hub.write("records", entity(1), bytes, 0)).toMatchObject({ kind: "written" })

    const whyNot = async (tls: { ca: string; cert?: string; key?: string } | undefined) => {
      const opened = await openNatsHub({ ...options, ...(tls === undefined ? {} : { tls }) })
      return opened.kind === "failed" ? opened.why : "opened"
    }
    const refused = await Promise.all([whyNot({ ca: site.ca }), whyNot({ ca: site.ca, ...pem(foreign) })])
    for (const why of refused) expect(why).toContain("refuses this box's certificate")
    expect(await whyNot({ ca: other.ca, ...pem(box) })).toContain("not by the authority that this box trusts")
    expect(await whyNot(undefined)).not.toBe("opened")
  }, 30_000)
})

/** A certificate authority of a moment. */
function authority(folder: string) {
  mkdirSync(folder)
  const at = (name: string) => join(folder, name)
  const openssl = (...words: readonly string[]) => {
    const { exitCode, stderr } = Bun.spawnSync(["openssl", ...words])
    if (exitCode !== 0) throw new Error(`openssl ${words[0]}: ${stderr.toString()}`)
  }
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
  openssl("req", "-x509", ...key, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "2", "-subj", "/CN=test authority")
  return {
    ca: readFileSync(at("ca.pem"), "utf8"),
    caPath: at("ca.pem"),
    issue(name: string) {
      const [keyPath, certPath] = [at(`${name}.key`), at(`${name}.pem`)]
      const names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
      openssl("req", ...key, "-keyout", keyPath, "-out", at(`${name}.csr`), "-subj", `/CN=${name}`, ...names)
      const by = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-copy_extensions", "copy"]
      openssl("x509", "-req", "-in", at(`${name}.csr`), ...by, "-out", certPath, "-days", "2")
      return { keyPath, certPath, key: readFileSync(keyPath, "utf8"), cert: readFileSync(certPath, "utf8") }
    },
  }
}
