import { expect, test } from "bun:test"
import { connect } from "node:net"
import { createHttpApp } from "../../app/http/app.ts"
import type { HttpNeeds } from "../../app/http/needs.ts"
import { type HttpServer, serveHttp } from "../../app/http/serve.ts"
import { paint, readPainted } from "../support/painted.ts"
import { openTestBox, readyStatus, testKey } from "./box.ts"

/** The app on a real socket: what `app.request` cannot tell. */
async function serveTestBox(overrides: Partial<HttpNeeds> = {}, drainMs = 2000): Promise<HttpServer & AsyncDisposable> {
  const box = await openTestBox(overrides)
  const server = serveHttp(createHttpApp(box.needs), { host: "127.0.0.1", port: 0, drainMs })
  return {
    ...server,
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      await box[Symbol.asyncDispose]()
    },
  }
}

const headers = { "content-type": "image/jpeg", "x-api-key": testKey }

/** Sends `text` as it is and gives back all that comes until the other side closes, or `waitMs` have passed. */
function sendRaw(url: string, text: string, waitMs = 2000): Promise<string> {
  return new Promise((settle) => {
    let answer = ""
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(text))
    const end = () => {
      clearTimeout(timer)
      socket.destroy()
      settle(answer)
    }
    const timer = setTimeout(end, waitMs)
    socket.on("data", (data) => {
      answer += data.toString()
    })
    socket.on("close", end)
    socket.on("error", end)
  })
}

test("a picture over a socket, and the address of a local caller is known", async () => {
  await using server = await serveTestBox()
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  const asked = await fetch(`${server.url}/v1/recognize`, { method: "POST", body: paint({ person: "Ada" }), headers })
  expect(asked.status).toBe(200)
  expect((await fetch(`${server.url}/metrics`)).status).toBe(200)
  expect((await fetch(`${server.url}/v1/system`)).status).toBe(401)
})

test.each([
  ["declared", (bytes: number) => new Uint8Array(bytes)],
  [
    "in chunks",
    (bytes: number) => {
      let left = bytes
      return new ReadableStream({
        pull: (controller) => {
          if (left <= 0) return controller.close()
          left -= 65_536
          controller.enqueue(new Uint8Array(65_536))
        },
      })
    },
  ],
] as const)("an upload of 20 MB, %s: the words of the 413 arrive, and the box goes on", async (_how, bodyOf) => {
  await using server = await serveTestBox()
  const asked = await fetch(`${server.url}/v1/recognize`, { method: "POST", body: bodyOf(20_000_000), headers })
  expect(asked.status).toBe(413)
  expect(await asked.json()).toMatchObject({ error: { code: "image_too_large" } })
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
})

test("a caller that declares a body and sends half of it gets the words when its deadline has passed", async () => {
  await using server = await serveTestBox()
  const head = `POST /v1/recognize HTTP/1.1\r\nhost: x\r\nx-api-key: ${testKey}\r\ncontent-type: image/jpeg\r\n`
  const answer = await sendRaw(server.url, `${head}x-deadline-ms: 200\r\ncontent-length: 1000\r\n\r\nhalf`, 1500)
  expect(answer).toStartWith("HTTP/1.1 503")
  expect(answer).toContain("deadline_exceeded")
  expect(answer.toLowerCase()).toContain("retry-after: 1")
})

test.each([
  ["two lengths", "content-length: 4\r\ncontent-length: 5\r\n\r\nabcde"],
  ["a length and chunks", "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["a negative length", "content-length: -1\r\n\r\n"],
  ["a broken chunk", "transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n"],
])("a request with %s is not obeyed, and the box goes on", async (_what, rest) => {
  await using server = await serveTestBox()
  const head = `POST /v1/recognize HTTP/1.1\r\nhost: x\r\nx-api-key: ${testKey}\r\ncontent-type: image/jpeg\r\nx-deadline-ms: 200\r\n`
  const answer = await sendRaw(server.url, head + rest, 800)
  expect(answer).not.toContain("HTTP/1.1 200")
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
})

const slowPool = (ms: number): HttpNeeds["pool"] => ({
  analyze: async (...asked) => {
    await Bun.sleep(ms)
    return readPainted(...asked)
  },
  status: () => readyStatus,
})

test("stopping waits for the request in flight and takes no new one", async () => {
  await using server = await serveTestBox({ pool: slowPool(400) })
  const inFlight = fetch(`${server.url}/v1/detect`, { method: "POST", body: paint(), headers })
  await Bun.sleep(100)
  const stopped = server.stop()
  await Bun.sleep(50)
  await expect(fetch(`${server.url}/healthz`, { keepalive: false })).rejects.toThrow()
  expect((await inFlight).status).toBe(200)
  await stopped
})

test("stopping does not wait longer than it was told", async () => {
  await using server = await serveTestBox({ pool: slowPool(3000) }, 200)
  const inFlight = fetch(`${server.url}/v1/detect`, { method: "POST", body: paint(), headers }).catch(() => "cut")
  await Bun.sleep(100)
  const startTickMs = performance.now()
  await server.stop()
  expect(performance.now() - startTickMs).toBeLessThan(1500)
  expect(await inFlight).toBe("cut")
})

test("an idle connection that is kept open does not hold the stop", async () => {
  await using server = await serveTestBox({}, 5000)
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1", () =>
    socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"),
  )
  await new Promise((answered) => socket.once("data", answered))
  const startTickMs = performance.now()
  await server.stop()
  expect(performance.now() - startTickMs).toBeLessThan(1000)
  socket.destroy()
})
