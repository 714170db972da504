import { expect, test } from "bun:test"
import type { NatsHub } from "../../../app/sync/nats/hub.ts"
import { tempFolder } from "../../support/shared.ts"
import { boxB, entity } from "../support.ts"
import { hubOptions, openHub, startServer } from "./server.ts"

const writers = 4
const written = 1500

test("who reads while others write is shown everything, and in order", async () => {
  using folder = tempFolder()
  await using server = await startServer(folder.path)
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
}, 60_000)

test("a hub that has no consumer to give, for want of the server it gave it to, is read one by one", async () => {
  using folder = tempFolder()
  const user = `{ user: box, password: box, permissions: { publish: { deny: "$JS.API.CONSUMER.>" } } }`
  await using server = await startServer(folder.path, { more: `authorization { users: [ ${user} ] }\nno_auth_user: box` })
  await using hub = await openHub({ ...hubOptions(server), timeoutMs: 300 })
  for (let i = 1; i <= 50; i++) await hub.write("records", entity(1, i), new Uint8Array(100), 0)
  const pages: number[] = []
  for (let after = 0; ; ) {
    const page = await hub.read("records", after, 20)
    if (page.kind === "unreachable") throw new Error(page.why)
    pages.push(page.entries.length)
    after += page.entries.length
    if (page.isEnd) break
  }
  expect(pages).toEqual([20, 20, 10])
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
