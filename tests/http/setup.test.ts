import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { connect } from "node:net"
import type { Claim, Claimed } from "../../app/access/claim.ts"
import { type Connection, createHttpApp } from "../../app/http/app.ts"
import { httpOptions } from "../../app/http/options.ts"
import { serveHttp } from "../../app/http/serve.ts"
import { openTestBox, type TestBox } from "./box.ts"

const secure = { address: "192.0.2.7", isSecure: true }
const form = { "content-type": "application/x-www-form-urlencoded" }
const json = { "content-type": "application/json" }

/** What the next claim comes to, and what was attempted since it was said. */
let outcome: Claimed = { kind: "locked" }
let attempts: unknown[] = []
const claim: Pick<Claim, "isAwaited" | "claim"> = {
  isAwaited: () => true,
  claim(attempt) {
    attempts.push(attempt)
    return outcome
  },
}

let box: TestBox
let app: ReturnType<typeof createHttpApp>
beforeAll(async () => {
  // Each test asks again and again, from one address.
  const http = { ...httpOptions.parse({}), ratePerSecond: 0 }
  box = await openTestBox({ claim, securePort: () => 8443, http })
  app = createHttpApp(box.needs)
})
afterAll(() => box[Symbol.asyncDispose]())

function claimEnds(claimed: Claimed): void {
  outcome = claimed
  attempts = []
}

const page = (query = "", headers: Record<string, string> = {}) =>
  box.askWithoutKey("GET", `/setup${query}`, { headers }, secure)
const send = (body: string, headers: Record<string, string> = {}, query = "") =>
  box.askWithoutKey("POST", `/setup${query}`, { body, headers: { ...form, ...headers } }, secure)

const made = { kind: "made", key: "AAAA-BBBB-<b>" } as const
const won: Claimed = { kind: "claimed", adminKey: "gh_<&key>", recovery: made }

describe("the page", () => {
  test("is one file that loads nothing and runs nothing", async () => {
    const { status, text, headers } = await page()
    expect(status).toBe(200)
    const policy = headers.get("content-security-policy") ?? ""
    expect(policy).toStartWith("default-src 'none'; style-src 'sha256-")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(headers.get("cache-control")).toBe("no-store")
    expect(text).not.toContain("<script")
    expect(text).not.toMatch(/https?:/)
    expect([...text.matchAll(/(?:src|href|action)="([^"]+)"/g)].map(([, to]) => to)).toEqual([
      "data:,",
      "/setup?lang=zh",
      "/setup?lang=en",
    ])
    // The style is the one that the policy knows.
    const style = /<style>(.*)<\/style>/s.exec(text)?.[1] ?? ""
    expect(policy).toContain(`'sha256-${new Bun.CryptoHasher("sha256").update(style).digest("base64")}'`)
  })

  test.each([
    ["nothing", undefined, "en"],
    ["Chinese", "zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"],
    ["English before Chinese", "en-GB,en;q=0.9,zh;q=0.8", "en"],
    ["Chinese after one we do not speak", "fr-FR,fr;q=0.9,zh-TW;q=0.8", "zh-Hans"],
    ["none that we speak", "fr", "en"],
    ["nonsense", ";;;,=", "en"],
  ])("a browser that wants %s", async (_what, accepted, lang) => {
    const { text } = await page("", accepted === undefined ? {} : { "accept-language": accepted })
    expect(text).toContain(`<html lang="${lang}">`)
  })

  test("the language that is chosen is stronger, and an unknown one is refused", async () => {
    expect((await page("?lang=zh", { "accept-language": "en" })).text).toContain("认领此设备")
    expect((await page("?lang=en", { "accept-language": "zh" })).text).toContain("Claim this box")
    expect((await page("?lang=fr")).status).toBe(400)
  })

  test("of a box that has its owner has no form", async () => {
    await using owned = await openTestBox()
    const { status, text } = await owned.askWithoutKey("GET", "/setup", {}, secure)
    expect([status, text.includes("<form")]).toEqual([200, false])
    expect(text).toContain("This box has its owner")
  })
})

describe("a form", () => {
  test("that wins shows the keys, escaped, once, and no link that would lose them but the one onwards", async () => {
    claimEnds(won)
    const { status, text } = await send("code=7k3qm-x9d1a&adminKey=")
    expect(status).toBe(200)
    expect(attempts).toEqual([{ code: "7k3qm-x9d1a" }])
    expect(text).toContain("<output>gh_&lt;&amp;key&gt;</output>")
    expect(text).toContain("<output>AAAA-BBBB-&lt;b&gt;</output>")
    expect([...text.matchAll(/href="([^"]+)"/g)].map(([, to]) => to)).toEqual(["data:,", "/docs"])
  })

  test("may bring a key of one's own", async () => {
    claimEnds(won)
    await send(new URLSearchParams({ code: "7K3QMX9D1A", adminKey: "my=own&key+0123456" }).toString())
    expect(attempts).toEqual([{ code: "7K3QMX9D1A", adminKey: "my=own&key+0123456" }])
  })

  test.each([
    ["not_sealed", { kind: "not_sealed" }, "is not sealed", "未封存"],
    ["held", { kind: "held" }, "was given out before", "此前已经给出"],
    ["failed", { kind: "failed", why: "x" }, "No recovery key could be made", "未能生成恢复密钥"],
  ] as const)("without a recovery key (%s) says why", async (_what, recovery, english, chinese) => {
    claimEnds({ ...won, recovery })
    expect((await send("code=x")).text).toContain(english)
    expect((await send("code=x", {}, "?lang=zh")).text).toContain(chinese)
  })

  test.each([
    [{ kind: "wrong_code", triesLeft: 3 }, 403, "3 tries are left", "还可尝试 3 次"],
    [{ kind: "wrong_code", triesLeft: 1 }, 403, "One try is left", "还可尝试 1 次"],
    [{ kind: "wrong_code", triesLeft: 0 }, 403, "it was the last try", "尝试次数已用完"],
    [{ kind: "locked" }, 403, "Too many wrong codes", "已锁定"],
    [{ kind: "expired" }, 403, "they are over", "现已过期"],
    [{ kind: "mistyped", why: "x" }, 400, "did not count as a try", "不计入尝试次数"],
    [{ kind: "already_claimed" }, 409, "has its owner", "已有所有者"],
  ] as const)(
    "that is refused (%j) is answered by a page that says why and what to do",
    async (claimed, status, english, chinese) => {
      claimEnds(claimed)
      const asked = await send("code=7K3QMX9D1A")
      expect([asked.status, asked.text.includes(english), asked.headers.has("content-security-policy")]).toEqual([
        status,
        true,
        true,
      ])
      expect((await send("code=7K3QMX9D1A", {}, "?lang=zh")).text).toContain(chinese)
    },
  )

  test.each([
    ["no code", "adminKey="],
    ["a short key of one's own", "code=7K3QMX9D1A&adminKey=short"],
    ["a key with a blank", "code=7K3QMX9D1A&adminKey=0123456789+abcdefg"],
    ["a field that nobody asked for", "code=7K3QMX9D1A&role=admin"],
    ["two codes in one field", `code=${"7K3QMX9D1A".repeat(20)}`],
  ])("with %s is no try", async (_what, body) => {
    claimEnds(won)
    const asked = await send(body)
    expect([asked.status, asked.text.includes('role="alert"')]).toEqual([400, true])
    expect(attempts).toEqual([])
  })

  test.each([
    ["a page of another site", { "sec-fetch-site": "cross-site" }, 403],
    ["a page of a neighbour", { "sec-fetch-site": "same-site" }, 403],
    ["a page elsewhere, by an old browser", { origin: "https://elsewhere.example", host: "gate.local:8443" }, 403],
    ["the page itself", { "sec-fetch-site": "same-origin", origin: "https://gate.local:8443" }, 200],
    ["the page itself, by an old browser", { origin: "https://gate.local:8443", host: "gate.local:8443" }, 200],
    ["a program", {}, 200],
  ] as const)("from %s", async (_who, headers, status) => {
    claimEnds(won)
    expect((await send("code=7K3QMX9D1A", headers)).status).toBe(status)
    expect(attempts).toHaveLength(status === 200 ? 1 : 0)
  })
})

describe("JSON", () => {
  const claimBy = (body: unknown) => box.askWithoutKey("POST", "/setup", { body: JSON.stringify(body), headers: json }, secure)

  test("that wins gets the keys", async () => {
    claimEnds(won)
    const asked = await claimBy({ code: "7K3QMX9D1A", adminKey: "my-own-key-0123456" })
    expect([asked.status, asked.json]).toEqual([201, { adminKey: "gh_<&key>", recovery: "made", recoveryKey: "AAAA-BBBB-<b>" }])
    expect(attempts).toEqual([{ code: "7K3QMX9D1A", adminKey: "my-own-key-0123456" }])
  })

  test.each([
    [{ kind: "wrong_code", triesLeft: 3 }, 403, "claim_refused", { reason: "wrong_code", triesLeft: 3 }],
    [{ kind: "locked" }, 403, "claim_refused", { reason: "locked" }],
    [{ kind: "expired" }, 403, "claim_refused", { reason: "expired" }],
    [{ kind: "mistyped", why: "it has nine" }, 400, "bad_request", undefined],
    [{ kind: "already_claimed" }, 409, "conflict", undefined],
  ] as const)("that is refused (%j)", async (claimed, status, code, details) => {
    claimEnds(claimed)
    const { json, ...asked } = await claimBy({ code: "7K3QMX9D1A" })
    expect([asked.status, json.error.code, json.error.details]).toEqual([status, code, details])
  })

  test.each([{}, { code: 7 }, { code: "7K3QMX9D1A", adminKey: "short" }, { code: "7K3QMX9D1A", role: "admin" }])(
    "%j is no try",
    async (body) => {
      claimEnds(won)
      expect((await claimBy(body)).status).toBe(400)
      expect(attempts).toEqual([])
    },
  )

  test("too often from one address is answered so, and others are not held up", async () => {
    const http = { ...box.needs.http, ratePerSecond: 1, rateBurst: 3 }
    const limited = createHttpApp({ ...box.needs, http })
    const ask = async (connection: Connection) => (await limited.request("/setup", {}, connection)).status
    expect([await ask(secure), await ask(secure), await ask(secure), await ask(secure)]).toEqual([200, 200, 200, 429])
    expect(await ask({ ...secure, address: "192.0.2.8" })).toBe(200)
  })
})

/** Sends `text` as it is, and gives back what comes until the other side closes. */
function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((settle) => {
    let answer = ""
    const socket = connect(port, "127.0.0.1", () => socket.write(text))
    socket.on("data", (data) => {
      answer += data.toString()
    })
    socket.on("close", () => settle(answer))
  })
}

/** Whatever comes, and nothing is held to what a route says: none has been reached. */
async function askRaw(method: string, path: string, connection: Connection, init: RequestInit = {}) {
  const answer = await app.request(path, { ...init, method: method.toUpperCase() }, connection)
  const text = await answer.text()
  const { error } = answer.headers.get("content-type") === "application/json" ? JSON.parse(text) : {}
  return { status: answer.status, code: error?.code, message: error?.message }
}

describe("until somebody claims it", () => {
  const far = { address: "192.0.2.7" }
  const near = { address: "127.0.0.1" }
  const behindProxy = { headers: { "x-forwarded-for": "192.0.2.7" } }

  test("no route but two answers the network, and those over HTTPS alone", async () => {
    claimEnds(won)
    for (const { method, path } of [
      ...box.routes,
      { method: "get", path: "/nowhere" },
      { method: "options", path: "/v1/subjects" },
    ]) {
      const asked = path.replace("{id}", crypto.randomUUID()).replace("{camera}", "door")
      for (const connection of [far, { ...far, isSecure: true }, {}]) {
        const isOpen = "isSecure" in connection && ["/setup", "/healthz"].includes(path)
        const answer = await askRaw(method, asked, connection)
        expect([method, path, connection, answer.code === "unclaimed"]).toEqual([method, path, connection, !isOpen])
        if (!isOpen)
          expect([answer.status, answer.message]).toEqual([403, expect.stringContaining("https://localhost:8443/setup")])
      }
    }
  })

  test.each(["<script>", "a b", "", "box:99999", "é"])("a caller that names the host %j is refused as any", async (host) => {
    const server = serveHttp(app, { host: "0.0.0.0", port: 0, drainMs: 100 })
    const answer = await sendRaw(
      Number(new URL(server.url).port),
      `GET /docs HTTP/1.1\r\nhost: ${host}\r\nvia: x\r\nconnection: close\r\n\r\n`,
    )
    await server.stop()
    expect(answer).toStartWith("HTTP/1.1 403")
    expect(answer).toMatch(/https:\/\/[a-z0-9.-]+:8443\/setup/)
  })

  test("this very machine is answered as ever, but not through a proxy", async () => {
    claimEnds(won)
    for (const path of ["/healthz", "/readyz", "/metrics"])
      expect((await box.askWithoutKey("GET", path, {}, near)).status).toBe(200)
    expect((await box.askWithoutKey("GET", "/v1/system", {}, near)).status).toBe(401)
    expect((await askRaw("get", "/metrics", near, behindProxy)).code).toBe("unclaimed")
    // What is typed there must not be read on the way, nor be typed where it could be.
    expect((await box.askWithoutKey("GET", "/setup", {}, near)).json.error).toMatchObject({ code: "forbidden" })
  })
})
