import { expect, test } from "bun:test"
import { join } from "node:path"
import sharp from "sharp"
import { projectRoot } from "../../app/base/paths.ts"
import { asNeverSeen } from "../../scripts/bench/support/pictures.ts"
import { linesOf } from "../enrolment/support.ts"
import { randomFrom, randomVector } from "../gallery/support.ts"
import { type RunningBox, startBox } from "../support/box.ts"
import { tempFolder } from "../support/shared.ts"

const kills = 3
const lines = 300
/** Every so many lines a picture, for which engines are needed. */
const pictureEvery = 20

interface Job {
  readonly id: string
  readonly state: string
  readonly done: number
}

test(`an upload that was accepted is worked off to its end through ${kills} kills, every line once`, async () => {
  using folder = tempFolder()
  const random = randomFrom(3)
  const start = () => startBox(folder.path, { GATEHOUSE_ENGINES: "1" })
  let box = await start()
  const { models } = (await (await box.ask("/v1/system")).json()) as { models: { space: string } }
  const body = await peopleOf(models.space, random)
  const accepted = await box.ask("/v1/enrolments", {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body,
  })
  expect(accepted.status).toBe(202)
  const { id } = (await accepted.json()) as Job

  let done = 0
  for (let round = 0; round < kills; round++) {
    // Somewhere in the next part of it, between two commits or in one.
    await follow(box, id, (job) => job.done >= done + 20)
    await Bun.sleep(random() * 30)
    box.process.kill("SIGKILL")
    await box.process.exited
    box = await start()
    const job = await jobOf(box, id)
    expect(job.done).toBeGreaterThanOrEqual(done + 20)
    done = job.done
  }
  const job = await follow(box, id, () => false)
  const pictures = lines / pictureEvery
  expect(job).toMatchObject({ state: "finished", total: lines, done: lines, enrolled: lines, duplicates: 0, refused: 0 })
  expect(job).toMatchObject({ peopleAdded: lines - pictures + 1 })
  const { items } = (await (await box.ask(`/v1/enrolments/${id}/items?limit=1000`)).json()) as { items: { faceId: string }[] }
  expect(new Set(items.map(({ faceId }) => faceId)).size).toBe(lines)
  const { gallery } = (await (await box.ask("/v1/system")).json()) as { gallery: { subjects: number; faces: number } }
  expect([gallery.subjects, gallery.faces]).toEqual([lines - pictures + 1, lines])
  await box[Symbol.asyncDispose]()
}, 300_000)

/** A vector each of many people, and many pictures of one woman, no two of the same bytes. */
async function peopleOf(space: string, random: () => number): Promise<Uint8Array<ArrayBuffer>> {
  const group = join(projectRoot, "node_modules/@vladmandic/face-api/demo/sample6.jpg")
  const jpeg = await sharp(group).extract({ left: 1340, top: 80, width: 490, height: 650 }).jpeg().toBuffer()
  const dimension = Number(space.slice(space.lastIndexOf("/") + 1))
  const vector = () => Buffer.from(randomVector(dimension, random).buffer).toString("base64")
  const line = (i: number) =>
    i % pictureEvery === 0
      ? { name: "Ada", image: Buffer.from(asNeverSeen({ name: "", jpeg })).toString("base64") }
      : { name: `Person ${i}`, embedding: vector(), space }
  return linesOf(...Array.from({ length: lines }, (_, i) => line(i)))
}

async function jobOf(box: RunningBox, id: string): Promise<Job> {
  return (await (await box.ask(`/v1/enrolments/${id}`)).json()) as Job
}

/** Until it is over, or far enough. */
async function follow(box: RunningBox, id: string, isEnough: (job: Job) => boolean): Promise<Job> {
  for (;;) {
    const job = await jobOf(box, id)
    if ((job.state !== "waiting" && job.state !== "running") || isEnough(job)) return job
    await Bun.sleep(5)
  }
}
