import { expect, test } from "bun:test"
import { createKeeping } from "../../../app/sync/nats/keeping.ts"
import { createLease } from "../../../app/sync/nats/lease.ts"
import { openSuite } from "../../../app/vault/suites.ts"
import { tempFolder } from "../../support/shared.ts"
import { boxA, boxB, createSite, entity } from "../support.ts"
import { createTestBox, enrolments, erasure, settled } from "./boxes.ts"
import { filesWith } from "./residue.ts"
import { hubOptions, openHub, startServer } from "./server.ts"

test("one box at a time is the janitor, whatever the clocks say", async () => {
  using folder = tempFolder()
  await using server = await startServer(folder.path)
  await using hub = await openHub(hubOptions(server))
  // Two clocks that have nothing to do with each other.
  const now = { a: 1e9, b: 5 }
  const a = createLease(hub.lease, { holder: "a", leaseMs: 1000, nowMs: () => now.a })
  const b = createLease(hub.lease, { holder: "b", leaseMs: 1000, nowMs: () => now.b })
  const pass = (ms: number) => {
    now.a += ms
    now.b += ms
  }
  expect([await a.step(), await b.step()]).toEqual([{ kind: "held" }, { kind: "other" }])
  for (let i = 0; i < 5; i++) {
    pass(600)
    expect([await a.step(), await b.step()]).toEqual([{ kind: "held" }, { kind: "other" }])
    expect([a.isHeld(), b.isHeld()]).toEqual([true, false])
  }
  // It hangs. It knows that its time is over before anybody else takes over.
  pass(800)
  expect([a.isHeld(), await b.step()]).toEqual([false, { kind: "other" }])
  pass(300)
  expect([await b.step(), b.isHeld()]).toEqual([{ kind: "held" }, true])
  expect([await a.step(), a.isHeld()]).toEqual([{ kind: "other" }, false])
  // Of two that take over at once one gets it; who resigns is not waited for.
  await b.resign()
  const both = await Promise.all([a.step(), b.step()])
  expect(both.map(({ kind }) => kind).sort()).toEqual(["held", "other"])
  // A process that starts anew is not mistaken for the one before, and its answer may get lost.
  const holder = both[0]?.kind === "held" ? a : b
  expect(await holder.step()).toEqual({ kind: "held" })
})

test("what was overwritten or erased is nowhere in the server's files after the janitor", async () => {
  using folder = tempFolder()
  await using server = await startServer(folder.path)
  await using hub = await openHub(hubOptions(server))
  const members = createSite(openSuite("aes").suite, [boxA, boxB])
  const [a, b] = [createTestBox(boxA, members, () => hub), createTestBox(boxB, members, () => hub)]
  a.write(enrolments(1, 300))
  await settled(a)
  // The middle of its ciphertext: nothing else in the world looks like it.
  const traceOf = (person: number) => a.disk.rows().get(entity(person, 1))!.record.bytes.slice(200, 264)
  const [overwritten, erased, untouched] = [traceOf(5), traceOf(7), traceOf(9)]
  for (const trace of [overwritten, erased, untouched]) expect(await filesWith(server.store, trace, "some")).not.toEqual([])

  b.write([])
  await settled(b)
  a.write(enrolments(5, 1))
  b.write([erasure(7)])
  const newer = traceOf(5)
  for (const box of [a, b, a]) await settled(box)
  for (const trace of [overwritten, erased]) expect(await filesWith(server.store, trace, "some")).not.toEqual([])

  const lease = createLease(hub.lease, { holder: "a", leaseMs: 60_000 })
  const keeping = createKeeping({ lease, janitor: a.janitor(), markMs: 0, sweepMs: 0 })
  const early = await keeping.step()
  // The marker that proves it was written just now: the box has not read it yet.
  expect(early).toEqual({ kind: "kept", marked: true, removed: 0 })
  await settled(a)
  expect(await keeping.step()).toEqual({ kind: "kept", marked: true, removed: 2 })

  for (const trace of [overwritten, erased]) expect(await filesWith(server.store, trace, "none")).toEqual([])
  for (const trace of [newer, untouched]) expect(await filesWith(server.store, trace, "some")).not.toEqual([])
  for (const box of [a, b]) await settled(box)
  expect(a.digest()).toBe(b.digest())
}, 60_000)

test("after an erasure a pass comes sooner, once a marker can vouch for it", async () => {
  let [nowMs, erasures, swept, marked] = [0, 3, 0, 0]
  const keeping = createKeeping({
    lease: { step: async () => ({ kind: "held" }), isHeld: () => true, resign: async () => undefined },
    janitor: {
      async mark() {
        marked++
        return { kind: "marked" }
      },
      sweep: async () => ({ kind: "swept", removed: ++swept }),
    },
    markMs: 60_000,
    sweepMs: 3_600_000,
    erasures: () => erasures,
    nowMs: () => nowMs,
  })
  const run = async (untilMs: number) => {
    for (; nowMs < untilMs; nowMs += 10_000) await keeping.step()
  }
  await run(1_000_000)
  // Those that were there when the box began are for the usual pass.
  expect(swept).toBe(0)
  erasures++
  await run(1_140_000)
  expect(swept).toBe(0)
  await run(1_200_000)
  expect(swept).toBe(1)
  await run(3_000_000)
  expect(swept).toBe(1)
  await run(4_900_000)
  expect(swept).toBe(2)
  expect(marked).toBeGreaterThan(70)
})
