import type { Target } from "../../bench/support/client.ts"
import { sendRaw } from "../support/raw.ts"

/**
 * A request that two servers in a row could read in two ways, or that asks for more than a head should hold.
 * `refused`: one answer that says so, or none, and the connection closed, so that nothing behind it is taken for a request.
 * `cut`: the same, when the flaw comes after the request has been understood. `one` and `both`: read in the only way the standard
 * allows, so that the request behind it is never answered, or is.
 */
export interface Malformed {
  readonly name: string
  readonly bytes: string
  readonly expected: "refused" | "cut" | "one" | "both"
}

/** Asked for behind each: its answer shows whether the server took it for a request. */
const behind = "GET /behind HTTP/1.1\r\nhost: x\r\n\r\n"
const chunked = "transfer-encoding: chunked"
const soundChunks = "2\r\n{}\r\n0\r\n\r\n"

/** The requests go to a route that reads its body, with a key; the body is no subject, which it says with 400. */
export function malformedRequests({ key }: Pick<Target, "key">): Malformed[] {
  const common = `host: x\r\nx-api-key: ${key}\r\ncontent-type: application/json`
  const post = (headers: string, body = "", line = "POST /v1/subjects HTTP/1.1") =>
    `${line}\r\n${common}\r\n${headers}\r\n\r\n${body}${behind}`
  const get = (headers: string, line = "GET /healthz HTTP/1.1") => `${line}\r\nhost: x\r\n${headers}\r\n\r\n${behind}`
  const refused = (cases: Readonly<Record<string, string>>): Malformed[] =>
    Object.entries(cases).map(([name, bytes]) => ({ name, bytes, expected: "refused" }))
  return [
    ...refused({
      "length, then chunks": post(`content-length: 4\r\n${chunked}`, "0\r\n\r\n"),
      "chunks, then length": post(`${chunked}\r\ncontent-length: 4`, "0\r\n\r\n"),
      "two lengths": post("content-length: 2\r\ncontent-length: 4", "{}"),
      "a list of lengths": post("content-length: 2, 2", "{}"),
      "a negative length": post("content-length: -1", "{}"),
      "a length with a sign": post("content-length: +2", "{}"),
      "a length in hexadecimal": post("content-length: 0x2", "{}"),
      "a length and a letter": post("content-length: 2a", "{}"),
      "an empty length": post("content-length: ", "{}"),
      "a length beyond 64 bits": post("content-length: 18446744073709551618", "{}"),
      "a space in front of the colon": post("content-length : 2", "{}"),
      "chunks with a space in front of the colon": post("transfer-encoding : chunked\r\ncontent-length: 2", "{}"),
      "a folded header": post("x-a: 1\r\n content-length: 2", "{}"),
      "a folded transfer-encoding": post("transfer-encoding:\r\n chunked", soundChunks),
      "a header that begins with a space": post(` ${chunked}\r\ncontent-length: 2`, "{}"),
      "line feeds alone": `POST /v1/subjects HTTP/1.1\n${common.replaceAll("\r", "")}\ncontent-length: 2\n\n{}${behind}`,
      "one line feed alone": post("x-a: b\ncontent-length: 2", "{}"),
      "a carriage return alone": post("x-a: b\rcontent-length: 2", "{}"),
      xchunked: post("transfer-encoding: xchunked", soundChunks),
      "chunked, identity": post("transfer-encoding: chunked, identity", soundChunks),
      "identity, chunked": post("transfer-encoding: identity, chunked", soundChunks),
      "gzip, chunked": post("transfer-encoding: gzip, chunked", soundChunks),
      "two transfer-encodings": post(`${chunked}\r\n${chunked}`, soundChunks),
      "chunked behind a vertical tab": post("transfer-encoding: \x0bchunked", soundChunks),
      "chunked and a zero byte": post("transfer-encoding: chunked\0", soundChunks),
      "chunks in HTTP/1.0": post(chunked, soundChunks, "POST /v1/subjects HTTP/1.0"),
      "chunks ended by line feeds": post(chunked, "2\n{}\n0\n\n"),
      "a chunk extension with a line feed": post(chunked, `2;\nxx\r\n{}\r\n0\r\n\r\n`),
      "a chunk extension with a carriage return": post(chunked, `2;\rxx\r\n{}\r\n0\r\n\r\n`),
      "a chunk size of 0x2": post(chunked, "0x2\r\n{}\r\n0\r\n\r\n"),
      "a chunk size with a sign": post(chunked, "+2\r\n{}\r\n0\r\n\r\n"),
      "a negative chunk size": post(chunked, "-2\r\n{}\r\n0\r\n\r\n"),
      "a chunk size behind a space": post(chunked, " 2\r\n{}\r\n0\r\n\r\n"),
      "a chunk size of no digits": post(chunked, "\r\n{}\r\n0\r\n\r\n"),
      "a chunk size beyond 64 bits": post(chunked, "10000000000000002\r\n{}\r\n0\r\n\r\n"),
      "a chunk longer than it says": post(chunked, "2\r\n{}d\r\n0\r\n\r\n"),
      "a chunk without its end": post(chunked, "2\r\n{}XX0\r\n\r\n"),
      "no host": `GET /healthz HTTP/1.1\r\na: b\r\n\r\n${behind}`,
      "no version": `GET /healthz\r\n\r\n${behind}`,
      "version 2.0": get("a: b", "GET /healthz HTTP/2.0"),
      "version 1.2": get("a: b", "GET /healthz HTTP/1.2"),
      "a space in the path": get("a: b", "GET /health z HTTP/1.1"),
      "a method of odd letters": get("a: b", "G@T /healthz HTTP/1.1"),
      "a method of 5,000 letters": get("a: b", `${"A".repeat(5000)} /healthz HTTP/1.1`),
      "a header without a colon": get("{}"),
      "a header without a name": get(": abc"),
      "a control character in a name": get("a\x01b: c"),
      "a zero byte in a value": get("a: b\0c"),
      "a header of 20 kB": get(`a: ${"b".repeat(20_000)}`),
      "a header of 4 MB": get(`a: ${"b".repeat(4_000_000)}`),
      "a thousand headers": get(Array.from({ length: 1000 }, (_, n) => `a${n}: b`).join("\r\n")),
      "a path of 20 kB": get("a: b", `GET /${"a".repeat(20_000)} HTTP/1.1`),
      "a greeting of TLS": `\x16\x03\x01\0\xa5\x01\0\0\xa1\x03\x03${"x".repeat(160)}`,
      "bytes of every kind": String.fromCharCode(
        ...Array(512)
          .keys()
          .map((n) => n & 255),
      ),
    }),
    { name: "a trailer", bytes: post(chunked, "2\r\n{}\r\n0\r\ncontent-length: 5\r\n\r\n"), expected: "cut" },
    // Twice the same is one, says RFC 9110; whatever stands behind the body is a request of its own.
    { name: "the same length twice", bytes: post("content-length: 2\r\ncontent-length: 2", "{}"), expected: "both" },
    {
      name: "a transfer-encoding with an underscore",
      bytes: post(`transfer_encoding: chunked\r\ncontent-length: 2`, "{}"),
      expected: "both",
    },
    { name: "a chunk extension", bytes: post(chunked, "2;a=b\r\n{}\r\n0\r\n\r\n"), expected: "both" },
    { name: "CHUNKED", bytes: post("transfer-encoding: CHUNKED", soundChunks), expected: "both" },
    { name: "a GET with a body", bytes: get(`content-length: ${behind.length}`) + behind, expected: "both" },
    { name: "the request behind as the body", bytes: post(`content-length: ${behind.length}`), expected: "one" },
  ]
}

/** What became of one: `undefined` when it was read as it should be, else what happened instead. */
export async function judgeMalformed({ url }: Target, { bytes, expected }: Malformed): Promise<string | undefined> {
  const { statuses, closed, text } = await sendRaw(url, Buffer.from(bytes, "latin1"), 1500)
  const reachedBehind = text.includes("there is no such path")
  const happened = `answers ${statuses.join(", ") || "none"}, ${closed ? "closed" : "left open"}`
  switch (expected) {
    case "refused":
      return closed && !reachedBehind && statuses.length <= 1 && statuses.every((status) => status >= 400)
        ? undefined
        : happened
    case "cut":
      return closed && !reachedBehind ? undefined : happened
    case "one":
      return statuses.length === 1 && !reachedBehind ? undefined : happened
    case "both":
      return statuses.length === 2 && statuses[1] === 404 && reachedBehind ? undefined : happened
  }
}
