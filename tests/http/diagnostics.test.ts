import { expect, test } from "bun:test"
import { httpOptions } from "../../app/http/options.ts"
import { openTestBox, type TestBox } from "./box.ts"

const near = { address: "127.0.0.1" }
const far = { address: "192.0.2.7" }
const paths = ["/v1/system/cpu-profile?seconds=1", "/v1/system/heap-snapshot"]

function openBoxFor(diagnostics: "off" | "local" | "network"): Promise<TestBox> {
  return openTestBox({ http: { ...httpOptions.parse({}), diagnostics } })
}

/** Keeps the processor busy under a name that a profile can show. */
function burnForTheProfile(ms: number): number {
  const untilTickMs = performance.now() + ms
  let sum = 0
  while (performance.now() < untilTickMs) for (let i = 0; i < 10_000; i++) sum += Math.sqrt(i)
  return sum
}

test("a CPU profile names where the time went, one at a time, and ends early when its caller leaves", async () => {
  await using box = await openBoxFor("local")
  const profiling = box.ask("POST", "/v1/system/cpu-profile?seconds=1", {}, near)
  await Bun.sleep(20)
  for (const path of paths) {
    const second = await box.ask("POST", path, {}, near)
    expect([second.status, second.json.error.code]).toEqual([409, "conflict"])
  }
  for (let round = 0; round < 10; round++) {
    burnForTheProfile(20)
    await Bun.sleep(1)
  }
  const { status, json, headers } = await profiling
  expect(status).toBe(200)
  expect(headers.get("content-disposition")).toContain(".cpuprofile")
  const names = json.nodes.map(({ callFrame }: { callFrame: { functionName: string } }) => callFrame.functionName)
  expect(names).toContain("burnForTheProfile")
  expect(json.samples.length).toBe(json.timeDeltas.length)

  const leaving = new AbortController()
  const startTickMs = performance.now()
  const left = box.ask("POST", "/v1/system/cpu-profile?seconds=60", { signal: leaving.signal }, near)
  await Bun.sleep(20)
  leaving.abort()
  await left.catch(() => undefined)
  expect(performance.now() - startTickMs).toBeLessThan(30_000)
  expect((await box.ask("POST", paths[0] ?? "", {}, near)).status).toBe(200)
}, 60_000)

test("a heap snapshot is one that V8's tools read, and holds what is in memory", async () => {
  await using box = await openBoxFor("local")
  const planted = { name: ["Ada", "Planted", crypto.randomUUID()].join(" ") }
  const { status, json, headers } = await box.ask("POST", "/v1/system/heap-snapshot", {}, near)
  expect(status).toBe(200)
  expect(headers.get("content-disposition")).toContain(".heapsnapshot")
  const { node_fields, edge_fields } = json.snapshot.meta
  expect(json.nodes.length).toBe(json.snapshot.node_count * node_fields.length)
  expect(json.edges.length).toBe(json.snapshot.edge_count * edge_fields.length)
  // The reason for all the care that the documentation asks for.
  expect(json.strings).toContain(planted.name)
})

test.each([
  ["off", 404, 404],
  ["local", 200, 403],
  ["network", 200, 200],
] as const)("diagnostics %s: %d near, %d far", async (diagnostics, nearStatus, farStatus) => {
  await using box = await openBoxFor(diagnostics)
  const ask = (address: typeof near) => box.ask("POST", "/v1/system/heap-snapshot", {}, address)
  expect([(await ask(near)).status, (await ask(far)).status]).toEqual([nearStatus, farStatus])
  expect((await box.askWithoutKey("POST", "/v1/system/heap-snapshot", {}, near)).status).toBe(diagnostics === "off" ? 404 : 401)
  const bad = await box.ask("POST", "/v1/system/cpu-profile?seconds=61", {}, near)
  expect(bad.status).toBe(diagnostics === "off" ? 404 : 400)
})
