import { Database } from "bun:sqlite"
import { describe, expect, setDefaultTimeout, test } from "bun:test"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { unzipSync } from "fflate"
import sharp from "sharp"
import { projectRoot } from "../../app/base/paths.ts"
import { selfCommand } from "../../app/base/self.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import { linesOf, zipOf } from "../enrolment/support.ts"
import { type RunningBox, startBox, testAdminKey } from "../support/box.ts"
import { openCollector } from "../support/collector.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"
import { lastWord, type Needle, needlesOf, type Planted, pictureNeedle, planted, searchFor, vectorNeedle } from "./planted.ts"

/** Two hundred people in a sealed box that works all day, and everything a box says of itself: none of them may be in it. */

setDefaultTimeout(180_000)

const people = 200
const dimension = 320
const space = `mobilefacenet-dlib@778fd549/${dimension}`
const camera = "the-door-of-quentin-zwiebel"
const json = { "content-type": "application/json" }
const jpeg = { "content-type": "image/jpeg" }
const patient = { "x-deadline-ms": "30000" }

/** So many of them are erased, deleted or merged into others in the course of the day, … */
const gone = 10
/** … and from there on to this one they are called by another name at its end. */
const renamedEnd = 100

/** Faces of photographs that every checkout has. */
const crops = [
  { file: "sample6.jpg", left: 150, top: 440, side: 400 },
  { file: "sample6.jpg", left: 1090, top: 260, side: 380 },
  { file: "sample5.jpg", left: 700, top: 60, side: 340 },
] as const

const photographs = await Promise.all(
  crops.map(({ file, left, top, side }) =>
    sharp(join(projectRoot, "node_modules/@vladmandic/face-api/demo", file))
      .extract({ left, top, width: side, height: side })
      .jpeg()
      .toBuffer(),
  ),
)

describe.each(["aes", "gm"] as const)("%s", (suite) => {
  test(`log, figures, traces, doctor and support bundle of a box with ${people} people name none of them`, async () => {
    using folder = tempFolder()
    await using collector = openCollector()
    const crowd = planted(people, dimension)
    const master = createMaterial()
    const needles: Needle[] = [
      ...needlesOf(crowd),
      ...photographs.map((bytes, n) => pictureNeedle(`photograph ${n}`, bytes)),
      { of: "camera", forms: [camera] },
      { of: "master key", forms: [master.toHex(), master.toBase64()] },
      { of: "admin key", forms: [testAdminKey] },
    ]
    const [config, log] = [folder.file("config.jsonc"), folder.file("box.log")]
    const settings = {
      vault: { suite },
      inference: { cache: { enabled: false } },
      http: { ratePerSecond: 0 },
      recognition: { decisions: { cameras: { [camera]: { falsePositiveRate: 0.001 } } } },
    }
    writeFileSync(config, JSON.stringify(settings))
    const env = {
      GATEHOUSE_CONFIG: config,
      GATEHOUSE_DATA: folder.file("data"),
      GATEHOUSE_MASTER_KEY: master.toHex(),
      GATEHOUSE_MODEL_SET: "default",
      GATEHOUSE_ENGINES: "1",
      GATEHOUSE_LOG: "trace",
    }
    const command = (...args: readonly string[]) => gatehouse(args, env)
    const told: Record<string, string | Uint8Array> = {}
    /** Answers are for whoever asks: they show that the search finds what is there. */
    const answers: Uint8Array[] = []
    {
      await using box = await startBox(folder.file("data"), { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }, log)
      const ids = await enrolAll(box, crowd)
      needles.push(...(await pictureWork(box, ids)))
      await ordinaryWork(box, crowd, ids)
      await badRequests(box, crowd, ids)
      await jobs(box, crowd)
      expect((await box.ask("/v1/system/backups", { method: "POST" })).status).toBeLessThan(300)

      for (let after = ""; ; ) {
        const page = await box.ask(`/v1/subjects?limit=1000${after}`)
        const bytes = await page.bytes()
        answers.push(bytes)
        const { next } = JSON.parse(Buffer.from(bytes).toString()) as { next?: string }
        if (next === undefined || next === null) break
        after = `&after=${next}`
      }
      for (const id of ids.slice(gone)) {
        const exported = unzipSync(await (await box.ask(`/v1/subjects/${id}/export`)).bytes())
        answers.push(...Object.values(exported))
      }
      for (const path of ["/metrics", "/v1/system", "/readyz", "/v1/erasures", "/v1/system/backups"])
        told[path] = await (await box.ask(path)).bytes()
      const support = await command("support", folder.file("bundle.zip"), "--log", log, "--url", box.url)
      expect(support).toMatchObject({ code: 0, said: expect.stringContaining("look into") })
      told["doctor beside the box"] = (await command("doctor")).said
      told["vault status beside the box"] = (await command("vault", "status")).said
    }

    // Somebody turns a vector on the disk, and it is to be told of.
    const damaging = new Database(join(folder.file("data"), "gatehouse.db"))
    damaging.run("update faces set vector = zeroblob(1280) where number = 20")
    damaging.close()
    for (const args of commands(folder)) {
      const { code, said } = await command(...args)
      told[args.join(" ")] = said
      expect([args[0], [0, 1].includes(code)]).toEqual([args[0], true])
    }
    expect(told["gallery check"]).toContain("1 damaged")
    const files = unzipSync(readFileSync(folder.file("bundle.zip")))
    expect(Object.keys(files).sort()).toEqual([
      "findings.json",
      "log.jsonl",
      "manifest.json",
      "metrics.txt",
      "ready.json",
      "settings.json",
      "versions.json",
    ])
    told.log = readFileSync(log)
    told.traces = collector.bodies.join("\n")
    for (const [name, bytes] of Object.entries(files)) told[`${name} of the bundle`] = bytes
    expect(Buffer.from(files["log.jsonl"] ?? []).toString()).toContain('"route":"/v1/subjects/{id}/faces"')
    expect(Buffer.from(files["settings.json"] ?? []).toString()).toContain('"camera 1"')

    // Whoever is told nothing finds nothing either: the day is in the log, and the search finds everybody in answers.
    for (const words of ["/v1/recognize", "/v1/enrolments", '"status":400', '"status":409', "people were erased"])
      expect(told.log.toString()).toContain(words)
    expect(told.traces).toContain("/v1/subjects/{id}/faces")
    const namesIn = searchFor(needles)
    const control = new Set(namesIn(Buffer.concat(answers)))
    expect(needles.map(({ of }) => of).filter((of) => isAnswered(of) && !control.has(of))).toEqual([])
    for (const { of, forms } of needles)
      for (const form of forms)
        if (!namesIn(Buffer.from(`{"msg":"${form}"}`, "latin1")).includes(of)) throw new Error(`${of} is not found as ${form}`)

    for (const [where, text] of Object.entries(told)) expect([where, namesIn(text)]).toEqual([where, []])
  })
})

/** What the answers of the box at the end of the day hold of the people planted. */
function isAnswered(of: string): boolean {
  const [, what, number] = /^(\w+) of (\d+)$/.exec(of) ?? []
  if (what === undefined || Number(number) < gone) return false
  const isRenamed = Number(number) < renamedEnd
  return what === "name" ? !isRenamed : what === "newName" ? isRenamed : true
}

/** Everybody with everything that a person may have, and a vector. */
async function enrolAll(box: RunningBox, crowd: readonly Planted[]): Promise<readonly string[]> {
  const ids: string[] = []
  for (const { name, externalId, badge, consentNote, vector } of crowd) {
    const body = JSON.stringify({ name, externalId, consentNote, metadata: { badge }, groups: ["staff"] })
    const made = await box.ask("/v1/subjects", {
      method: "POST",
      body,
      headers: { ...json, "idempotency-key": lastWord(badge) },
    })
    expect(made.status).toBe(201)
    const { id } = (await made.json()) as { id: string }
    const embedding = Buffer.from(vector.buffer).toString("base64")
    const face = await box.ask(`/v1/subjects/${id}/faces`, {
      method: "POST",
      body: JSON.stringify({ embedding: ids.length % 2 === 0 ? embedding : Array.from(vector), space }),
      headers: json,
    })
    expect(face.status).toBe(201)
    ids.push(id)
  }
  return ids
}

/** Faces by pictures, recognised again before a camera. @returns what is kept of them */
async function pictureWork(box: RunningBox, ids: readonly string[]): Promise<readonly Needle[]> {
  const found: Needle[] = []
  for (const [n, body] of photographs.entries()) {
    const id = ids[gone + n]
    const enrolled = await box.ask(`/v1/subjects/${id}/faces`, { method: "POST", body, headers: { ...jpeg, ...patient } })
    expect(enrolled.status).toBe(201)
    const { face } = (await enrolled.json()) as { face: { id: string } }
    const chip = await box.ask(`/v1/faces/${face.id}/image.jpg`)
    expect(chip.status).toBe(200)
    found.push(pictureNeedle(`chip ${n}`, await chip.bytes()))
    const path = `/v1/recognize?camera=${camera}&include=embedding`
    const seen = await box.ask(path, { method: "POST", body, headers: { ...jpeg, ...patient } })
    const { faces } = (await seen.json()) as { faces: { embedding: number[]; decision: string }[] }
    expect(faces[0]?.decision).toBe("match")
    found.push(vectorNeedle(`embedding ${n}`, Float32Array.from(faces[0]?.embedding ?? [])))
    const form = new FormData()
    form.append("file", new Blob([body], { type: "image/jpeg" }), `${camera}.jpg`)
    await box.ask("/v1/recognize", { method: "POST", body: form, headers: patient })
    await box.ask(`/ingest/${camera}`, { method: "POST", body, headers: jpeg })
  }
  return found
}

async function ordinaryWork(box: RunningBox, crowd: readonly Planted[], ids: readonly string[]): Promise<void> {
  const post = async (path: string, body: object = {}) =>
    (await box.ask(path, { method: "POST", body: JSON.stringify(body), headers: json })).status
  for (const { name, externalId, vector } of crowd.slice(0, 20)) {
    const found = await box.ask(`/v1/subjects?name=${encodeURIComponent(name)}`)
    expect(((await found.json()) as { items: object[] }).items).toHaveLength(1)
    await box.ask(`/v1/subjects?externalId=${encodeURIComponent(externalId)}`)
    expect(await post("/v1/search", { embedding: Array.from(vector), space })).toBe(200)
  }
  for (let n = gone; n < renamedEnd; n++) {
    const body = JSON.stringify({ name: crowd[n]?.newName })
    expect((await box.ask(`/v1/subjects/${ids[n]}`, { method: "PATCH", body, headers: json })).status).toBe(200)
  }
  expect(await post(`/v1/subjects/${ids[gone]}/impostors`, { embedding: Array.from(crowd[7]?.vector ?? []), space })).toBe(201)
  for (const id of ids.slice(0, 3)) expect(await post(`/v1/subjects/${id}/erase`)).toBe(200)
  for (const id of ids.slice(3, 6)) expect((await box.ask(`/v1/subjects/${id}`, { method: "DELETE" })).status).toBe(204)
  for (const [n, from] of ids.slice(6, gone).entries())
    expect(await post(`/v1/subjects/${ids[gone + n]}/merge`, { from })).toBe(200)
}

/** What callers do wrong, with somebody's name in it each time. */
async function badRequests(box: RunningBox, crowd: readonly Planted[], ids: readonly string[]): Promise<void> {
  const statuses = new Set<number>()
  for (const [n, { name, externalId, badge, newName, vector }] of crowd.entries()) {
    const word = lastWord(name)
    const floats = Array.from(vector)
    const taken = crowd[(n + 1) % people]?.externalId
    const bodies: readonly [string, string, unknown][] = [
      ["POST", "/v1/subjects", { name, [word]: badge }],
      ["POST", "/v1/subjects", { name: `${name}\n${newName}` }],
      ["POST", "/v1/subjects", { name: newName, externalId: taken }],
      ["POST", "/v1/subjects", `{"name":"${newName}`],
      ["PATCH", `/v1/subjects/${ids[n]}`, { externalId: taken }],
      ["POST", `/v1/subjects/${ids[n]}/faces`, { embedding: floats.slice(1), space }],
      ["POST", `/v1/subjects/${ids[n]}/faces`, { embedding: floats, space: `${word}@00000000/320` }],
      ["POST", `/v1/subjects/${ids[n]}/faces`, { image: Buffer.from(name).toString("base64") }],
      ["POST", "/v1/search", { embedding: [...floats, "x"], space }],
      ["DELETE", `/v1/subjects/${encodeURIComponent(name)}`, undefined],
      ["GET", `/v1/subjects?${word}=${encodeURIComponent(name)}`, undefined],
      ["GET", `/${encodeURIComponent(newName)}`, undefined],
    ]
    // Each of them of every eighth person, so that all of them are asked for and the day is not too long.
    for (const [method, path, body] of bodies.filter((_, place) => (place + n) % 8 < 3)) {
      const text = typeof body === "string" ? body : JSON.stringify(body)
      const headers = {
        ...json,
        "user-agent": newName.replace(/[^ -~]/g, ""),
        "idempotency-key": lastWord(crowd[(n + 2) % people]?.badge),
        "x-request-id": word,
        traceparent: word,
        tracestate: `${word}=1`,
        ...(n % 3 === 0 && { "x-deadline-ms": word }),
        ...(n % 7 === 0 && { "content-type": `text/${word}` }),
        ...(n % 11 === 0 && { "x-api-key": `${word}${word}` }),
      }
      statuses.add((await box.ask(path, { method, headers, ...(body !== undefined && { body: text }) })).status)
    }
    expect(externalId).not.toBe(taken ?? "")
  }
  expect([...statuses].sort()).toEqual(expect.arrayContaining([400, 401, 404, 409, 415, 422]))
}

/** Archives of people, one that is none, with names of files and folders that are names of people, and pictures that are none. */
async function jobs(box: RunningBox, crowd: readonly Planted[]): Promise<void> {
  const some = crowd.slice(100, 110)
  const lines = linesOf(
    ...some.map(({ newName, vector }) => ({ name: newName, embedding: Array.from(vector), space })),
    ...some.map(({ newName }) => ({ name: newName, [newName]: 1 })),
    ...some.map(({ newName }) => `{"name":"${newName}"`),
  )
  const files = some.flatMap(({ newName, badge }, n) => [
    [`${newName}/${badge}.jpg`, photographs[n % photographs.length] ?? new Uint8Array()] as const,
    [`${newName}/${badge} of nothing.jpg`, Buffer.from(newName)] as const,
  ])
  const none = { method: "POST", body: `no archive of ${some[0]?.newName}`, headers: { "content-type": "application/zip" } }
  expect((await box.ask("/v1/enrolments", none)).status).toBe(415)
  for (const [type, body] of [
    ["application/x-ndjson", lines],
    ["application/zip", zipOf(Object.fromEntries(files))],
  ] as const) {
    const accepted = await box.ask("/v1/enrolments", { method: "POST", body, headers: { "content-type": type } })
    expect(accepted.status).toBe(202)
    const { id } = (await accepted.json()) as { id: string }
    for (let state = ""; !["finished", "failed"].includes(state); await Bun.sleep(50))
      state = ((await (await box.ask(`/v1/enrolments/${id}`)).json()) as { state: string }).state
  }
}

/** What whoever runs a box looks at, and may show to others. */
function commands(folder: TempFolder): readonly (readonly string[])[] {
  return [
    ["doctor"],
    ["doctor", "--json"],
    ["vault", "status"],
    ["vault", "status", "--json"],
    ["gallery", "check"],
    ["gallery", "stats", "--json"],
    ["people", "erasures", "--json"],
    ["backup", folder.file("one.backup")],
    ["restore", folder.file("one.backup"), "--check"],
    ["models"],
  ]
}

/** The program as a shell starts it, both of its outputs together. */
async function gatehouse(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = Bun.spawn([...selfCommand(), ...args], {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { code, said: `${out}\n${err}` }
}
