import { describe } from "bun:test"
import type { HubKeeping } from "../../app/sync/hub.ts"
import { createHub } from "../sim/hub.ts"
import { tempFolder } from "../support/shared.ts"
import { hubContract } from "./hub-contract.ts"
import { hubOptions, openHub, startServer } from "./nats/server.ts"

describe("the simulator's hub", () => {
  hubContract(async () => {
    const hub = createHub()
    const line: HubKeeping = {
      read: async (stream, after, limit) => hub.read(stream, after, limit),
      write: async (stream, key, bytes, expected) => hub.write(stream, key, bytes, expected),
      latest: async (stream, key) => hub.latest(stream, key),
      markerAt: async (stream, sequence) => hub.markerAt(stream, sequence),
      newestMarker: async (stream) => hub.newestMarker(stream),
      mark: async (stream, name) => hub.mark(stream, name),
      remove: async (stream, entry) => hub.remove(stream, entry),
    }
    return { ...line, [Symbol.asyncDispose]: async () => {} }
  })
})

describe("a NATS server", () => {
  hubContract(async () => {
    const opened = new AsyncDisposableStack()
    const folder = opened.use(tempFolder())
    const server = opened.use(await startServer(folder.path))
    const hub = opened.use(await openHub(hubOptions(server)))
    return { ...hub, [Symbol.asyncDispose]: () => opened.disposeAsync() }
  })
})
