import { expect, test } from "bun:test"
import { join } from "node:path"
import { dataFolderFiles } from "../../../app/store/data-folder.ts"
import { migrations } from "../../../app/store/migrations/index.ts"
import { beginNewLife } from "../../../app/store/new-life.ts"
import type { SiteReport } from "../../../app/sync/link/report.ts"
import { enrol as enrolIn, randomFrom, randomVector, spaceOf } from "../../gallery/support.ts"
import { json, run, tempMachines } from "../nats/setup/machines.ts"
import { openService, type Service } from "./service.ts"
import { until } from "./support.ts"

/** Two boxes that serve, at a true server with certificates, keys and permissions; they join by the commands while they run. */

const space = spaceOf(64)
const random = randomFrom(5)

function enrol({ gallery }: Service, name: string) {
  const vector = randomVector(64, random)
  return { id: enrolIn(gallery, name, space, [vector]).subjectId, vector }
}

async function isFound({ gallery }: Service, { id, vector }: ReturnType<typeof enrol>): Promise<boolean> {
  const [first] = await gallery.search(space, vector, 1)
  return first !== undefined && first.subjectId === id && first.similarity > 0.99
}

async function untilFound(box: Service, person: ReturnType<typeof enrol>): Promise<void> {
  for (let tries = 0; !(await isFound(box, person)); tries++) {
    if (tries === 1000) throw new Error(`${box.name} does not know who was enrolled: ${JSON.stringify(box.report())}`)
    await Bun.sleep(10)
  }
}

test("two boxes that serve share a gallery, whatever becomes of the hub", async () => {
  await using machines = tempMachines()
  await machines.follow(await machines.init(1))
  const letIn = async (name: string) => {
    const { box, file, steps } = await json<{ box: string; file: string; steps: Parameters<typeof machines.follow>[0] }>(
      ...["hub", "add-box", name, "--folder", machines.hub],
    )
    await machines.follow(steps)
    return { box, file }
  }
  const access = await letIn("gate-2")
  const quick = { pollSeconds: 1, verifySeconds: 2 }
  await using one = await openService(machines.folder, "1", quick)
  const before = enrol(one, "before the site")
  expect(one.sync.port()).toBeUndefined()

  const sync = (box: Service, ...argv: readonly string[]) => run("sync", ...argv, "--data", box.dataFolder)
  expect((await sync(one, "create", "--access", join(machines.hub, "boxes/gate-1.json"))).code).toBe(0)
  await until("the first is connected", () => one.sync.port() !== undefined && one.report().state === "connected")
  let two = await openService(machines.folder, "2", quick)
  try {
    const { token } = await json<{ token: string }>(
      ...["sync", "invite", "--name", "gate-2", "--box", access.box, "--data", one.dataFolder],
    )
    expect(await sync(two, "join", "--access", access.file, "--token", token)).toMatchObject({ code: 0 })
    await until("the second is connected", () => two.sync.port() !== undefined && two.report().state === "connected")
    await untilFound(two, before)
    const ada = enrol(two, "Ada")
    await untilFound(one, ada)

    // What the service says, by itself and through the command beside it.
    await until("both were heard of", () => one.report().boxes.every(({ seenAtMs }) => seenAtMs !== undefined))
    expect(one.report()).toMatchObject({
      site: "gate",
      name: "gate-1",
      epoch: 1,
      outbox: { records: 0, erasures: 0, doubtful: 0 },
    })
    let said: SiteReport | undefined
    for (let tries = 0; said?.state !== "connected" && tries < 100; tries++) {
      said = await json<SiteReport>("sync", "status", "--data", one.dataFolder)
      await Bun.sleep(50)
    }
    expect(said).toMatchObject({ state: "connected", boxes: [{ name: "gate-1", isThis: true }, { name: "gate-2" }] })
    expect((await sync(two, "status")).out).toContain("gate-2 *")

    // Erased at one, confirmed by both.
    expect((await two.people.erase(ada.id)).kind).toBe("erased")
    await until("gone at the other", () => one.gallery.subject(ada.id) === undefined)
    await until("both have confirmed", () => [one, two].every((box) => box.report().erasures.confirmed === 1))
    expect(one.report().erasures).toEqual({ total: 1, confirmed: 1, waiting: [] })

    // A hub that hangs: nobody at a door waits for it.
    await machines.kill("hub-1", "SIGSTOP")
    const alone: ReturnType<typeof enrol>[] = []
    let worstMs = 0
    for (let i = 0; i < 20; i++) {
      const startMs = performance.now()
      alone.push(enrol(one, `alone ${i}`))
      expect(await isFound(one, alone[i]!)).toBe(true)
      worstMs = Math.max(worstMs, performance.now() - startMs)
      await Bun.sleep(20)
    }
    // Any answer of the hub takes 2 s to be given up.
    expect(worstMs).toBeLessThan(1500)
    await until("that it hangs is noticed", () => one.report().state === "connecting")
    expect(one.report().outbox.records).toBe(20)
    expect(one.report().lag.seconds).toBeGreaterThan(0)
    await machines.kill("hub-1", "SIGCONT")
    for (const person of alone) await untilFound(two, person)

    // A box that was restored names nobody before it has heard who was erased, and then it does.
    await two.close()
    await machines.kill("hub-1")
    const database = join(two.dataFolder, dataFolderFiles.database)
    expect(beginNewLife(database, migrations.length).kind).toBe("ok")
    two = await openService(machines.folder, "2", quick)
    expect(two.sync.port()?.whyBlind()).toContain("restored from a backup")
    expect(two.report()).toMatchObject({ state: "connecting", mustReadErasures: true })
    await until("why there is no hub is said", () => two.report().why?.includes("nothing listens") === true)
    await machines.startServer("hub-1")
    await until("it has heard", () => two.sync.port()?.whyBlind() === undefined)
    const late = enrol(two, "late")
    await untilFound(one, late)
    await one.metrics.registry.metrics()

    // A box that leaves keeps its people, and shares nothing any more.
    await until("nothing waits", () => two.report().outbox.records === 0)
    expect(await sync(two, "leave")).toMatchObject({ code: 0 })
    await until("it is outside", () => two.sync.port() === undefined)
    expect(await isFound(two, late)).toBe(true)
  } finally {
    await two.close()
  }
}, 120_000)
