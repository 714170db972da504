import { expect, test } from "bun:test"
import { connect } from "node:net"
import { createHttpApp } from "../../app/http/app.ts"
import { httpOptions } from "../../app/http/options.ts"
import { serveHttp } from "../../app/http/serve.ts"
import { pictures, zipOf } from "../enrolment/support.ts"
import { until } from "../gallery/support.ts"
import { openTestBox, type TestBox, testKey } from "./box.ts"

const mebibyte = 1024 * 1024
const headers = { "content-type": "application/zip", "x-api-key": testKey }

/** A box on a real socket, where bodies come in pieces and connections break. */
async function servedBox(bodyReadMs = 20_000) {
  const http = { ...httpOptions.parse({}), imageBytesMax: 100_000, bodyReadMs }
  const box = await openTestBox({ http })
  const server = serveHttp(createHttpApp(box.needs), { host: "127.0.0.1", port: 0, drainMs: 500 })
  const enrolments = () => box.needs.enrolments.list({ limit: 10 }).items
  return {
    ...{ box, url: server.url, enrolments },
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      await box[Symbol.asyncDispose]()
    },
  }
}

/** Bytes of nothing, in pieces as they are asked for. */
function zeros(bytes: number, first: Uint8Array = new Uint8Array()): ReadableStream<Uint8Array> {
  let left = bytes
  return new ReadableStream({
    start: (controller) => controller.enqueue(first),
    pull(controller) {
      if (left <= 0) return controller.close()
      controller.enqueue(new Uint8Array(Math.min(left, mebibyte)))
      left -= mebibyte
    },
  })
}

test("a body far larger than any picture arrives whole, its length known or not", async () => {
  await using served = await servedBox()
  for (const body of [zeros(20 * mebibyte, new TextEncoder().encode("PK\u0003\u0004")), new Uint8Array(20 * mebibyte)]) {
    const answer = await fetch(`${served.url}/v1/enrolments`, { method: "POST", headers, body })
    // By its first bytes the one is a zip file; that it is none is found out by the job.
    expect(answer.status).toBe(body instanceof ReadableStream ? 202 : 415)
  }
  await until(() => served.enrolments()[0]?.state === "failed", "the job fails")
  expect(served.enrolments()).toMatchObject([{ bytes: 20 * mebibyte + 4, why: expect.stringContaining("zip") }])
})

test("a sender who goes away leaves nothing, and may send again under the same key", async () => {
  await using served = await servedBox()
  const body = zipOf(pictures("Ada/1.jpg", "Grace/1.jpg"))
  const head = `POST /v1/enrolments HTTP/1.1\r\nhost: x\r\nx-api-key: ${testKey}\r\nidempotency-key: k\r\ncontent-type: application/zip\r\ncontent-length: ${body.length}\r\n\r\n`
  const socket = connect(Number(new URL(served.url).port), "127.0.0.1")
  socket.write(head)
  socket.write(body.subarray(0, 20))
  await untilHeld(served.box, (bytes) => bytes > 0)
  const meanwhile = await fetch(`${served.url}/v1/enrolments`, {
    method: "POST",
    headers: { ...headers, "idempotency-key": "k" },
    body,
  })
  expect(meanwhile.status).toBe(409)
  socket.destroy()
  await untilHeld(served.box, (bytes) => bytes === 0)
  expect(served.enrolments()).toEqual([])

  const again = { method: "POST", headers: { ...headers, "idempotency-key": "k" } }
  const accepted = await fetch(`${served.url}/v1/enrolments`, { ...again, body })
  expect(accepted.status).toBe(202)
  const { id } = (await accepted.json()) as { id: string }
  // The key is known before a byte is read; the sender hears so while it still sends.
  const repeated = await fetch(`${served.url}/v1/enrolments`, { ...again, body })
  expect([repeated.status, ((await repeated.json()) as { id: string }).id]).toEqual([202, id])
  expect(served.enrolments()).toHaveLength(1)
})

test("a sender who stands still is told so", async () => {
  await using served = await servedBox(200)
  const still = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) })
  const answer = await fetch(`${served.url}/v1/enrolments`, { method: "POST", headers, body: still })
  const { error } = (await answer.json()) as { error: { code: string } }
  expect([answer.status, error.code, answer.headers.get("retry-after")]).toEqual([503, "deadline_exceeded", "1"])
  expect(await heldBytes(served.box)).toBe(0)
})

test("what is larger than the box has room for is refused before it is sent", async () => {
  await using served = await servedBox()
  const answer = await new Promise<string>((settle) => {
    let text = ""
    const socket = connect(Number(new URL(served.url).port), "127.0.0.1", () =>
      socket.write(
        `POST /v1/enrolments HTTP/1.1\r\nhost: x\r\nx-api-key: ${testKey}\r\ncontent-type: application/zip\r\ncontent-length: ${64 * 1024 ** 3}\r\n\r\n`,
      ),
    )
    socket.on("data", (data) => {
      text += data.toString()
      if (text.includes("}}")) socket.destroy()
    })
    socket.on("close", () => settle(text))
  })
  expect(answer).toStartWith("HTTP/1.1 413")
  expect(answer).toContain("spoolBytesMax")
})

/** Of all archives, as `/metrics` tells it. */
async function heldBytes({ needs: { enrolments, metrics } }: TestBox): Promise<number> {
  enrolments.readGauges()
  return (await metrics.enrolmentSpoolBytes.values()).all ?? 0
}

async function untilHeld(box: TestBox, fits: (bytes: number) => boolean): Promise<void> {
  for (let round = 0; round < 1000; round++) {
    if (fits(await heldBytes(box))) return
    await Bun.sleep(5)
  }
  throw new Error("the bytes held are not what they should be")
}
