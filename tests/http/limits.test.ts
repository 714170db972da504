import { expect, test } from "bun:test"
import { httpOptions } from "../../app/http/options.ts"
import { createRateLimit } from "../../app/http/rate.ts"
import { paint } from "../support/painted.ts"
import { openTestBox, testKey } from "./box.ts"

const limited = (ratePerSecond: number, rateBurst: number) => ({ http: httpOptions.parse({ ratePerSecond, rateBurst }) })

const statuses = (answers: readonly { readonly status: number }[]) => answers.map(({ status }) => status)

async function times<Answer>(count: number, ask: () => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let i = 0; i < count; i++) answers.push(await ask())
  return answers
}

test("a client above its rate gets 429 with the time to its next request, and is served again when that has passed", async () => {
  await using box = await openTestBox(limited(1, 3))
  const ask = () => box.ask("POST", "/v1/detect", { body: paint(), headers: { "content-type": "image/jpeg" } })
  const answers = await times(5, ask)
  expect(statuses(answers)).toEqual([200, 200, 200, 429, 429])
  expect(answers[4]?.json.error.code).toBe("rate_limited")
  expect(answers[4]?.headers.get("retry-after")).toBe("1")
  await Bun.sleep(1050)
  expect((await ask()).status).toBe(200)
  const { text } = await box.askWithoutKey("GET", "/metrics", {}, { address: "127.0.0.1" })
  expect(text).toContain(`gatehouse_refused_total{reason="rate_limited"} 2`)
})

test("every route with a key counts, whatever its answer; health, figures and the document never do", async () => {
  await using box = await openTestBox(limited(0.001, 4))
  expect(
    statuses([
      await box.ask("GET", "/v1/subjects"),
      await box.ask("GET", "/v1/subjects/7"),
      await box.ask("POST", "/v1/search"),
      await box.ask("GET", "/v1/system"),
      await box.ask("GET", "/v1/system"),
      await box.ask("GET", "/metrics", {}, { address: "192.0.2.7" }),
    ]),
  ).toEqual([200, 404, 415, 200, 429, 429])
  for (const path of ["/healthz", "/readyz", "/openapi.json", "/metrics"])
    expect(statuses(await times(6, () => box.ask("GET", path, {}, { address: "127.0.0.1" })))).toEqual(Array(6).fill(200))
})

test("whoever tries keys is slowed by address, and the right key of somebody else goes on working", async () => {
  await using box = await openTestBox(limited(0.001, 2))
  const guess = (address: string) => () =>
    box.askWithoutKey("GET", "/v1/system", { headers: { "x-api-key": `gh_${Math.random()}` } }, { address })
  expect(statuses(await times(3, guess("192.0.2.7")))).toEqual([401, 401, 429])
  expect(statuses(await times(1, guess("192.0.2.8")))).toEqual([401])
  const withKey = { headers: { "x-api-key": testKey } }
  expect((await box.askWithoutKey("GET", "/v1/system", withKey, { address: "192.0.2.7" })).status).toBe(200)
})

test("a rate of 0 limits nobody", async () => {
  await using box = await openTestBox(limited(0, 1))
  expect(statuses(await times(5, () => box.ask("GET", "/v1/system")))).toEqual(Array(5).fill(200))
})

test("of too many clients those that asked longest ago are forgotten", () => {
  const rate = createRateLimit({ ratePerSecond: 0.001, rateBurst: 1 })
  expect(rate.take("first")).toBeUndefined()
  expect(rate.take("first")?.code).toBe("rate_limited")
  for (let i = 0; i < 1000; i++) rate.take(`client ${i}`)
  expect(rate.take("client 999")?.code).toBe("rate_limited")
  expect(rate.take("first")).toBeUndefined()
})

test("the time to the next request is the bucket's own", () => {
  const rate = createRateLimit({ ratePerSecond: 0.1, rateBurst: 2 })
  expect(rate.take("a")).toBeUndefined()
  expect(rate.take("a")).toBeUndefined()
  expect(rate.take("a")?.retryAfterS).toBeWithin(9, 10.1)
})
