import { describe, expect, test } from "bun:test"
import {
  createDecoder,
  encodeHead,
  type FromEngine,
  fromEngine,
  readFromEngine,
  readToEngine,
  toEngine,
} from "../../app/inference/wire.ts"

const pong = (id: number): FromEngine => ({ kind: "pong", id, residentBytes: 1 })

function decodeAll(stream: Uint8Array, cutBytes: number) {
  const received: { header: FromEngine; body: Uint8Array }[] = []
  const decoder = createDecoder(readFromEngine, (header, body) => received.push({ header, body }))
  for (let at = 0; at < stream.length; at += cutBytes) decoder.push(stream.subarray(at, at + cutBytes))
  return received
}

describe("the wire between parent and engine", () => {
  const bodies = [new Uint8Array(0), Uint8Array.from([1, 2, 3]), new Uint8Array(70_000).fill(7)]
  const stream = Buffer.concat(bodies.flatMap((body, id) => [encodeHead(pong(id), body.length), body]))

  test.each([1, 2, 7, 8, 9, 1000, 1_000_000])(
    "messages arrive whole however the stream is cut (%d bytes at a time)",
    (cutBytes) => {
      const received = decodeAll(stream, cutBytes)
      expect(received.map(({ header }) => header)).toEqual([pong(0), pong(1), pong(2)])
      expect(received.map(({ body }) => Buffer.from(body))).toEqual(bodies.map((body) => Buffer.from(body)))
    },
  )

  test("a length no message can have is a broken stream, before anything is allocated", () => {
    const foreign = Buffer.from("GET / HTTP/1.1\r\n\r\n")
    expect(() => decodeAll(foreign, 100)).toThrow("not our stream")
  })

  test("a header that is not one of ours throws", () => {
    const json = Buffer.from(JSON.stringify({ kind: "pong", id: "one", residentBytes: 1 }))
    const head = Buffer.alloc(8)
    head.writeUInt32LE(json.length, 0)
    expect(() => decodeAll(Buffer.concat([head, json]), 100)).toThrow()
  })

  const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-00`
  test.each([
    ["a picture", readToEngine, toEngine, { kind: "analyze", id: 1, options: "{}", traceparent }],
    ["one of several", readToEngine, toEngine, { kind: "analyze", id: 1, options: "{}", traceparent, more: true }],
    ["an answer", readFromEngine, fromEngine, { kind: "analysis", id: 1, faces: 2 }],
    ["one with a picture", readFromEngine, fromEngine, { kind: "analysis", id: 1, faces: 2, snapshotBytes: 3, snapshotMs: 1 }],
  ])(
    "%s is read as its schema reads it, and refused with a field that is missing, wrong or too many",
    (_, read, schema, header) => {
      expect(read(header)).toEqual(schema.parse(header))
      for (const name of Object.keys(header)) {
        expect(() => read({ ...header, [name]: {} })).toThrow()
        expect(() => read({ ...header, [`${name}2`]: 1 })).toThrow()
      }
      const { id: _id, ...nameless } = header
      expect(() => read(nameless)).toThrow()
      expect(() => read({ ...nameless, id2: 1 })).toThrow()
    },
  )
})
