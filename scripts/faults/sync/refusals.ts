import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { formatTable } from "../../../app/cli/terminal.ts"
import { chipPart, type Entity, entityOf } from "../../../app/sync/entity.ts"
import type { Stream } from "../../../app/sync/hub.ts"
import { type NatsHub, openNatsHub } from "../../../app/sync/nats/hub.ts"
import type { HubAccess } from "../../../app/sync/nats/setup/access.ts"
import { lfwPeople } from "../../../tests/support/lfw.ts"
import { natsVersion } from "../../../tests/sync/nats/server.ts"
import { check, conclude } from "../support/verdict.ts"
import { refusedAt, syncOf } from "./api.ts"
import { openTestedHub } from "./hub.ts"
import { createPeople, enrol, enrolPicture, systemOf, whoIs } from "./people.ts"
import { done, type Program } from "./program.ts"
import { settledOrThrow } from "./settle.ts"
import { openTestedSite } from "./site.ts"
import type { Somebody } from "./traces.ts"

const enrolled = 20
const waitMsMax = 30_000

/** Each way in that is none, tried at a real site: all are refused, and what is said of it names the reason. */
export async function runRefusals(program: Program): Promise<void> {
  await using site = await openTestedSite({ program, boxes: 2, config: { sync: { chips: true } } })
  const third = await site.join("gate-3")
  const { boxes, hub } = site
  const [one, two] = boxes as unknown as [(typeof boxes)[0], (typeof boxes)[0]]
  const people = createPeople((await systemOf(one)).models.space)
  const everybody: Somebody[] = []
  for (let number = 1; number <= enrolled; number++) everybody.push(await enrol(boxes[number % 3]!, people, number))
  const photographed = lfwPeople(2).slice(0, 2)
  const pictured: Somebody[] = []
  for (const { name, photos } of photographed) pictured.push(await enrolPicture(one, name, photos[0] ?? ""))
  await settledOrThrow(boxes)
  const told: { what: string; said: string; wanted: RegExp }[] = []
  const say = (what: string, said: string, wanted: RegExp) =>
    void told.push({ what, said: said.trim().replaceAll(/\s+/g, " "), wanted })

  await using foreign = await openTestedHub(1)
  const { access: stranger } = await foreign.letIn("stranger")
  const access = JSON.parse(readFileSync(third.accessFile, "utf8")) as HubAccess
  say(
    "a hub of another authority",
    await checkedWith({ ...access, tls: { ...access.tls, ca: stranger.tls.ca } }),
    /not by the authority that this box trusts/,
  )
  const { cert, key } = stranger.tls
  say(
    "a certificate by another authority",
    await checkedWith({ ...access, tls: { ...access.tls, cert, key } }),
    /refuses this box's certificate/,
  )
  say("no certificate", await whyNot({ ...access, tls: { ca: access.tls.ca } }), /refuses this box's certificate/)
  say(
    "a key that the hub does not know",
    await checkedWith({ ...access, nkeySeed: stranger.nkeySeed }),
    /does not know this box's key/,
  )

  const first = accessOf(one.name)
  await withHub(access, async (line) => {
    say(
      "a subject of another box: what cameras saw",
      await writing(line, "sightings", `${first.box}.00000000000a`),
      /does not let this box write/,
    )
    say(
      "a subject of another box: what it says of itself",
      await writing(line, "announcements", `${first.box}.04`),
      /does not let this box write/,
    )
  })

  await withHub(hub.keeper(), async (line) => {
    const tampered = await put(line, entityOf(everybody[2]!.subjectId, everybody[2]!.faceId)!, (bytes) =>
      bytes.with(bytes.length - 120, bytes[bytes.length - 120]! ^ 1),
    )
    say("a record that was changed", await refusal(tampered), /./)
    const [from, to] = [everybody[3]!, everybody[4]!]
    const face = await bytesAt(line, entityOf(from.subjectId, from.faceId)!)
    const misplaced = await put(line, entityOf(to.subjectId, to.faceId)!, () => face)
    say("a face that was put in another's place", await refusal(misplaced), /./)
    if (pictured.length === 2) {
      const [a, b] = pictured.map(({ subjectId, faceId }) => entityOf(subjectId, faceId, chipPart)!) as [Entity, Entity]
      const chip = await bytesAt(line, a)
      say("a chip that was put in another's place", await refusal(await put(line, b, () => chip)), /./)
    }
  })

  const stick = site.file("stick")
  mkdirSync(stick)
  await done(one.run("bundle", "export", "--to", stick, "--full"), "bundle export")
  const bundle = join(stick, readdirSync(stick).find((name) => !name.endsWith(".receipt")) ?? "")
  const second = await two.run("bundle", "import", bundle)
  say("a bundle whose records are all known", `${second.code}: ${second.out}${second.err}`, /^0: /)
  const replayed = await two.run("bundle", "import", bundle)
  say("… and once more", `${replayed.code}: ${replayed.out}${replayed.err}`, /^0: /)
  const bytes = readFileSync(bundle)
  writeFileSync(bundle, bytes.with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 1))
  const broken = await two.run("bundle", "import", bundle)
  say("a bundle that was changed", `${broken.code}: ${broken.out}${broken.err}`, /^[1-9]/)
  writeFileSync(bundle, bytes.subarray(0, bytes.length - 200))
  const cut = await two.run("bundle", "import", bundle)
  say("a bundle that was cut off", `${cut.code}: ${cut.out}${cut.err}`, /^[1-9]/)

  // Revoked in the site, and only then turned out at the hub: the first alone has to be enough.
  await done(one.run("sync", "revoke", third.box.name), "sync revoke")
  await Bun.sleep(3000)
  const after = await enrol(one, people, 900)
  await enrol(third.box, people, 901)
  await Bun.sleep(5000)
  const [afterAtThird, thirdAtOne] = [await whoIs(third.box, people, 900), await whoIs(one, people, 901)]
  say("a box that was revoked", (await syncOf(third.box)).why ?? "it says nothing", /revoked/)
  await hub.turnOut(third.box.name)
  await Bun.sleep(3000)
  say("… and turned out at the hub", await checkedWith(access), /does not know this box's key/)

  await settledOrThrow([one, two])
  const stillThere = []
  for (const [i, { subjectId }] of everybody.entries())
    for (const box of [one, two]) if ((await whoIs(box, people, i + 1))?.subjectId !== subjectId) stillThere.push(i + 1)
  console.log(
    formatTable(
      ["tried", "said"],
      told.map(({ what, said }) => [what, said.slice(0, 300)]),
    ),
  )
  await conclude(`ways in that are none: nats-server ${natsVersion()}`, [
    ...told.map(({ what, said, wanted }) => check(what, said.slice(0, 110), wanted.test(said))),
    check(
      "a box that was revoked reads nothing that came later",
      afterAtThird === undefined ? "nobody found" : String(afterAtThird.name),
      afterAtThird === undefined && after.faceId !== "",
    ),
    check(
      "… and what it enrols later is nowhere else",
      thirdAtOne === undefined ? "nobody found" : String(thirdAtOne.name),
      thirdAtOne === undefined,
    ),
    check(
      "nothing of it harmed the gallery of the others",
      `${stillThere.length} of ${2 * enrolled} not found`,
      stillThere.length === 0,
    ),
  ])

  /** What `gatehouse hub check` says to somebody with this access. */
  async function checkedWith(tried: HubAccess): Promise<string> {
    const file = site.file("tried.json")
    writeFileSync(file, JSON.stringify(tried))
    const { code, out, err } = await one.run("hub", "check", file, "--wait", "1")
    return code === 0 ? `let in: ${out}` : err
  }

  function accessOf(name: string): HubAccess {
    return JSON.parse(readFileSync(`${hub.machines.hub}/boxes/${name}.json`, "utf8")) as HubAccess
  }

  /** What both other boxes say of the entry that lies there. */
  async function refusal(sequence: number): Promise<string> {
    const giveUpTickMs = performance.now() + waitMsMax
    for (;;) {
      const said = await Promise.all([one, two].map((box) => refusedAt(box, sequence)))
      if (said.every((why) => why !== undefined)) return [...new Set(said)].join(" / ")
      if (performance.now() > giveUpTickMs) return "not refused"
      await Bun.sleep(250)
    }
  }
}

type Tried = Omit<HubAccess, "tls"> & { readonly tls: Partial<HubAccess["tls"]> & { readonly ca: string } }

async function whyNot(access: Tried): Promise<string> {
  const opened = await openNatsHub(access)
  if (opened.kind === "failed") return opened.why
  await opened.value.close()
  return "let in"
}

async function withHub(access: HubAccess, work: (hub: NatsHub) => Promise<void>): Promise<void> {
  const opened = await openNatsHub(access)
  if (opened.kind === "failed") throw new Error(opened.why)
  try {
    await work(opened.value)
  } finally {
    await opened.value.close()
  }
}

async function writing(hub: NatsHub, stream: Stream, key: string): Promise<string> {
  const written = await hub.write(stream, key, new Uint8Array(100), 0)
  return "why" in written ? written.why : written.kind
}

async function bytesAt(hub: NatsHub, entity: Entity): Promise<Uint8Array> {
  const latest = await hub.latest("records", entity)
  if (latest.kind !== "found") throw new Error(`nothing lies at ${entity}`)
  return latest.entry.bytes
}

/** Overwrites what lies there, as only somebody can who holds the hub. Its number. */
async function put(hub: NatsHub, entity: Entity, change: (bytes: Uint8Array) => Uint8Array): Promise<number> {
  const latest = await hub.latest("records", entity)
  if (latest.kind !== "found") throw new Error(`nothing lies at ${entity}`)
  const written = await hub.write("records", entity, change(latest.entry.bytes), latest.entry.sequence)
  if (written.kind !== "written") throw new Error(`not written at ${entity}: ${JSON.stringify(written)}`)
  return written.sequence
}
