import { mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { chipPart } from "../../../app/sync/entity.ts"
import { lfwPeople } from "../../../tests/support/lfw.ts"
import { natsVersion } from "../../../tests/sync/nats/server.ts"
import { roundTo } from "../../bench/support/statistics.ts"
import { check, conclude } from "../support/verdict.ts"
import { syncOf } from "./api.ts"
import type { SyncBox } from "./box.ts"
import { createPeople, enrol, enrolPicture, postJson, systemOf, whoIs } from "./people.ts"
import { done, type Program } from "./program.ts"
import { openTestedSite } from "./site.ts"
import { filesWithTraces, plainTraces, recordTrace, type Somebody, storedTraces, type Trace } from "./traces.ts"

const peopleCount = 100
const erasedNumbers = [7, 8]
/** A sweep a minute, after a marker that proves that the erasure stays; and what each box has to finish. */
const waitMsMax = 6 * 60_000
const goneMsMax = 10_000

/**
 * People are erased, each at another box: by vector, and one by a photograph. Nothing of them is left in any folder of the site, and a
 * stick that was written before does not bring them back.
 */
export async function runErase(program: Program, boxCount: number, sealed: boolean): Promise<void> {
  const env = sealed ? { GATEHOUSE_MASTER_KEY: Buffer.alloc(32, 7).toString("hex") } : {}
  await using site = await openTestedSite({ program, boxes: boxCount, config: { sync: { sweepMinutes: 1, chips: true } }, env })
  const { boxes, hub } = site
  const people = createPeople((await systemOf(boxes[0]!)).models.space, "Residue of Somebody")
  const everybody = new Map<number, Somebody>()
  for (let number = 1; number <= peopleCount; number++)
    everybody.set(number, await enrol(boxes[number % boxCount]!, people, number))
  const [photographed] = lfwPeople(2)
  const pictured = photographed && (await enrolPicture(boxes[0]!, people.nameOf(peopleCount + 1), photographed.photos[0] ?? ""))
  await untilAllHave(boxes, peopleCount + (pictured === undefined ? 0 : 1))

  const stick = site.file("stick")
  mkdirSync(stick)
  const exported = await done(boxes[0]!.run("bundle", "export", "--to", stick, "--full"), "bundle export")
  console.log(exported.trim())

  const traces: Trace[] = []
  for (const number of erasedNumbers) {
    const one = everybody.get(number)!
    if (!sealed) traces.push(...plainTraces(people, number))
    traces.push(await recordTrace(hub.keeper(), one), ...boxes.flatMap((box) => storedTraces(box, one)))
  }
  if (pictured !== undefined) {
    if (!sealed) traces.push({ what: "photograph", bytes: pictured.jpeg.slice(2000, 2064) })
    traces.push(
      await recordTrace(hub.keeper(), pictured),
      await recordTrace(hub.keeper(), pictured, chipPart),
      ...boxes.flatMap((box) => storedTraces(box, pictured)),
    )
  }
  const folders = [...boxes.map(({ name, folder }) => ({ name, folder })), { name: "hub", folder: hub.store("hub-1") }]
  const search = () => filesWithTraces(traces, folders)
  const before = await search()

  const erased = [...erasedNumbers.map((number) => everybody.get(number)!), ...(pictured === undefined ? [] : [pictured])]
  const startTickMs = performance.now()
  for (const [i, { subjectId }] of erased.entries()) {
    const answer = await boxes[(i + 1) % boxCount]!.ask(`/v1/subjects/${subjectId}/erase`, postJson({}))
    if (!answer.ok) throw new Error(`erase: ${answer.status} ${await answer.text()}`)
  }
  const goneMs = await Promise.all(boxes.map((box) => goneAfterMs(box, erased, startTickMs)))
  let after = await search()
  while (after.size > 0 && performance.now() - startTickMs < waitMsMax) {
    await Bun.sleep(5000)
    after = await search()
  }
  const cleanSeconds = (performance.now() - startTickMs) / 1000
  const receipts = await Promise.all(boxes.map((box) => untilConfirmed(box, erased.length)))

  const imports = []
  for (const file of readdirSync(stick).filter((name) => !name.endsWith(".receipt")))
    imports.push(await boxes[0]!.run("bundle", "import", join(stick, file)))
  await Bun.sleep(5000)
  await untilAllHave(boxes, peopleCount - erasedNumbers.length)
  const back = (await Promise.all(boxes.flatMap((box) => erasedNumbers.map((number) => whoIs(box, people, number))))).filter(
    Boolean,
  )
  const again = await search()
  const untouched = await whoIs(boxes[0]!, people, 9)
  const told = (where: ReadonlyMap<string, readonly string[]>) =>
    where.size === 0 ? "nothing" : [...where].map(([what, files]) => `${what}: ${files.slice(0, 3).join(", ")}`).join("; ")
  const sought = `${traces.length} traces in ${folders.length} folders`
  const unseen = traces.filter(({ what }) => !before.has(what)).map(({ what }) => what)
  await conclude(
    `erasing ${erased.length} people at ${boxCount} boxes${sealed ? ", sealed" : ""}: nats-server ${natsVersion()}`,
    [
      check(
        "before, the search finds each trace it is to look for",
        `${sought}: all but ${unseen.length} (${unseen.join(", ")}), in ${new Set([...before.values()].flat()).size} files`,
        unseen.length === 0,
      ),
      check(
        "nobody of them is found any more at any box",
        `after ${goneMs.map(Math.round).join(", ")} ms (n ${goneMs.length})`,
        Math.max(...goneMs) < goneMsMax,
      ),
      check(
        "after the janitor no file of any box or of the hub holds a trace",
        `${sought}: ${told(after)}; ${roundTo(cleanSeconds, 0)} s after the erasure`,
        after.size === 0,
      ),
      check(
        "receipts add up: each box knows that each has erased all of them",
        receipts
          .map(({ total, confirmed, waiting }) => {
            const missing = waiting.map(
              ({ confirmedBy, of, missing }) => `${confirmedBy} of ${of}, without ${missing.join(", ")}`,
            )
            return [`${confirmed} of ${total}`, ...missing].join(": ")
          })
          .join("; "),
        receipts.every(({ total, confirmed }) => total === erased.length && confirmed === erased.length),
      ),
      check(
        "a stick written before brings nobody back",
        `${back.length} found; ${imports.map(({ code, out, err }) => `${code}: ${(out + err).trim().split("\n")[0]}`).join("; ")}`,
        back.length === 0 && imports.length > 0 && imports.every(({ code }) => code === 0),
      ),
      check("… and leaves no trace either", told(again), again.size === 0),
      check("who was not erased is still there", String(untouched?.name), untouched?.subjectId === everybody.get(9)?.subjectId),
    ],
  )
}

async function untilAllHave(boxes: readonly SyncBox[], count: number): Promise<void> {
  for (let tries = 0; tries < 240; tries++) {
    const systems = await Promise.all(boxes.map(systemOf))
    if (systems.every(({ gallery }) => gallery.subjects === count && gallery.faces === count)) return
    await Bun.sleep(500)
  }
  throw new Error(`not all boxes have ${count} people after 120 s`)
}

/** What a box says of erasures, once all are confirmed by all, or after the time that boxes take to say so. */
async function untilConfirmed(box: SyncBox, count: number) {
  for (let tries = 0; ; tries++) {
    const { erasures } = await syncOf(box)
    if (erasures.confirmed >= count || tries === 180) return erasures
    await Bun.sleep(1000)
  }
}

async function goneAfterMs(box: SyncBox, people: readonly Somebody[], startTickMs: number): Promise<number> {
  for (;;) {
    const answers = await Promise.all(people.map(({ subjectId }) => box.ask(`/v1/subjects/${subjectId}`)))
    const tookMs = performance.now() - startTickMs
    if (answers.every(({ status }) => status === 404) || tookMs > 60_000) return tookMs
    await Bun.sleep(10)
  }
}
