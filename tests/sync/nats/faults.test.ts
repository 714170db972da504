import { expect, test } from "bun:test"
import { cpSync, rmSync } from "node:fs"
import { openSuite } from "../../../app/vault/suites.ts"
import { tempFolder } from "../../support/shared.ts"
import { boxA, boxB, createSite, entity } from "../support.ts"
import { createTestBox, enrolments, erasure, holds, settled } from "./boxes.ts"
import { hubOptions, openHub, startServer } from "./server.ts"

const boxC = "0c0c0c0c"
const site = () => createSite(openSuite("aes").suite, [boxA, boxB, boxC])

test("a server that is killed in the middle of a talk loses nothing", async () => {
  using folder = tempFolder()
  await using server = await startServer(folder.path)
  await using hub = await openHub(hubOptions(server))
  const members = site()
  const [a, b] = [createTestBox(boxA, members, () => hub), createTestBox(boxB, members, () => hub)]
  a.write(enrolments(1, 1500))
  b.write(enrolments(5000, 500))
  // In the middle, whatever the machine's pace: some of it has been acknowledged, and some has not.
  const cuts: number[] = []
  const cut = async () => {
    const dueAtFirst = a.due()
    while (a.due() === dueAtFirst) await Bun.sleep(1)
    cuts.push(a.due())
    await server.kill("SIGKILL")
    await server.start()
  }
  await Promise.all([settled(a), settled(b), cut().then(cut)])
  expect(Math.min(...cuts)).toBeGreaterThan(0)
  for (const box of [a, b, a]) await settled(box)
  expect(a.disk.rows().size).toBe(2000)
  expect(a.digest()).toBe(b.digest())
  // What the boxes believe is what the hub has.
  const c = createTestBox(boxC, members, () => hub)
  await settled(c)
  expect(c.digest()).toBe(a.digest())
}, 60_000)

test("an old copy in the place of the server's disk: what is missing is offered again, and who was erased stays so", async () => {
  using folder = tempFolder()
  await using server = await startServer(folder.path)
  await using hub = await openHub(hubOptions(server))
  const members = site()
  const boxes = [boxA, boxB, boxC].map((name) => createTestBox(name, members, () => hub))
  const [a, b, c] = boxes as [(typeof boxes)[0], (typeof boxes)[0], (typeof boxes)[0]]
  a.write(enrolments(1, 200))
  for (const box of [a, b]) await settled(box)
  expect(await a.janitor().mark()).toEqual({ kind: "marked" })
  for (const box of [a, b]) await settled(box)

  await server.kill("SIGKILL")
  cpSync(server.store, folder.file("old"), { recursive: true })
  await server.start()

  a.write([...enrolments(1000, 300), erasure(7)])
  for (const box of [a, b]) await settled(box)
  expect(await a.janitor().mark()).toEqual({ kind: "marked" })
  for (const box of [a, b]) await settled(box)

  await server.kill("SIGKILL")
  rmSync(server.store, { recursive: true })
  cpSync(folder.file("old"), server.store, { recursive: true })
  await server.start()

  // Somebody who never saw what is lost writes first: its numbers are given a second time.
  c.write(enrolments(3000, 350))
  await settled(c)
  expect(holds(c, entity(7, 1))).toBe("put")
  // The erasure, and the 300 enrolments: by the one who wrote them, or the one who read them.
  const back = await settled(b)
  expect(back.offeredAgain).toBe(301)
  for (const box of [a, c, b, a]) await settled(box)
  expect(new Set(boxes.map((box) => box.digest())).size).toBe(1)
  expect(a.disk.rows().size).toBe(200 - 1 + 300 + 350 + 1)
  for (const box of boxes) expect([holds(box, entity(7)), holds(box, entity(7, 1))]).toEqual(["erase", undefined])
}, 60_000)
