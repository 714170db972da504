import { describe } from "bun:test"
import { createHub } from "../sim/hub.ts"
import { lineTo } from "../sim/line.ts"
import { tempFolder } from "../support/shared.ts"
import { hubContract } from "./hub-contract.ts"
import { hubOptions, openHub, startServer } from "./nats/server.ts"

describe("the simulator's hub", () => {
  hubContract(async () => {
    return { ...lineTo(createHub()), [Symbol.asyncDispose]: async () => {} }
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
