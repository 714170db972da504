import { expect, test } from "bun:test"
import { createConnection, type Socket } from "node:net"
import { sightingsOptions } from "../../app/events/options.ts"
import { createHttpApp } from "../../app/http/app.ts"
import { httpOptions } from "../../app/http/options.ts"
import { serveHttp } from "../../app/http/serve.ts"
import { type HeardEvent, hear } from "../events/hear.ts"
import { face, record } from "../events/support.ts"
import { paint } from "../support/painted.ts"
import { openTestBox, type TestBox, testKey } from "./box.ts"

const jpeg = { "content-type": "image/jpeg" }
const see = (box: TestBox, camera: string, person = "x") =>
  box.ask("POST", `/ingest/${camera}`, { body: paint({ person }), headers: jpeg })

interface ServedBox extends AsyncDisposable {
  readonly box: TestBox
  readonly url: string
  /** What a client of another program does: its own connection, the key in a header. */
  listen(path?: string, headers?: Record<string, string>): Promise<AsyncGenerator<HeardEvent>>
}

/** A test box behind real sockets. */
async function serve(overrides: Parameters<typeof openTestBox>[0] = {}): Promise<ServedBox> {
  const box = await openTestBox(overrides)
  const server = serveHttp(createHttpApp(box.needs), { host: "127.0.0.1", port: 0, drainMs: 5000 })
  return {
    box,
    url: server.url,
    listen: async (path = "/v1/sightings/stream", headers = {}) =>
      hear(await fetch(`${server.url}${path}`, { headers: { "x-api-key": testKey, ...headers } })),
    [Symbol.asyncDispose]: async () => {
      box.needs.live.close()
      await server.stop()
      await box[Symbol.asyncDispose]()
    },
  }
}

test("what is recorded is told as it is listed, to those who ask for its camera or its person", async () => {
  await using box = await openTestBox()
  const { id } = (await box.json("POST", "/v1/subjects", { name: "Ada" })).json
  await box.ask("POST", `/v1/subjects/${id}/faces`, { body: paint({ person: "Ada" }), headers: jpeg })
  const all = box.listen("/v1/sightings/stream")
  const back = box.listen("/v1/sightings/stream?camera=back")
  const ada = box.listen(`/v1/sightings/stream?subject=${id}`)
  for (const events of [all, back, ada]) expect(await events.next()).toMatchObject({ value: { event: "listening", id: "0" } })
  await see(box, "front")
  await see(box, "back")
  await see(box, "front", "Ada")
  const [first, second, third] = (await box.ask("GET", "/v1/sightings")).json.items.toReversed()
  expect((await all.next()).value).toEqual({ event: "sighting", id: "1", data: first })
  expect((await back.next()).value).toEqual({ event: "sighting", id: "2", data: second })
  expect((await ada.next()).value).toEqual({ event: "sighting", id: "3", data: third })
  for (const events of [all, back, ada]) await events.return(undefined)
})

test("Last-Event-ID brings what was recorded meanwhile, then what follows", async () => {
  await using box = await openTestBox()
  for (let n = 0; n < 5; n++) await see(box, "front")
  const events = box.listen("/v1/sightings/stream", { headers: { "last-event-id": "3" } })
  expect((await events.next()).value).toMatchObject({ event: "listening", data: { number: 3 } })
  await see(box, "front")
  const ids: (string | undefined)[] = []
  for (let n = 0; n < 3; n++) ids.push((await events.next()).value.id)
  expect(ids).toEqual(["4", "5", "6"])
  await events.return(undefined)
})

test.each(["abc", "-1", "1.5", "", "1".repeat(16)])("Last-Event-ID %p is refused by name", async (lastEventId) => {
  await using box = await openTestBox()
  const { status, json } = await box.ask("GET", "/v1/sightings/stream", { headers: { "last-event-id": lastEventId } })
  expect(status).toBe(400)
  expect(json.error.message).toContain("last-event-id")
})

test("a listener too many is told to come back; one that leaves makes room, over real sockets", async () => {
  await using served = await serve({ sightingOptions: sightingsOptions.parse({ listenersMax: 2 }) })
  const { live } = served.box.needs
  const leaving = new AbortController()
  const first = await fetch(`${served.url}/v1/sightings/stream`, { headers: { "x-api-key": testKey }, signal: leaving.signal })
  expect(first.headers.get("content-type")).toBe("text/event-stream")
  expect(first.headers.get("cache-control")).toBe("no-store")
  await served.listen()
  expect((await served.box.ask("HEAD", "/v1/sightings/stream")).status).toBe(503)
  const refused = await served.box.ask("GET", "/v1/sightings/stream")
  expect(refused).toMatchObject({ status: 503, json: { error: { code: "overloaded" } } })
  expect(refused.json.error.message).toContain("listenersMax")
  leaving.abort()
  while (live.listeners() > 1) await Bun.sleep(2)
  expect((await served.box.ask("HEAD", "/v1/sightings/stream")).status).toBe(200)
  expect(live.listeners()).toBe(1) // Whoever asks for the head alone does not listen.
})

test("a still stream says something now and then, and the box that stops ends it", async () => {
  await using served = await serve({ http: { ...httpOptions.parse({}), heartbeatMs: 100 } })
  const answer = await fetch(`${served.url}/v1/sightings/stream`, { headers: { "x-api-key": testKey } })
  let text = ""
  const reading = (async () => {
    for await (const chunk of answer.body ?? []) {
      text += Buffer.from(chunk).toString()
      if (text.split("\n\n").filter((line) => line.startsWith(":")).length === 4) served.box.needs.live.close()
    }
  })()
  await reading
  expect(text).toContain("event: listening")
})

/** A listener that reads nothing until it is let to. */
function stalled(url: string): Promise<{ socket: Socket; text: () => string }> {
  const { promise, resolve } = Promise.withResolvers<{ socket: Socket; text: () => string }>()
  const chunks: Uint8Array[] = []
  const { hostname, port } = new URL(url)
  const socket = createConnection(Number(port), hostname, () => {
    socket.write(`GET /v1/sightings/stream HTTP/1.1\r\nhost: x\r\nx-api-key: ${testKey}\r\n\r\n`)
    socket.pause()
    resolve({ socket, text: () => Buffer.concat(chunks).toString() })
  })
  socket.on("data", (chunk) => chunks.push(Buffer.from(chunk)))
  return promise
}

test("a listener that stops reading loses its oldest and is told how many; the others hear everything", async () => {
  await using served = await serve()
  const { live, sightings, metrics } = served.box.needs
  const { socket, text } = await stalled(served.url)
  const quick = await Promise.all(Array.from({ length: 8 }, () => served.listen()))
  while (live.listeners() < 9) await Bun.sleep(2)
  for (const events of quick) await events.next()

  // A crowd in each frame, so that the sockets' own buffers are soon full: 30 KB an event.
  const faces = Array.from({ length: 150 }, () => face({ similarity: 0.123456789 }))
  const count = 800
  const heard = quick.map((): string[] => [])
  const hearing = quick.map(async (events, i) => {
    while ((heard[i]?.length ?? count) < count) heard[i]?.push((await events.next()).value?.id ?? "")
  })
  for (let n = 0; n < count; n++) {
    record(sightings, { faces })
    // No faster than those who read: it is the one who does not that is to lose.
    while (heard.some(({ length }) => length < n - 50)) await Bun.sleep(1)
  }
  const everything = Array.from({ length: count }, (_, n) => String(n + 1))
  await Promise.all(hearing)
  for (const ids of heard) expect(ids).toEqual(everything)
  expect(await metrics.registry.metrics()).not.toContain("gatehouse_lost_events_total 0")

  socket.resume()
  while (!text().includes(`id: ${count}\n`)) await Bun.sleep(5)
  socket.destroy()
  const ids = [...text().matchAll(/^id: (\d+)\nevent: sighting$/gm)].map(([, id]) => Number(id))
  const lost = [...text().matchAll(/^event: lost\ndata: (.*)$/gm)].map(([, json]) => JSON.parse(json ?? ""))
  expect(lost).toEqual([{ reason: "slow", count: count - ids.length }])
  expect(lost[0].count).toBeGreaterThan(0)
  // Its newest are there, without a gap, as many as may wait.
  const waitingMax = served.box.needs.sightingOptions.listenerBufferMax
  expect(ids.slice(-waitingMax)).toEqual(Array.from({ length: waitingMax }, (_, n) => count - waitingMax + 1 + n))
}, 60_000)
