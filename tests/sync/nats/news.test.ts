import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { News } from "../../../app/sync/link/hub.ts"
import { hubOptions, openHub, startServer } from "./server.ts"

const [nameA, nameB] = ["0a0a0a0a", "0b0b0b0b"]

test("a box hears of what another one writes, and again after the server was killed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-news-"))
  try {
    await using server = await startServer(folder)
    await using a = await openHub({ ...hubOptions(server), box: nameA })
    await using b = await openHub({ ...hubOptions(server), box: nameB })
    const heard: News[] = []
    const listen = async () => {
      const begun = await b.listen((news) => heard.push(news))
      if (begun.kind === "failed") throw new Error(begun.why)
      return begun.value
    }
    const untilHeard = async (count: number) => {
      for (let tries = 0; heard.length < count && tries < 500; tries++) await Bun.sleep(10)
      return heard.length
    }
    const before = await listen()
    expect(before.isHeard()).toBe(true)
    const write = (stream: "records" | "erasures", key: string) => a.write(stream, key, new Uint8Array(700), 0)
    expect(await write("records", "01")).toMatchObject({ kind: "written" })
    expect(await write("erasures", "02")).toMatchObject({ kind: "written" })
    expect(await untilHeard(2)).toBe(2)
    expect(heard).toContainEqual({ stream: "records", sequence: 1 })
    expect(heard).toContainEqual({ stream: "erasures", sequence: 1 })

    await server.kill("SIGKILL")
    await server.start()
    for (let tries = 0; b.generation() < 2 && tries < 1000; tries++) await Bun.sleep(10)
    // Asked anew at each line: the server forgot whom it told.
    await before.close()
    const after = await listen()
    for (let tries = 0; (await write("records", "03")).kind !== "written" && tries < 100; tries++) await Bun.sleep(50)
    await untilHeard(3)
    expect(heard.at(-1)).toEqual({ stream: "records", sequence: 2 })
    await after.close()
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 60_000)
