import { expect, test } from "bun:test"
import type { NatsHub } from "../../../app/sync/nats/hub.ts"
import { tempFolder } from "../../support/shared.ts"
import { boxB, entity } from "../support.ts"
import { hubOptions, openHub, startServer } from "./server.ts"

const writers = 4
const written = 1500

/** What it gives is a server's that was lost, as far as a box can tell. */
async function startWithoutConsumers(folder: string) {
  const user = `{ user: box, password: box, permissions: { publish: { deny: "$JS.API.CONSUMER.>" } } }`
  return startServer(folder, { more: `authorization { users: [ ${user} ] }\nno_auth_user: box` })
}

test.each([
  ["by a consumer", startServer],
  ["by numbers, for want of a consumer", startWithoutConsumers],
])(
  "who reads while others write is shown everything, and in order: %s",
  async (_, start) => {
    using folder = tempFolder()
    await using server = await start(folder.path)
    await using hub = await openHub(hubOptions(server))
    await using other = await openHub({ ...hubOptions(server), box: boxB })
    const bytes = new Uint8Array(100)
    const writing = Array.from({ length: writers }, async (_, writer) => {
      for (let i = 0; i < written / writers; i++) await hub.write("records", entity(writer + 1, i + 1), bytes, 0)
    })
    const reading = readUpTo(other, written)
    await Promise.all(writing)
    // A message that is lost on the way leaves a hole: the page after it begins too late.
    expect(await reading).toEqual(Array.from({ length: written }, (_, i) => i + 1))
  },
  60_000,
)

test("without a consumer, what was removed is stepped over", async () => {
  using folder = tempFolder()
  await using server = await startWithoutConsumers(folder.path)
  await using hub = await openHub(hubOptions(server))
  const bytes = new Uint8Array(100)
  for (let i = 1; i <= 60; i++) await hub.write("records", entity(1, i), bytes, 0)
  const gone = [1, 6, 7, 8, 30, ...Array.from({ length: 20 }, (_, i) => 35 + i), 60]
  for (const sequence of gone) await hub.remove("records", { sequence, key: entity(1, sequence), bytes })
  const there = Array.from({ length: 60 }, (_, i) => i + 1).filter((sequence) => !gone.includes(sequence))
  expect(await readUpTo(hub, 59)).toEqual(there)
  expect(await hub.read("records", 59, 10)).toEqual({ kind: "read", entries: [], isEnd: true })
}, 60_000)

/** The numbers as pages show them, one page after the other. */
async function readUpTo(hub: NatsHub, end: number): Promise<readonly number[]> {
  const sequences: number[] = []
  while ((sequences.at(-1) ?? 0) < end) {
    const page = await hub.read("records", sequences.at(-1) ?? 0, 100)
    if (page.kind === "unreachable") throw new Error(page.why)
    for (const entry of page.entries) if (entry.kind === "record") sequences.push(entry.record.sequence)
  }
  return sequences
}
