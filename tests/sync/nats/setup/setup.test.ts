import { describe, expect, test } from "bun:test"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Step } from "../../../../app/cli/hub/steps.ts"
import { connectLine, type Line } from "../../../../app/sync/nats/connection.ts"
import { openNatsHub } from "../../../../app/sync/nats/hub.ts"
import { inboxPrefix } from "../../../../app/sync/nats/layout.ts"
import { loadNats, meaningOf } from "../../../../app/sync/nats/refusals.ts"
import { type HubAccess, hubAccess } from "../../../../app/sync/nats/setup/access.ts"
import { initHub } from "../../../../app/sync/nats/setup/hub-folder.ts"
import { nodesOf } from "../../../../app/sync/nats/setup/plan.ts"
import { tempFolder } from "../../../support/shared.ts"
import { program } from "../server.ts"
import { json, knowsSyncInterval, run, tempMachines } from "./machines.ts"

type Machines = ReturnType<typeof tempMachines>

const accessIn = (hub: string, file: string): HubAccess => hubAccess.parse(JSON.parse(readFileSync(join(hub, file), "utf8")))

interface Added {
  readonly box: string
  readonly file: string
  readonly steps: readonly Step[]
}

/** A box that was added, and told to the servers as the command says. */
async function added(machines: Machines, name: string): Promise<HubAccess> {
  const { steps } = await json<Added>("hub", "add-box", name, "--folder", machines.hub)
  await machines.follow(steps)
  return accessIn(machines.hub, `boxes/${name}.json`)
}

/** Why the hub does not let somebody in; `undefined` when it does. */
async function whyOut(access: HubAccess): Promise<string | undefined> {
  const opened = await openNatsHub(access)
  if (opened.kind === "failed") return opened.why
  await opened.value.close()
  return undefined
}

describe("a hub of one server, set up as the printed steps say", () => {
  test("lets in the boxes that were added, each under its own name, and no one else", async () => {
    await using machines = tempMachines()
    const said = await machines.follow(await machines.init(1))
    expect(said[0]).toContain("lets keeper in; the streams of gate are there, and safe")
    // The last step of setting up lets in the first box.
    const reload = (await json<Added>("hub", "add-box", "gate-2", "--folder", machines.hub)).steps
    const checked = await machines.follow(reload)
    expect(checked.join()).toContain("lets gate-2 in")

    // As a version wrote it that knew no announcements: preparing writes it anew, and says what is next.
    const accounts = join(machines.hub, "nodes/hub-1/accounts.conf")
    const written = readFileSync(accounts, "utf8")
    writeFileSync(accounts, written.replaceAll(/.*k\.gate\..*\n/g, ""))
    const again = await run("hub", "prepare", "--folder", machines.hub)
    expect(again.err).toContain("is written anew")
    expect(again.err).toContain("--signal reload=")
    expect(readFileSync(accounts, "utf8")).toBe(written)
    expect((await run("hub", "prepare", "--folder", machines.hub)).err).not.toContain("is written anew")

    const [one, two] = [accessIn(machines.hub, "boxes/gate-1.json"), accessIn(machines.hub, "boxes/gate-2.json")]
    expect([await whyOut(one), await whyOut(two)]).toEqual([undefined, undefined])
    await staysWithinItsOwn(one, two.box)

    using other = tempFolder()
    const asked = { site: "gate", installedAt: "/etc/h", storeAt: "/var/h", sightingsBytesMax: 1 }
    await initHub(other.file("hub"), { ...asked, nodes: [{ name: "hub-1", host: "127.0.0.1", port: 4222 }] })
    const foreign = accessIn(other.file("hub"), "authority/keeper.json")
    const { cert, key } = foreign.tls
    expect(await whyOut({ ...one, nkeySeed: foreign.nkeySeed })).toContain("does not know this box's key")
    expect(await whyOut({ ...one, tls: { ...one.tls, cert, key } })).toContain("refuses this box's certificate")
    expect(await whyOut({ ...one, tls: { ca: one.tls.ca } as HubAccess["tls"] })).toContain("refuses this box's certificate")
    expect(await whyOut({ ...one, tls: { ...one.tls, ca: foreign.tls.ca } })).toContain(
      "not by the authority that this box trusts",
    )
    const { tls, ...inTheClear } = one
    expect(await whyOut(inTheClear as HubAccess)).toBeDefined()
  })

  test("lets a box that was removed in no more, breaks its line, and keeps the others' lines", async () => {
    await using machines = tempMachines()
    await machines.follow(await machines.init(1))
    const [gone, stays] = [await added(machines, "gate-8"), await added(machines, "gate-9")]
    const lines = await Promise.all([connectLine(await loadNats(), gone), connectLine(await loadNats(), stays)])
    const [goneLine, staysLine] = lines.map((line) => {
      if (line.kind === "failed") throw new Error(line.why)
      return line.value
    })
    const { steps } = await json<Added>("hub", "remove-box", "gate-8", "--folder", machines.hub)
    expect(goneLine?.isUp()).toBe(true)
    await machines.follow(steps)
    for (let tries = 0; goneLine?.isUp() && tries < 400; tries++) await Bun.sleep(25)
    expect({ gone: goneLine?.isUp(), stays: staysLine?.isUp(), breaks: staysLine?.generation() }).toEqual({
      gone: false,
      stays: true,
      breaks: 1,
    })
    await Promise.all([goneLine?.close(), staysLine?.close()])
    expect(await whyOut(gone)).toContain("does not know this box's key: it was never let in, or was revoked")
    expect(await whyOut(stays)).toBeUndefined()
    expect(existsSync(join(machines.hub, "boxes/gate-8.json"))).toBe(false)
    expect(await json<readonly object[]>("hub", "boxes", "--folder", machines.hub)).toMatchObject([
      { name: "gate-1" },
      { name: "gate-9" },
    ])
  })

  test("asks its server to write what it acknowledges, and an old server refuses that", async () => {
    await using machines = tempMachines()
    await machines.init(1)
    const configuration = join(machines.hub, "nodes/hub-1/nats-server.conf")
    const text = readFileSync(configuration, "utf8")
    expect(text).toMatch(/^jetstream \{\n(.*\n)*? {4}sync_interval: always\n\}$/m)
    await Bun.write(configuration, text.replaceAll(machines.file("hub-1", "etc"), join(machines.hub, "nodes/hub-1")))
    const { exitCode, stderr } = Bun.spawnSync([program, "-t", "-c", configuration])
    expect(exitCode === 0).toBe(knowsSyncInterval)
    if (!knowsSyncInterval) expect(stderr.toString()).toContain('unknown field "sync_interval"')
  })
})

/** What a box may not do with the key that the hub gave it. */
async function staysWithinItsOwn(access: HubAccess, other: string): Promise<void> {
  const packages = await loadNats()
  const opened = await openNatsHub(access)
  const connected = await connectLine(packages, access)
  if (opened.kind === "failed" || connected.kind === "failed") throw new Error("the box was let in before")
  const [hub, { connection, close }] = [opened.value, connected.value]
  const life = "000000000001"
  const bytes = new Uint8Array(8)
  expect(await hub.write("sightings", `${access.box}.${life}`, bytes, 0)).toMatchObject({ kind: "written" })
  expect(await hub.write("sightings", `${other}.${life}`, bytes, 0)).toMatchObject({ kind: "refused" })
  expect(await hub.write("records", "00aa", bytes, 0)).toMatchObject({ kind: "written" })
  expect(await hub.write("erasures", "00aa", bytes, 0)).toMatchObject({ kind: "written" })
  expect(await hub.mark("records", "a marker")).toEqual({ kind: "marked" })
  expect(await hub.read("records", 0, 10)).toMatchObject({ kind: "read", isEnd: true })
  expect(await hub.lease.write("janitor", 0)).toMatchObject({ kind: "written" })

  const forbidden = [
    "$JS.API.STREAM.PURGE.g-gate",
    "$JS.API.STREAM.DELETE.x-gate",
    "$JS.API.STREAM.UPDATE.g-gate",
    "$JS.API.STREAM.CREATE.another",
    "$JS.API.STREAM.MSG.DELETE.x-gate",
    "$JS.API.STREAM.SNAPSHOT.g-gate",
    "g.another.00aa",
    `${inboxPrefix(other)}.1`,
    "$SYS.REQ.SERVER.PING",
  ]
  for (const subject of forbidden) {
    const asked = connection.request(subject, "{}", { timeout: 2000 }).then(
      () => ({ kind: "answered" }),
      (error: unknown) => meaningOf(packages, error),
    )
    expect({ subject, ...(await asked) }).toMatchObject({ subject, kind: "refused" })
  }
  for (const subject of ["g.gate.>", ">", `${inboxPrefix(other)}.>`]) {
    const answer = Promise.withResolvers<unknown>()
    connection.subscribe(subject, { callback: (error) => answer.resolve(error) })
    const heard = await Promise.race([answer.promise, Bun.sleep(2000)])
    expect({ subject, isRefused: heard instanceof packages.transport.PermissionViolationError }).toEqual({
      subject,
      isRefused: true,
    })
  }
  await sendsNothingThroughTheHub(access, connected.value, other)
  await Promise.all([hub.close(), close()])
}

/** A consumer's answers go where whoever makes it says, without a look at permissions: streams must not take them for commands. */
async function sendsNothingThroughTheHub(access: HubAccess, { connection }: Line, other: string): Promise<void> {
  const inbox = `${inboxPrefix(access.box)}.own`
  const arrived = Promise.withResolvers<void>()
  connection.subscribe(inbox, { callback: () => arrived.resolve() })
  for (const [i, subject] of ["$JS.API.STREAM.DELETE.x-gate", `s.gate.${other}.00000000000a`, inbox].entries()) {
    const config = { name: `sly-${i}`, deliver_subject: subject, ack_policy: "none", deliver_policy: "all", mem_storage: true }
    const asked = JSON.stringify({ stream_name: "g-gate", config: { ...config, inactive_threshold: 60e9 } })
    await connection.request(`$JS.API.CONSUMER.CREATE.g-gate.sly-${i}`, asked, { timeout: 2000 })
  }
  // What it wrote to the records before came to where it may listen, and by then to nowhere else.
  expect(await Promise.race([arrived.promise.then(() => true), Bun.sleep(10_000)])).toBe(true)
  const stateOf = async (stream: string) =>
    (await connection.request(`$JS.API.STREAM.INFO.${stream}`)).json<{ state?: { messages: number } }>().state
  expect(await stateOf("x-gate")).toMatchObject({ messages: 1 })
  expect(await stateOf("s-gate")).toMatchObject({ messages: 1 })
}

describe("a hub of three servers", () => {
  test("loses one and goes on; a box's certificate makes no server", async () => {
    await using machines = tempMachines()
    await machines.follow(await machines.init(3))
    const box = await added(machines, "gate-5")
    expect(box.servers).toHaveLength(3)
    await machines.kill("hub-2")
    const file = join(machines.hub, "boxes/gate-5.json")
    // Servers that lose a leader wait 4 to 9 s before they vote, and vote again where votes are split; there are six leaders to find.
    expect(await run("hub", "check", file, "--wait", "60")).toMatchObject({ out: expect.stringContaining("lets gate-5 in") })

    // What was a box joins as the server that is missing.
    const own = { pem: machines.file("hub-2", "etc/server.pem"), key: machines.file("hub-2", "etc/server.key") }
    const rightful = { pem: await Bun.file(own.pem).text(), key: await Bun.file(own.key).text() }
    await Bun.write(own.pem, box.tls.cert)
    await Bun.write(own.key, box.tls.key)
    await machines.startServer("hub-2")
    await Bun.sleep(2500)
    expect(await routesOf(machines, "hub-1")).toEqual(["hub-3"])
    const [, second = ""] = box.servers
    expect(await whyOut({ ...box, servers: [second] })).toContain("not by the authority that this box trusts")

    await machines.kill("hub-2")
    await Bun.write(own.pem, rightful.pem)
    await Bun.write(own.key, rightful.key)
    await machines.startServer("hub-2")
    for (let tries = 0; (await routesOf(machines, "hub-1")).length < 2 && tries < 240; tries++) await Bun.sleep(250)
    expect(await routesOf(machines, "hub-1")).toEqual(["hub-2", "hub-3"])
  }, 120_000)
})

/** Who is in the cluster with a server, as the server says. */
async function routesOf(machines: Machines, name: string): Promise<readonly string[]> {
  const ids = new Map<string, string>()
  for (const other of ["hub-1", "hub-2", "hub-3"])
    ids.set((await monitored<{ server_id: string }>(machines, other, "varz"))?.server_id ?? "", other)
  const found = await monitored<{ routes: readonly { remote_id: string }[] | null }>(machines, name, "routez")
  return [...new Set((found?.routes ?? []).map(({ remote_id }) => ids.get(remote_id) ?? remote_id))].sort()
}

/** What a server tells its own machine; nothing when it does not run. */
async function monitored<Out>(machines: Machines, name: string, what: string): Promise<Out | undefined> {
  const text = await Bun.file(machines.file(name, "etc/nats-server.conf")).text()
  const answer = await fetch(`http://${/^http: "(.+)"$/m.exec(text)?.[1]}/${what}`).catch(() => undefined)
  return (await answer?.json()) as Out | undefined
}

describe("the folder of a hub", () => {
  test("shows its secrets to its owner alone, and is never made twice", async () => {
    await using machines = tempMachines()
    await machines.init(1)
    await json<Added>("hub", "add-box", "gate-1", "--folder", machines.hub)
    const secrets = ["authority/hub-ca.key", "authority/boxes-ca.key", "authority/keeper.json", "authority/operator.nk"]
    for (const file of [...secrets, "nodes/hub-1/server.key", "boxes/gate-1.json"])
      expect({ file, mode: statSync(join(machines.hub, file)).mode & 0o777 }).toEqual({ file, mode: 0o600 })
    expect(statSync(machines.hub).mode & 0o777).toBe(0o700)
    const before = readFileSync(join(machines.hub, "authority/hub-ca.key"), "utf8")
    const again = await run("hub", "init", "--site", "gate", "--host", "hub.example", "--folder", machines.hub)
    expect(again).toMatchObject({ code: 3, err: expect.stringContaining("a hub's keys are made once") })
    expect(readFileSync(join(machines.hub, "authority/hub-ca.key"), "utf8")).toBe(before)
    for (const secret of ["SU", "PRIVATE KEY"]) {
      const open = ["hub.json", "nodes/hub-1/accounts.conf", "nodes/hub-1/nats-server.conf"]
      for (const file of open) expect(readFileSync(join(machines.hub, file), "utf8")).not.toMatch(new RegExp(`\\b${secret}`))
    }
  })

  test("has a unit that systemd understands", async () => {
    await using machines = tempMachines()
    await machines.init(1)
    const unit = join(machines.hub, "nodes/hub-1/gatehouse-hub.service")
    // Where nats-server is no system's program, the unit's judge must not stop at that.
    await Bun.write(unit, (await Bun.file(unit).text()).replace("ExecStart=nats-server", `ExecStart=${program}`))
    const { stderr } = Bun.spawnSync(["systemd-analyze", "verify", unit])
    expect(stderr.toString()).not.toMatch(/gatehouse-hub\.service[:,]/)
  })

  test("has a box once, and tells what it does not understand", async () => {
    await using machines = tempMachines()
    await machines.init(1)
    await json<Added>("hub", "add-box", "gate-1", "--folder", machines.hub)
    const failures = {
      "add-box gate-1": "has a box gate-1 already",
      "add-box Gate-1": "a box's name is small letters, digits and dashes",
      "add-box ../x": "a box's name is small letters, digits and dashes",
      "remove-box gate-7": "the hub has no box gate-7",
    }
    for (const [command, why] of Object.entries(failures))
      expect(await run("hub", ...command.split(" "), "--folder", machines.hub)).toMatchObject({
        code: 3,
        err: expect.stringContaining(why),
      })
    expect(await run("hub", "boxes", "--folder", machines.file("nowhere"))).toMatchObject({
      code: 3,
      err: expect.stringContaining("holds no hub.json"),
    })
    const noAccess = await run("hub", "check", join(machines.hub, "hub.json"))
    expect(noAccess).toMatchObject({ code: 3, err: expect.stringContaining("not what `gatehouse hub add-box` writes") })
  })
})

describe("servers by what is typed", () => {
  test.each([
    [["hub.example"], [{ name: "hub-1", host: "hub.example", port: 4222 }]],
    [["10.0.0.7:5222"], [{ name: "hub-1", host: "10.0.0.7", port: 5222 }]],
    [["[fd00::7]:5222"], [{ name: "hub-1", host: "fd00::7", port: 5222 }]],
  ])("%j", (typed, nodes) => {
    expect(nodesOf(typed)).toEqual({ kind: "ok", value: nodes })
  })

  test.each([
    [["a", "b"], "one server or three"],
    [["a", "a", "b"], "two servers would listen at a:4222"],
    [["a:4222", "a:6222", "b"], "two servers would listen at a:6222"],
    [["a:65000"], "the port is one from 1 to 61535"],
    [["a b"], "say a host's name or address"],
    [['a"'], "say a host's name or address"],
  ])("%j is refused", (typed, why) => {
    expect(nodesOf(typed)).toEqual({ kind: "failed", why: expect.stringContaining(why) })
  })
})
