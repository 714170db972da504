import { expect, test } from "bun:test"
import type { SyncPort } from "../../app/sync/link/report.ts"
import { paint, paintedSpace, personVector } from "../support/painted.ts"
import { entity, originOf } from "../sync/support.ts"
import { openTestBox } from "./box.ts"

const nothing: SyncPort = {
  report: () => ({ state: "outside" }),
  open: () => ({ conflicts: [], fromTheFuture: [], refused: [] }),
  resolveConflict: () => false,
  resolveFuture: () => false,
  whyBlind: () => undefined,
  readGauges: () => undefined,
}

test("a box that belongs to no site says so", async () => {
  await using box = await openTestBox()
  expect(await box.ask("GET", "/v1/sync")).toMatchObject({ status: 200, json: { state: "outside" } })
  expect((await box.ask("GET", "/v1/sync/conflicts")).json).toEqual({ conflicts: [], fromTheFuture: [], refused: [] })
  expect((await box.ask("DELETE", "/v1/sync/conflicts/1")).status).toBe(404)
})

test("what waits for a person is listed, and leaves when somebody has looked", async () => {
  const looked: unknown[] = []
  const future = { entity: entity(1), stamp: 2_000_000_000_000 * 1024, origin: originOf("0a0a0a0a"), atMs: 5 }
  const conflict = { id: 7, kind: "external_id" as const, subjectId: "s", otherId: "o", atMs: 5 }
  const port: SyncPort = {
    ...nothing,
    open: () => ({ conflicts: [conflict], fromTheFuture: [future], refused: [] }),
    resolveConflict: (id) => looked.push(id) > 0 && id === 7,
    resolveFuture: (path) => looked.push(path) > 0 && path === future.entity,
  }
  await using box = await openTestBox({ sync: () => port })
  const { json } = await box.ask("GET", "/v1/sync/conflicts")
  expect(json.conflicts).toEqual([conflict])
  expect(json.fromTheFuture).toEqual([{ entity: future.entity, writtenAtMs: 2_000_000_000_000, box: "0a0a0a0a", atMs: 5 }])
  expect((await box.ask("DELETE", "/v1/sync/conflicts/7")).status).toBe(204)
  expect((await box.ask("DELETE", "/v1/sync/conflicts/8")).status).toBe(404)
  expect((await box.ask("DELETE", `/v1/sync/future/${future.entity}`)).status).toBe(204)
  expect((await box.ask("DELETE", "/v1/sync/future/somebody")).status).toBe(400)
  expect(looked).toEqual([7, 8, future.entity])
})

test("a restored box names nobody until it has read who was erased, and says why", async () => {
  let why: string | undefined = "restored, and not yet heard of erasures"
  await using box = await openTestBox({ sync: () => ({ ...nothing, whyBlind: () => why }) })
  const search = () => box.json("POST", "/v1/search", { embedding: [...personVector("Ada")], space: paintedSpace })
  const recognize = () =>
    box.ask("POST", "/v1/recognize", { body: paint({ person: "Ada" }), headers: { "content-type": "image/jpeg" } })
  for (const asked of [await search(), await recognize()]) {
    expect(asked.status).toBe(503)
    expect(asked.json.error).toMatchObject({ code: "unavailable", message: why })
    expect(asked.headers.get("retry-after")).toBe("5")
  }
  // Who manages people is no camera.
  expect((await box.ask("GET", "/v1/subjects")).status).toBe(200)
  why = undefined
  expect((await recognize()).status).toBe(200)
})
