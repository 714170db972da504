import { expect, test } from "bun:test"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { networkInterfaces } from "node:os"
import { connect, type SecureVersion } from "node:tls"
import { selfCommand } from "../../app/base/self.ts"
import { writeKeyFile } from "../../app/vault/master-file.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"

/** The whole program on real sockets, from its first start until somebody owns it, asked by another address than its own. */

/** An address of this machine that is not its loopback: whoever asks there comes over the network, as far as the box can tell. */
const outside = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.internal === false && one.family === "IPv4")?.address

interface NewBox extends AsyncDisposable {
  /** What it has said on its console until it listened. */
  readonly said: string
  readonly plain: string
  readonly secure: string
  readonly securePort: number
}

const fileCode = "7K3QM-X9D1A"
const wrongCode = "00000-00000"
const ownKey = "an-admin-key-of-my-own"

/** The folder of one box, with the settings of all its starts. */
function boxFolder(folder: TempFolder, more: Record<string, string>) {
  const config = folder.file("config.jsonc")
  const doors = { host: "0.0.0.0", port: 0, tls: { port: 0 } }
  writeFileSync(config, JSON.stringify({ http: doors, inference: { modelSet: "default", engines: 1 } }))
  const { GATEHOUSE_ADMIN_KEY: _none, ...env } = process.env
  const settings = { GATEHOUSE_CONFIG: config, GATEHOUSE_DATA: folder.file("data"), GATEHOUSE_LOG: "debug", ...more }
  return { folder, config, env: { ...env, ...settings } }
}
type BoxFolder = ReturnType<typeof boxFolder>

async function start({ folder, env }: BoxFolder): Promise<NewBox> {
  const log = Bun.file(folder.file(`log-${crypto.randomUUID()}`))
  const box = Bun.spawn([...selfCommand(), "serve"], { env, stdin: "ignore", stdout: "pipe", stderr: log })
  let said = ""
  for await (const chunk of box.stdout) {
    said += Buffer.from(chunk).toString()
    const [, plainPort] = /http:\/\/0\.0\.0\.0:(\d+)/.exec(said) ?? []
    const [, securePort] = /https:\/\/0\.0\.0\.0:(\d+)/.exec(said) ?? []
    if (!said.endsWith("\n") || securePort === undefined) continue
    return {
      said,
      plain: `http://${outside}:${plainPort}`,
      secure: `https://${outside}:${securePort}`,
      securePort: Number(securePort),
      [Symbol.asyncDispose]: async () => {
        // As a power cut: what was counted has to be on the disk.
        box.kill("SIGKILL")
        await box.exited
      },
    }
  }
  throw new Error(`the box ended without opening its doors: ${said}${await log.text()}`)
}

async function ask(url: string, init: RequestInit = {}) {
  const answer = await fetch(url, { ...init, tls: { rejectUnauthorized: false } })
  const text = await answer.text()
  const json = answer.headers.get("content-type") === "application/json" ? JSON.parse(text) : undefined
  return { status: answer.status, text, json }
}

const claim = (box: NewBox, code: string, adminKey?: string) =>
  ask(`${box.secure}/setup`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code, ...(adminKey === undefined ? {} : { adminKey }) }),
  })

/** The command line beside the box, which took another port than it was told. */
async function gatehouse({ config, env }: BoxFolder, box: NewBox, ...args: readonly string[]) {
  writeFileSync(config, JSON.stringify({ http: { tls: { port: box.securePort } } }))
  const child = Bun.spawn([...selfCommand(), ...args], {
    env: { ...env, GATEHOUSE_LOG: "warn" },
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { code, out: out.trim(), err: err.trim() }
}

/** What is shown to whoever connects with that version of TLS; or why the connection was refused. */
function handshake(port: number, version: SecureVersion): Promise<string> {
  return new Promise((settle) => {
    const socket = connect({ host: outside, port, rejectUnauthorized: false, minVersion: version, maxVersion: version })
    socket.once("secureConnect", () => {
      settle(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.once("error", (error) => settle(error.message))
  })
}

test.skipIf(outside === undefined)(
  "a box that was flashed with a code, from its first start to its second",
  async () => {
    using folder = tempFolder()
    const [codeFile, keyFile] = [folder.file("claim-code"), folder.file("master.key")]
    writeFileSync(codeFile, `${fileCode}\n`, { mode: 0o600 })
    expect(writeKeyFile(keyFile, createMaterial()).kind).toBe("ok")
    const place = boxFolder(folder, { GATEHOUSE_CLAIM_CODE_FILE: codeFile, GATEHOUSE_MASTER_KEY_FILE: keyFile })

    const fingerprints: string[] = []
    {
      await using box = await start(place)
      expect(box.said).toContain("Nobody owns this box yet")
      fingerprints.push(/SHA-256 ([0-9A-F:]{95})/.exec(box.said)?.[1] ?? "")
      expect(await handshake(box.securePort, "TLSv1.3")).toBe(fingerprints[0] ?? "?")
      expect(await handshake(box.securePort, "TLSv1.2")).toMatch(/alert|version|closed|reset/i)

      for (const path of ["/healthz", "/setup", "/readyz", "/metrics", "/docs", "/v1/subjects", "/nowhere"]) {
        const plain = await ask(`${box.plain}${path}`, { redirect: "manual", headers: { "x-api-key": "any" } })
        expect([plain.status, plain.json?.error.code]).toEqual([403, "unclaimed"])
        expect(plain.json.error.message).toContain(`${box.secure}/setup`)
      }
      const form = { method: "POST", body: new URLSearchParams({ code: fileCode }) }
      expect((await ask(`${box.plain}/setup`, form)).status).toBe(403)
      expect((await ask(`${box.secure}/healthz`)).status).toBe(200)
      expect((await ask(`${box.secure}/setup`)).text).toContain('name="code"')
      for (const path of ["/readyz", "/metrics", "/docs", "/v1/subjects", "/setup/", "/healthz/x"])
        expect((await ask(`${box.secure}${path}`)).json?.error.code).toBe("unclaimed")
      expect((await ask(`${box.plain.replace(outside ?? "", "127.0.0.1")}/healthz`)).status).toBe(200)

      expect((await claim(box, wrongCode)).json.error.details).toEqual({ reason: "wrong_code", triesLeft: 4 })
    }
    {
      // Tries outlive a kill; and of many claims at one moment one wins.
      await using box = await start(place)
      expect((await claim(box, wrongCode)).json.error.details).toEqual({ reason: "wrong_code", triesLeft: 3 })
      const claims = await Promise.all(Array.from({ length: 20 }, () => claim(box, fileCode, ownKey)))
      expect(claims.map(({ status }) => status).toSorted()).toEqual([201, ...Array<number>(19).fill(409)])
      const won = claims.find(({ status }) => status === 201)?.json
      expect(won).toEqual({
        adminKey: ownKey,
        recovery: "made",
        recoveryKey: expect.stringMatching(/^([0-9A-Z]{4}-){7}[0-9A-Z]{4}$/),
      })

      const headers = { "x-api-key": ownKey }
      // From now on as any box: over HTTPS and, as it is told to, over plain HTTP.
      for (const url of [box.secure, box.plain]) {
        expect((await ask(`${url}/v1/subjects`, { headers })).status).toBe(200)
        expect((await ask(`${url}/v1/subjects`)).status).toBe(401)
      }
      expect((await ask(`${box.secure}/setup`)).text).toContain("This box has its owner")
      expect(await gatehouse(place, box, "admin", "claim-code")).toMatchObject({
        code: 3,
        err: expect.stringContaining("reset-key"),
      })
      expect(await gatehouse(place, box, "admin", "fingerprint")).toMatchObject({ code: 0, out: fingerprints[0] ?? "?" })
      for (const name of readdirSync(folder.path).filter((name) => name.startsWith("log-"))) {
        const log = readFileSync(folder.file(name), "utf8")
        expect(log).toContain("listening")
        for (const secret of [fileCode, fileCode.replace("-", ""), ownKey, won.recoveryKey]) expect(log).not.toContain(secret)
      }
    }
    {
      boxFolder(folder, {})
      await using box = await start(place)
      expect(box.said).not.toContain("Nobody owns")
      expect(await handshake(box.securePort, "TLSv1.3")).toBe(fingerprints[0] ?? "?")
      expect((await claim(box, fileCode)).status).toBe(409)
      expect((await ask(`${box.secure}/v1/subjects`, { headers: { "x-api-key": ownKey } })).status).toBe(200)
    }
  },
  90_000,
)

test.skipIf(outside === undefined)(
  "a box without a code makes one, five wrong tries lock it, and the command gives another",
  async () => {
    using folder = tempFolder()
    const place = boxFolder(folder, { GATEHOUSE_CLAIM: "required" })
    await using box = await start(place)
    expect(box.said).not.toContain("Admin key")
    const made = /with the code ([0-9A-Z]{5}-[0-9A-Z]{5})\n/.exec(box.said)?.[1] ?? ""
    for (const triesLeft of [4, 3, 2, 1, 0])
      expect((await claim(box, wrongCode)).json.error.details).toEqual({ reason: "wrong_code", triesLeft })
    expect((await claim(box, made)).json.error).toMatchObject({ code: "claim_refused", details: { reason: "locked" } })

    const { out } = await gatehouse(place, box, "admin", "claim-code")
    expect(out).toMatch(/^[0-9A-Z]{5}-[0-9A-Z]{5}$/)
    expect((await claim(box, made)).json.error.details).toEqual({ reason: "wrong_code", triesLeft: 4 })
    const claimed = await claim(box, out.toLowerCase().replace("-", " "))
    expect(claimed).toMatchObject({ status: 201, json: { recovery: "not_sealed" } })
    const headers = { "x-api-key": claimed.json.adminKey }
    expect((await ask(`${box.secure}/v1/subjects`, { headers })).status).toBe(200)
  },
  60_000,
)

test("whoever starts a box by hand sees an admin key, and no HTTPS", async () => {
  using folder = tempFolder()
  const { env } = boxFolder(folder, { GATEHOUSE_PORT: "0" })
  const box = Bun.spawn([...selfCommand(), "serve"], { env, stdin: "ignore", stdout: "pipe", stderr: "ignore" })
  let said = ""
  for await (const chunk of box.stdout) {
    said += Buffer.from(chunk).toString()
    if (said.includes("reset-key")) break
  }
  box.kill("SIGKILL")
  await box.exited
  expect(said).toMatch(/Admin key, shown this once: gh_\w{43}\n/)
  expect(said).not.toContain("https")
})
