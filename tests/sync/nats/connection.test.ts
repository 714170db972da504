import { expect, test } from "bun:test"
import { connectLine, othersFirst } from "../../../app/sync/nats/connection.ts"
import { loadNats } from "../../../app/sync/nats/refusals.ts"
import { tempFolder } from "../../support/shared.ts"
import { boxA } from "../support.ts"
import { hubOptions, openHub, startServer } from "./server.ts"

test.each([
  ["a:1", ["b:2", "c:3", "a:1"]],
  ["b:2", ["c:3", "a:1", "b:2"]],
  ["c:3", ["a:1", "b:2", "c:3"]],
  ["another name of one:1", ["a:1", "b:2", "c:3"]],
])("from %s the others are dialled first", (present, order) => {
  expect(othersFirst(["a:1", "b:2", "c:3"], present)).toEqual(order)
})

test("a line is named as the server was named to the box", async () => {
  using folder = tempFolder()
  await using server = await startServer(folder.path)
  await using hub = await openHub(hubOptions(server))
  expect(hub.server()?.address).toBe(server.address)
})

test("the client keeps that order, whichever server it took first", async () => {
  using folder = tempFolder()
  await using one = await startServer(folder.path, { name: "one" })
  await using two = await startServer(folder.path, { name: "two" })
  const packages = await loadNats()
  for (let i = 0; i < 10; i++) {
    const connected = await connectLine(packages, { servers: [one.address, two.address], box: boxA })
    if (connected.kind === "failed") throw new Error(connected.why)
    const { connection, close } = connected.value
    const last = connection.getServers().at(-1)
    expect(`${last?.hostname}:${last?.port}`).toBe(connection.getServer())
    await close()
  }
})
