import { expect, test } from "bun:test"
import { othersFirst } from "../../../app/sync/nats/connection.ts"
import { tempFolder } from "../../support/shared.ts"
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
