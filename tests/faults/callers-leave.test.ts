import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { startBox, testAdminKey } from "../support/box.ts"
import { tempFolder } from "../support/shared.ts"

const picture = readFileSync(join(projectRoot, "node_modules/@vladmandic/face-api/demo/sample1.jpg"))
const leaving = 8

/** A whole request on a socket of its own, whose answer nobody reads. */
async function askAndStay(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1")
  socket.on("error", () => undefined)
  const head = `POST /v1/detect HTTP/1.1\r\nhost: x\r\nx-api-key: ${testAdminKey}\r\nx-deadline-ms: 60000\r\n`
  const sent = `${head}content-type: image/jpeg\r\ncontent-length: ${picture.length}\r\n\r\n`
  await new Promise<void>((written) => socket.write(Buffer.concat([Buffer.from(sent), picture]), () => written()))
  return socket
}

test("what callers who left were waiting for is never run", async () => {
  using folder = tempFolder()
  await using box = await startBox(folder.path, { GATEHOUSE_ENGINES: "1" })
  const figure = async (line: string) => {
    const text = await (await box.ask("/metrics")).text()
    return Number(
      text
        .split("\n")
        .find((one) => one.startsWith(`gatehouse_${line} `))
        ?.split(" ")
        .at(-1) ?? 0,
    )
  }
  const until = async (line: string, count: number) => {
    while ((await figure(line)) !== count) await Bun.sleep(20)
  }

  // Stopped, the engine takes the first picture and no other; it is let go long before it would count as stuck.
  const [engine = 0] = await box.enginePids()
  process.kill(engine, "SIGSTOP")
  const patient = box.ask("/v1/detect", {
    method: "POST",
    body: picture,
    headers: { "content-type": "image/jpeg", "x-deadline-ms": "60000" },
  })
  await until(`engines{state="busy"}`, 1)
  const sockets = await Promise.all(Array.from({ length: leaving }, () => askAndStay(box.url)))
  await until("engine_queue", leaving)
  for (const socket of sockets) socket.destroy()
  await until("engine_queue", 0)
  process.kill(engine, "SIGCONT")

  expect((await patient).status).toBe(200)
  expect(await figure(`refused_total{reason="abandoned"}`)).toBe(leaving)
  expect(await figure(`run_seconds_count{outcome="analysis"}`)).toBe(1)
})
