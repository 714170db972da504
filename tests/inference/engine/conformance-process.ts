import { dlopen } from "bun:ffi"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { openRuntime, type RuntimeChoice } from "../../../app/inference/engine/runtime.ts"
import { floats, severalNetwork, smallNetwork } from "./made-networks.ts"

/** A process of its own for conformance.test.ts: what threads, memory, files and sockets a way to ONNX Runtime takes. */
const [what, choice] = Bun.argv.slice(2)
const socketsAtFirst = countSockets()
const opened = await openRuntime(JSON.parse(choice ?? "") as RuntimeChoice)
if (opened.kind === "refused") throw new Error(opened.why)
const { runtime } = opened

switch (what) {
  case "threads":
    console.log(JSON.stringify(await threads()))
    break
  case "cycles":
    console.log(JSON.stringify(await cycles(1000)))
    break
  case "sizes":
    console.log(JSON.stringify(await sizes()))
    break
  case "quiet":
    console.log(JSON.stringify(await quiet()))
    break
  default:
    throw new Error(`nothing is known of ${what}`)
}

/** Threads of ONNX Runtime beside the one that asks: before, with networks of one and four threads, and after. */
async function threads() {
  const input = { x: floats([1, 3, 64, 64]) }
  await (await runtime.openSession(smallNetwork(), { threads: 1 })).close()
  const name = threadName(String(process.pid))
  // Those of JavaScript have names of their own, and come when they like; those of the library are called as whoever made them.
  const count = () => readdirSync("/proc/self/task").filter((id) => threadName(id) === name).length
  const start = count()
  const one = await runtime.openSession(smallNetwork(), { threads: 1 })
  await one.run(input)
  const withOne = count() - start
  const four = await runtime.openSession(smallNetwork(), { threads: 4 })
  await four.run(input)
  const withFour = count() - start
  await four.close()
  await one.close()
  return { before: 0, one: withOne, four: withFour, closed: count() - start }
}

/** `undefined` for one that has just ended. */
function threadName(id: string): string | undefined {
  try {
    return readFileSync(`/proc/self/task/${id}/comm`, "utf8")
  } catch {
    return undefined
  }
}

/** How much the process grows while networks are opened, run and closed, after a fifth of that to warm up. */
async function cycles(count: number) {
  const bytes = smallNetwork()
  const input = { x: floats([1, 3, 16, 16]) }
  async function cycle() {
    const session = await runtime.openSession(bytes, { threads: 1 })
    for (let run = 0; run < 3; run++) await session.run(input)
    await session.close()
  }
  for (let index = 0; index < count / 5; index++) await cycle()
  const before = residentBytes()
  for (let index = 0; index < count; index++) await cycle()
  return { cycles: count, grownBytes: residentBytes() - before }
}

/** How much it grows while one network sees pictures of 400 sizes, five times each. */
async function sizes() {
  const session = await runtime.openSession(smallNetwork(), { threads: 1 })
  const look = async (from: number) => {
    for (let index = 0; index < 2000; index++) {
      const [height, width] = [from + (index % 20), from + (Math.floor(index / 20) % 20)]
      await session.run({ x: floats([1, 3, height, width]) })
    }
  }
  await look(40)
  const before = residentBytes()
  await look(41)
  const grownBytes = residentBytes() - before
  await session.close()
  return { grownBytes }
}

/** An answer, and how many sockets were opened for it: those of the start are how the parent listens. */
async function quiet() {
  const session = await runtime.openSession(severalNetwork(), { threads: 1 })
  const tensor = { type: "float32", data: Float32Array.of(1, 2, 3, 4), shape: [1, 4] } as const
  const { sum } = await session.run({ a: tensor, b: tensor })
  await session.close()
  return {
    sum: [...sum!.data],
    moreSockets: countSockets() - socketsAtFirst,
    variable: nativeVariable("ORT_DISABLE_TELEMETRY"),
  }
}

/** As native code sees it, which is not what `process.env` says. */
function nativeVariable(name: string): string {
  const { symbols } = dlopen("libc.so.6", { getenv: { args: ["cstring"], returns: "cstring" } })
  return String(symbols.getenv(Buffer.from(`${name}\0`)))
}

function countSockets(): number {
  const targets = readdirSync("/proc/self/fd").map((number) => linkOf(`/proc/self/fd/${number}`))
  return targets.filter((target) => target.startsWith("socket:")).length
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    // The listing itself was a file.
    return ""
  }
}

function residentBytes(): number {
  Bun.gc(true)
  return process.memoryUsage.rss()
}
