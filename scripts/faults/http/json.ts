import { z } from "zod"
import type { Target } from "../../bench/support/client.ts"
import { createRandom } from "../../bench/support/statistics.ts"
import type { Random } from "../pictures/mutate.ts"
import { askWithKey } from "../support/box.ts"

/** Routes that read JSON, each with a body it would take. */
const sound: readonly (readonly [path: string, body: unknown])[] = [
  ["/v1/subjects", { name: "Ada Lovelace" }],
  ["/v1/search", { embedding: [0.1, -0.2, 0.3], space: "x@00000000/3", k: 5, threshold: 0.5 }],
  ["/v1/recognize", { image: "/9j/4AAQSkZJRgABAQ==" }],
  ["/v1/detect", { image: "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ==" }],
  ["/v1/embed", { image: "iVBORw0KGgo=" }],
  ["/v1/verify", { a: "/9j/4AAQ", b: "UklGRg==" }],
]

/** What gets past parsers that trust: wrong kinds, numbers at the edge, names of Object's own, half a character. */
const oddValues: readonly string[] = [
  ...["null", "true", "[]", "{}", '""', "0", "-0", "-1", "1e999", "-1e999", "1e-999", "9007199254740993", "0.1e1"],
  ...["99999999999999999999", '"\\u0000"', '"\\ud800"', '"\\uffff"', '"constructor"', '{"__proto__":{"x":1}}'],
  ...[
    '{"constructor":{"prototype":{"x":1}}}',
    "[[[[[[[[[[]]]]]]]]]]",
    `"${"a".repeat(70_000)}"`,
    "NaN",
    "Infinity",
    "undefined",
  ],
  ...['{"a":1,"a":2}', "1 2", "/**/1", "'x'", "\u2028", "[1,]", `[${"0,".repeat(20_000)}0]`],
]
const oddLetters = ['"', "{", "}", "[", "]", ",", ":", "\\", "\0", "\x7f", "é", "\ud83d", "0", "-", "e", " "]

/** A sound body with some of it replaced: values, letters, bytes, its end, its nesting. */
export function mutateJson(random: Random): { readonly path: string; readonly body: Uint8Array<ArrayBuffer> } {
  const pick = <Value>(from: readonly Value[]): Value => from[Math.floor(random() * from.length)]!
  const [path, body] = pick(sound)
  let text = JSON.stringify(body)
  for (let rounds = 1 + Math.floor(random() * 3); rounds > 0; rounds--) {
    const at = Math.floor(random() * text.length)
    const values = [...text.matchAll(/"[^"]*"|-?\d+(\.\d+)?/g)]
    const value = values[Math.floor(random() * values.length)]
    const change = Math.floor(random() * 6)
    if (change <= 1 && value !== undefined)
      text = text.slice(0, value.index) + pick(oddValues) + text.slice(value.index + value[0].length)
    else if (change === 2) text = text.slice(0, at) + pick(oddLetters) + text.slice(at + (random() < 0.5 ? 1 : 0))
    else if (change === 3) text = text.slice(0, at)
    else if (change === 4) text = text.slice(0, at) + pick(oddValues) + text.slice(at)
    else text = pick(["[", '{"a":']).repeat(1 + Math.floor(random() * 5000)) + text
  }
  const bytes = new TextEncoder().encode(text)
  if (random() < 0.3 && bytes.length > 0) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
  return { path, body: bytes }
}

export interface JsonBarrage {
  readonly statuses: Readonly<Record<string, number>>
  /** Bodies that were answered with 5xx other than 503, or not at all. */
  readonly faults: readonly { readonly status: string; readonly path: string; readonly text: string }[]
}

const problem = z.object({ error: z.object({ code: z.string(), requestId: z.string() }) })

export async function sendJsonBarrage(
  target: Target,
  { count, seed, attackers }: { readonly count: number; readonly seed: number; readonly attackers: number },
): Promise<JsonBarrage> {
  const random = createRandom(seed)
  const statuses: Record<string, number> = {}
  const faults: { status: string; path: string; text: string }[] = []
  let sent = 0
  const attack = async () => {
    while (sent < count) {
      sent += 1
      const { path, body } = mutateJson(random)
      const status = await send(target, path, body)
      statuses[status] = (statuses[status] ?? 0) + 1
      const fine = /^(2|4)\d\d/.test(status) || status.startsWith("503 ")
      if (!fine) faults.push({ status, path, text: new TextDecoder().decode(body).slice(0, 500) })
    }
  }
  await Promise.all(Array.from({ length: attackers }, attack))
  return { statuses, faults }
}

/** `201`, `400 bad_request`; `no answer`, or an error without the words every error has. */
async function send(target: Target, path: string, body: Uint8Array<ArrayBuffer>): Promise<string> {
  try {
    const headers = { "content-type": "application/json" }
    const response = await askWithKey(target, path, { method: "POST", headers, body })
    const text = await response.text()
    if (response.ok) return String(response.status)
    const parsed = problem.safeParse(JSON.parse(text))
    return parsed.success ? `${response.status} ${parsed.data.error.code}` : `no words with ${response.status}`
  } catch (error) {
    return `no answer: ${error instanceof Error ? error.name : String(error)}`
  }
}
