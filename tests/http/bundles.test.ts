import { expect, test } from "bun:test"
import { bundleMediaType } from "../../app/http/routes/bundles.ts"
import { createBundleSite } from "../sync/bundle/support.ts"
import { entity } from "../sync/support.ts"
import { openTestBox } from "./box.ts"

const names = { "gate-1": "0a0a0a0a", "gate-2": "0b0b0b0b" }

async function twoBoxes() {
  const site = createBundleSite(names)
  const [a, b] = [site.box("gate-1"), site.box("gate-2")]
  a.enrol(1, 300)
  a.write("erase", entity(7))
  const [first, second] = [
    await openTestBox({ bundles: async () => a.bundles }),
    await openTestBox({ bundles: async () => b.bundles }),
  ]
  const close = async () => {
    await first[Symbol.asyncDispose]()
    await second[Symbol.asyncDispose]()
  }
  return { a, b, first, second, [Symbol.asyncDispose]: close }
}

const headers = { "content-type": bundleMediaType }

test("a bundle goes from box to box over HTTP, and the receipt goes back", async () => {
  await using site = await twoBoxes()
  const { a, b, first, second } = site
  const out = await first.ask("GET", "/v1/bundles?for=gate-2")
  expect(out.status).toBe(200)
  expect(out.headers.get("content-type")).toBe(bundleMediaType)
  expect(out.headers.get("content-disposition")).toMatch(/filename="gate-0a0a0a0a-\d+\.bundle"/)
  const imported = await second.ask("POST", "/v1/bundles", { headers, body: out.bytes })
  expect(imported).toMatchObject({
    status: 200,
    json: { changed: 300, known: 0, refused: [], wasKnown: false, exporterName: "gate-1" },
  })
  expect(b.digest()).toEqual(a.digest())
  expect((await second.ask("POST", "/v1/bundles", { headers, body: out.bytes })).json).toMatchObject({
    changed: 0,
    wasKnown: true,
  })

  const confirmed = await first.json("POST", "/v1/bundles/receipts", imported.json.receipt)
  expect(confirmed).toMatchObject({ status: 200, json: { receiver: b.member, receiverName: "gate-2" } })
  a.enrol(500, 2)
  const next = await first.ask("GET", "/v1/bundles?for=gate-2")
  expect(next.bytes.length).toBeLessThan(out.bytes.length / 10)
  expect((await second.ask("POST", "/v1/bundles", { headers, body: next.bytes })).json).toMatchObject({ changed: 2, known: 0 })
  expect(b.digest()).toEqual(a.digest())
})

test("what is not taken has a code and says why", async () => {
  await using site = await twoBoxes()
  const { b, first, second } = site
  const { bytes } = await first.ask("GET", "/v1/bundles")
  const post = async (body: Uint8Array) => {
    const { status, json } = await second.ask("POST", "/v1/bundles", { headers, body: Uint8Array.from(body) })
    return [status, json.error.code, json.error.details.why]
  }
  expect(await post(new TextEncoder().encode("a picture of a cat"))).toEqual([400, "bad_request", "no_bundle"])
  expect(await post(bytes.subarray(0, bytes.length - 5))).toEqual([400, "bad_request", "truncated"])
  expect(b.disk.rows().size).toBe(300)
  const changed = Uint8Array.from(bytes)
  changed[bytes.length - 5]! ^= 1
  expect(await post(changed)).toEqual([400, "bad_request", "tampered"])
  const strangers = createBundleSite(names, undefined, "harbour").box("gate-1")
  await using stranger = await openTestBox({ bundles: async () => strangers.bundles })
  expect(await post((await stranger.ask("GET", "/v1/bundles")).bytes)).toEqual([403, "forbidden", "other_site"])
  const foreign = await strangers.bundles.import(
    (async function* () {
      yield (await stranger.ask("GET", "/v1/bundles")).bytes
    })(),
  )
  if (foreign.kind !== "imported") throw new Error(foreign.kind)
  expect(await first.json("POST", "/v1/bundles/receipts", foreign.receipt)).toMatchObject({ status: 403 })
})

test("a box without a site, an unknown receiver, a second export at a time, and one that nobody reads to its end", async () => {
  await using alone = await openTestBox()
  for (const [method, path, init] of [
    ["GET", "/v1/bundles", {}],
    ["POST", "/v1/bundles", { headers, body: "x" }],
  ] as const)
    expect((await alone.ask(method, path, init)).status).toBe(409)
  await using site = await twoBoxes()
  expect((await site.first.ask("GET", "/v1/bundles?for=gate-9")).status).toBe(400)
  const half = await site.first.askRaw("GET", "/v1/bundles")
  expect((await site.first.ask("GET", "/v1/bundles")).status).toBe(503)
  await half.body?.cancel()
  expect((await site.first.ask("GET", "/v1/bundles")).status).toBe(200)
  expect((await site.first.askWithoutKey("GET", "/v1/bundles")).status).toBe(401)
})
