import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { silentLog } from "../../../app/base/log.ts"
import { selfCommand } from "../../../app/base/self.ts"
import { openBoxFolder } from "../../../app/box/open.ts"
import { announcementKey, signAnnouncement } from "../../../app/sync/announcements.ts"
import { type NatsHub, openNatsHub } from "../../../app/sync/nats/hub.ts"
import { hubAccess } from "../../../app/sync/nats/setup/access.ts"
import { answerAsking } from "../../../app/sync/site/authority.ts"
import { openBoard } from "../../../app/sync/site/board.ts"
import { openSite } from "../../../app/sync/site/site.ts"
import { openSyncStore } from "../../../app/sync/store/open.ts"
import { json, run, tempMachines } from "../nats/setup/machines.ts"

/** A site made, joined and left by the commands, at a true server with certificates, keys and permissions. */

type Machines = ReturnType<typeof tempMachines>
type Steps = Parameters<Machines["follow"]>[0]

/** A data folder as a box has one that was started once. */
function openFolder(dataFolder: string) {
  const opened = openBoxFolder({ dataFolder, vault: { suite: "aes", keyFile: null } }, { log: silentLog })
  if (opened.kind !== "ok") throw new Error(opened.why)
  const { store, vault } = opened.value
  return { store, sync: openSyncStore(store, vault) }
}

async function letIn(machines: Machines, name: string): Promise<{ readonly box: string; readonly file: string }> {
  const { box, file, steps } = await json<{ box: string; file: string; steps: Steps }>(
    "hub",
    "add-box",
    name,
    "--folder",
    machines.hub,
  )
  await machines.follow(steps)
  return { box, file }
}

const accessIn = (file: string) => hubAccess.parse(JSON.parse(readFileSync(file, "utf8")))

async function connected(file: string): Promise<NatsHub> {
  const opened = await openNatsHub(accessIn(file))
  if (opened.kind === "failed") throw new Error(opened.why)
  return opened.value
}

/** What the service of a box does meanwhile, over its own connection to the same database. */
async function serving<Out>(
  dataFolder: string,
  file: string,
  work: (refused: ReadonlySet<string>) => Promise<Out>,
): Promise<Out> {
  const { store, sync } = openFolder(dataFolder)
  const needs = { settings: sync.settings, transact: store.transact }
  const site = openSite(needs)
  if (site === undefined) throw new Error(`${dataFolder} belongs to no site`)
  const board = openBoard({ ...needs, site })
  const hub = await connected(file)
  let isOver = false
  const refused = new Set<string>()
  const talking = (async () => {
    while (!isOver) {
      const taken = await board.take(hub, { verify: false })
      if (taken.kind === "taken") for (const { key, kind } of taken.refused) refused.add(`${key} ${kind}`)
      answerAsking(site, board, Date.now())
      await board.publish(hub)
      await Bun.sleep(50)
    }
  })()
  try {
    return await work(refused)
  } finally {
    isOver = true
    await talking
    await hub.close()
    store.close()
  }
}

/** The key goes in by standard input, and so by a process of its own; all that it says. */
async function taking(dataFolder: string, key: string): Promise<string> {
  const argv = [...selfCommand(), "sync", "authority", "take", "--data", dataFolder]
  const child = Bun.spawn(argv, { stdin: new Blob([key]), stdout: "pipe", stderr: "pipe" })
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return `${out}${err}`
}

interface Boxes {
  readonly epoch: number
  readonly boxes: readonly { readonly name: string; readonly standing: string }[]
}

test("create, invite, join, revoke and leave by the commands; what is refused says why", async () => {
  await using machines = tempMachines()
  // The last step of setting up lets in gate-1.
  await machines.follow(await machines.init(1))
  const one = join(machines.hub, "boxes/gate-1.json")
  await machines.follow((await json<{ steps: Steps }>("hub", "add-box", "gate-9", "--folder", machines.hub)).steps)
  const [two, three] = [await letIn(machines, "gate-2"), await letIn(machines, "gate-3")]
  const data = (name: string) => machines.folder.file("data", name)
  for (const name of ["1", "2", "3"]) openFolder(data(name)).store.close()
  const sync = (name: string, ...argv: readonly string[]) => run("sync", ...argv, "--data", data(name))

  expect((await sync("2", "boxes")).err).toContain("belongs to no site")
  expect((await sync("4", "boxes")).err).toContain("is not there: start the box once")
  expect((await sync("1", "create", "--access", join(machines.hub, "authority/keeper.json"))).err).toContain("the hub's keeper")
  const created = await sync("1", "create", "--access", one)
  expect(created).toMatchObject({ code: 0, out: expect.stringContaining("the site gate (") })
  expect((await sync("1", "create", "--access", one)).err).toContain("made already")
  expect((await sync("2", "create", "--access", two.file)).err).toContain("made already, by the box")

  const invited = async (name: string, box: string) =>
    (await json<{ token: string }>("sync", "invite", "--name", name, "--box", box, "--data", data("1"))).token
  const token = await invited("gate-2", two.box)
  expect((await sync("3", "join", "--access", three.file, "--token", token)).err).toContain(`for the box ${two.box}`)
  expect((await sync("2", "join", "--access", two.file, "--token", token, "--wait", "1")).err).toContain("has not answered")

  await serving(data("1"), one, async (refused) => {
    expect(await sync("2", "join", "--access", two.file, "--token", token)).toMatchObject({
      code: 0,
      out: expect.stringContaining("this box is gate-2 of the site gate now, one of 2"),
    })
    expect((await sync("2", "join", "--access", two.file, "--token", token)).err).toContain("belongs to the site gate already")
    const expired = await invited("gate-3", three.box)
    const third = await invited("gate-3", three.box)
    expect((await sync("3", "join", "--access", three.file, "--token", expired)).err).toContain(
      "not the one that was given out last",
    )
    expect(await sync("3", "join", "--access", three.file, "--token", third)).toMatchObject({ code: 0 })
    expect((await sync("2", "invite", "--name", "gate-4", "--box", "0e0e0e0e")).err).toContain("do it at gate-1")

    // What a member of the hub writes that is not its to say: by the server's rules, and by the others'.
    const hub = await connected(two.file)
    const { store, sync: second } = openFolder(data("2"))
    const site = openSite({ settings: second.settings, transact: store.transact })
    if (site === undefined) throw new Error("no site")
    const said = { kind: "status", site: "gate", box: three.box, about: "", atMs: 1, body: new Uint8Array(3) } as const
    const forged = signAnnouncement(site.suite, site.keys().pair, said)
    expect(await hub.write("announcements", announcementKey(said), forged, 0)).toMatchObject({
      kind: "refused",
      why: expect.stringContaining("does not let this box write"),
    })
    expect(await hub.write("announcements", `${two.box}.04`, forged, 0)).toMatchObject({ kind: "written" })
    expect(await hub.write("announcements", `${two.box}.05.00000000`, forged.subarray(1), 0)).toMatchObject({ kind: "written" })
    await hub.close()
    store.close()
    for (let tries = 0; tries < 200 && refused.size < 2; tries++) await Bun.sleep(10)
    expect([...refused].sort()).toEqual([`${two.box}.04 misplaced`, `${two.box}.05.00000000 malformed`])

    // As after a restore, until the hub was heard.
    const { store: restored } = openFolder(data("1"))
    restored.prepare("update sync_state set must_read_erasures = 1").run()
    expect((await sync("1", "revoke", "gate-2")).err).toContain("was restored from a backup")
    restored.prepare("update sync_state set must_read_erasures = 0").run()
    restored.close()

    const shown = await json<{ authorityKey: string }>("sync", "authority", "show", "--data", data("1"))
    expect((await sync("2", "authority", "show")).err).toContain("do it at gate-1")
    expect(await taking(data("1"), "not the key")).toContain("not the key that `gatehouse sync authority show` printed")
    expect(await taking(data("1"), shown.authorityKey)).toContain("this box lets others into the site gate from now on")

    expect(await sync("1", "revoke", "gate-2")).toMatchObject({
      code: 0,
      out: expect.stringContaining("gatehouse hub remove-box gate-2"),
    })
    const gone = accessIn(two.file)
    const { steps } = await json<{ steps: Steps }>("hub", "remove-box", "gate-2", "--folder", machines.hub)
    await machines.follow(steps)
    const revoked = await openNatsHub(gone)
    expect(revoked).toMatchObject({ kind: "failed", why: expect.stringContaining("does not know this box's key") })
    expect((await sync("1", "leave")).err).toContain("holds the authority of the site gate")
    expect(await sync("3", "leave")).toMatchObject({ code: 0, out: expect.stringContaining("has left the site gate") })
    expect((await sync("3", "boxes")).err).toContain("belongs to no site")
    const standings = async () => {
      const { boxes, epoch } = await json<Boxes>("sync", "boxes", "--data", data("1"))
      return [epoch, ...boxes.map(({ name, standing }) => `${name} ${standing}`)]
    }
    for (let tries = 0; tries < 100 && (await standings())[0] !== 3; tries++) await Bun.sleep(50)
    expect(await standings()).toEqual([3, "gate-1 member", "gate-2 revoked", "gate-3 left"])
  })
}, 60_000)
