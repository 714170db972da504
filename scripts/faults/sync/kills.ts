import { createRandom } from "../../../app/base/random.ts"
import { natsVersion } from "../../../tests/sync/nats/server.ts"
import { roundTo } from "../../bench/support/statistics.ts"
import { check, conclude } from "../support/verdict.ts"
import { holdingsOf } from "./compare.ts"
import { judgeHoldings, judgeSearches } from "./judge.ts"
import { createPeople, systemOf } from "./people.ts"
import type { Program } from "./program.ts"
import { settle } from "./settle.ts"
import { openTestedSite } from "./site.ts"
import { emptyBook, write } from "./writer.ts"

const writers = 4
const writerPauseMs = 100
const hubShare = 0.2
const betweenKillsMs = 6000
const downMsMax = 3000
const searchesMax = 4000

/** Boxes and the hub are killed at random while four people write. In the end all agree, and hold exactly what was acknowledged. */
export async function runKills(program: Program, minutes: number, boxCount: number, seed: number): Promise<void> {
  await using site = await openTestedSite({ program, boxes: boxCount })
  const { boxes, hub } = site
  const people = createPeople((await systemOf(boxes[0]!)).models.space)
  const random = createRandom(seed)
  const book = emptyBook()
  const untilTickMs = performance.now() + minutes * 60_000
  const isOver = () => performance.now() > untilTickMs
  let numbers = 0
  const writing = Promise.all(
    Array.from({ length: writers }, (_, i) =>
      write(book, {
        boxes,
        people,
        random: createRandom(seed * 1000 + i),
        nextNumber: () => ++numbers,
        isOver,
        pauseMs: writerPauseMs,
      }),
    ),
  )
  const killing = killAtRandom()
  const kills = await Promise.race([killing, writing.then(() => killing)])
  await writing
  console.log(`${JSON.stringify(book.counts)}, killed: ${kills.boxes} boxes, ${kills.hubs} times the hub; now they settle`)
  for (const [what, times] of book.odd) console.log(`${times} × ${what}`)
  const settled = await settle(boxes, 180)
  const searches = await judgeSearches(book, boxes, people, searchesMax)
  await Promise.all(boxes.map((box) => box.stop()))
  const holdings = boxes.map(holdingsOf)
  const digests = new Set(holdings.map(({ digest }) => digest))
  await conclude(
    `${minutes} minutes of kill -9 at ${boxCount} boxes and their hub, seed ${seed}: nats-server ${natsVersion()}`,
    [
      check(
        "one digest at the end",
        settled.kind === "settled"
          ? `${digests.size} (${[...digests].join(", ")}), ${roundTo(settled.seconds, 1)} s after the last write`
          : settled.why,
        settled.kind === "settled" && digests.size === 1,
      ),
      ...judgeHoldings(book, holdings[0]!),
      searches,
      check(
        "killed at all",
        `${kills.boxes} boxes, ${kills.hubs} times the hub, ${book.counts.retries} requests repeated`,
        kills.boxes > 0 && kills.hubs > 0,
      ),
    ],
  )

  async function killAtRandom() {
    const killed = { boxes: 0, hubs: 0 }
    while (!isOver()) {
      await Bun.sleep(random() * betweenKillsMs)
      const downMs = random() * downMsMax
      if (random() < hubShare) {
        await hub.machines.kill("hub-1")
        await Bun.sleep(downMs)
        await hub.machines.startServer("hub-1")
        killed.hubs++
        continue
      }
      const box = boxes[Math.floor(random() * boxes.length)]!
      await box.kill()
      await Bun.sleep(downMs)
      await box.start()
      killed.boxes++
    }
    return killed
  }
}
