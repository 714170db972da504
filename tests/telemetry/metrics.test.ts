import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { createMetrics } from "../../app/base/metrics.ts"
import { watchEventLoop } from "../../app/base/metrics-process.ts"
import { projectRoot } from "../../app/base/paths.ts"
import { createRecent, type Recent } from "../../app/base/recent.ts"
import { openTestBox, type TestBox } from "../http/box.ts"
import { paint } from "../support/painted.ts"

const near = { address: "127.0.0.1" }
const jpeg = { "content-type": "image/jpeg" }

test.each(["docs/operations.md", "docs/zh/operations.md"])("%s says of every metric what it means", (path) => {
  const page = readFileSync(join(projectRoot, path), "utf8")
  const { registry } = createMetrics()
  const names = registry.getMetricsAsArray().map(({ name }) => name)
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  // And of none that is gone.
  const documented = [...page.matchAll(/`((?:gatehouse|process)_[a-z_]+)`/g)].map(([, name]) => name ?? "")
  expect(documented.filter((name) => !names.includes(name))).toEqual([])
})

/** Asks what a day of callers might ask, all of it with words of this round. */
async function askAround(box: TestBox, round: string): Promise<void> {
  const { id } = (await box.json("POST", "/v1/subjects", { name: `Ada ${round}` })).json
  await box.ask("POST", `/v1/subjects/${id}/faces`, { body: paint({ person: round }), headers: jpeg })
  for (const person of [round, `not ${round}`])
    await box.ask("POST", "/v1/recognize", { body: paint({ person }), headers: { ...jpeg, "user-agent": round } })
  await box.ask("POST", "/v1/recognize", { body: "no picture", headers: { "content-type": `image/${round}` } })
  const { status } = await box.ask("POST", `/ingest/${round}`, { body: paint({ person: round }), headers: jpeg })
  expect(status).toBe(200)
  await box.ask("POST", `/v1/recognize?camera=${round}`, { body: paint({ person: round }), headers: jpeg })
  await box.ask("GET", `/v1/sightings?camera=${round}`)
  await box.ask("GET", `/v1/subjects/${id}`)
  await box.ask("GET", `/v1/subjects?name=Ada%20${round}`)
  await box.ask("DELETE", `/v1/subjects/${id}`)
  await box.ask("GET", `/v1/subjects/${id}`)
  await box.ask("GET", `/${round}/${crypto.randomUUID()}`)
  await box.askRaw("PROPFIND", `/v1/${round}`)
  await box.askRaw("REPORT", "/v1/recognize")
  await box.askWithoutKey("GET", "/v1/system", { headers: { "x-api-key": round } })
}

test("labels stay few: other names, ids, paths, methods and keys make no new row", async () => {
  await using box = await openTestBox()
  const rows = async () => {
    const { text } = await box.ask("GET", "/metrics", {}, near)
    const rows = text.split("\n").filter((line) => !line.startsWith("#"))
    return rows.map((line) => line.slice(0, line.lastIndexOf(" ")))
  }
  await askAround(box, "quagga")
  await rows() // The second time this very request has a row too.
  const before = await rows()
  for (const round of ["okapi", "tapir", "bongo"]) await askAround(box, round)
  const after = await rows()
  expect(after).toEqual(before)
  expect(after.filter((row) => /quagga|okapi|Ada/.test(row))).toEqual([])
})

test("the newest durations are what recent figures tell", () => {
  const recent: Recent = createRecent()
  expect(recent.figures()).toBeUndefined()
  for (let ms = 1; ms <= 1000; ms++) recent.add(ms)
  // 489 to 1000 are kept.
  expect(recent.figures()).toEqual({ count: 1000, p50Ms: 744, p95Ms: 975, maxMs: 1000 })
})

test("an event loop that is held up shows", async () => {
  const lags: number[] = []
  const stop = watchEventLoop((seconds) => void lags.push(seconds), 10)
  await Bun.sleep(30)
  Bun.sleepSync(300)
  await Bun.sleep(30)
  stop()
  expect(Math.max(...lags)).toBeGreaterThan(0.25)
  const seen = lags.length
  await Bun.sleep(50)
  expect(lags.length).toBe(seen)
})
