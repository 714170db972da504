import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import {
  checkEngines,
  checkGallery,
  checkModels,
  checkNewSealing,
  checkRecoveryKey,
  checkSealing,
} from "../../app/cli/doctor/box.ts"
import { checkDataFolder } from "../../app/cli/doctor/data-folder.ts"
import { formatFindings } from "../../app/cli/doctor/finding.ts"
import { checkClock, checkMachine, readMachineFacts } from "../../app/cli/doctor/machine.ts"
import { parseSpace, type Space } from "../../app/face/embedding.ts"
import type { Gallery } from "../../app/gallery/gallery.ts"
import type { ModelListing } from "../../app/inference/models.ts"
import type { PoolStatus } from "../../app/inference/pool.ts"
import { exposureOf } from "../../app/vault/exposure.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import { onProcessor, placedAnywhere } from "../support/placement.ts"
import { tempFolder } from "../support/shared.ts"

function space(text: string): Space {
  const parsed = parseSpace(text)
  if (parsed === undefined) throw new Error(text)
  return parsed
}

test("this machine's facts are read from the kernel", () => {
  const facts = readMachineFacts()
  expect(facts.bunVersion).toBe(Bun.version)
  expect(facts.cores).toBeGreaterThan(0)
  if (process.platform !== "linux") return
  expect(facts.pageBytes).toBeGreaterThanOrEqual(4096)
  expect(facts.cpuFeatures?.length).toBeGreaterThan(5)
})

test("a processor without vector features and odd pages are warned of, with a remedy", () => {
  const facts = { ...readMachineFacts(), arch: "x64", cpuFeatures: ["sse2"], pageBytes: 8192 }
  const warned = checkMachine(facts).filter((finding) => finding.level === "warn")
  expect(warned.map((finding) => finding.subject)).toEqual(["cpu", "page size"])
  expect(warned.every((finding) => finding.remedy !== undefined)).toBe(true)
  const fine = checkMachine({ ...facts, cpuFeatures: ["avx2", "fma"], pageBytes: 65_536 })
  expect(fine.every((finding) => finding.level === "ok")).toBe(true)
  expect(fine[0]?.text).toContain("avx2 fma")
})

test("a clock out of step, and one nobody can judge, are warned of with a remedy for whoever keeps it", () => {
  const of = (clock: Parameters<typeof checkClock>[0]["clock"]) => checkClock({ clock, timeZone: "Asia/Shanghai" })
  expect(of({ state: "synchronised", keeper: "chrony", errorMsMax: 1.6 })).toEqual({
    level: "ok",
    subject: "clock",
    text: "synchronised to 2 ms, kept by chrony, time zone Asia/Shanghai",
  })
  expect(of({ state: "unsynchronised", errorMsMax: 16_000 })).toMatchObject({
    level: "warn",
    remedy: expect.stringContaining("timedatectl set-ntp true"),
  })
  expect(of({ state: "unknown", keeper: "ntpd" })).toMatchObject({ level: "warn", remedy: expect.stringContaining("ntpd") })
})

test("the data folder: absent is fine, a file or a locked folder is not", async () => {
  using temp = tempFolder()
  const absent = await checkDataFolder(temp.file("not", "yet"))
  expect(absent[0]).toMatchObject({ level: "ok", text: expect.stringContaining("first start") })
  writeFileSync(temp.file("file"), "")
  expect((await checkDataFolder(temp.file("file")))[0]?.level).toBe("fail")
  expect((await checkDataFolder(temp.file("file", "below")))[0]?.level).toBe("fail")
})

test("a folder in the clear and a key beside the data are warned of, a locked one fails, and nothing is opened for a new one", () => {
  expect(checkSealing(exposureOf(undefined))).toMatchObject({
    level: "warn",
    text: expect.stringContaining("nothing is sealed"),
  })
  const apart = { from: "file", path: "/media/key/gatehouse.key", onDataDisk: false } as const
  expect(checkSealing(exposureOf(apart))).toMatchObject({ level: "ok", subject: "sealing" })
  expect(checkSealing(exposureOf({ ...apart, onDataDisk: true }))).toMatchObject({ level: "warn", remedy: expect.any(String) })
  expect(checkRecoveryKey(false)).toEqual([])
  expect(checkRecoveryKey(true)).toMatchObject([{ level: "warn", remedy: expect.stringContaining("vault recovery") }])
  expect(checkGallery({ kind: "locked", why: "bring that key back" }, undefined, new Set())).toEqual([
    { level: "fail", subject: "sealing", text: "the data folder is locked", remedy: "bring that key back" },
  ])
  const offered = { material: createMaterial(), source: apart }
  expect(checkNewSealing({ kind: "ok", value: [offered] }).level).toBe("ok")
  expect(checkNewSealing({ kind: "ok", value: [] }).text).toContain("nothing is sealed")
  expect(checkNewSealing({ kind: "failed", why: "chmod 0400 it" })).toMatchObject({ level: "fail", remedy: "chmod 0400 it" })
})

const whole = { role: "embedder", name: "e", version: "1", licence: "MIT", state: { kind: "ok" } } as const
const broken = { ...whole, name: "b", state: { kind: "failed", why: "b.onnx is missing" } } as const

test("a broken model fails in the set in use alone", () => {
  const listing = (inUse: ModelListing["inUse"]): ModelListing => ({
    sets: [
      { name: "first", space: "first@00000000/4", models: [broken] },
      { name: "second", space: "second@00000000/4", models: [whole] },
    ],
    inUse,
  })
  const level = (listed: ModelListing) => checkModels(listed).map((finding) => finding.level)
  expect(level(listing({ kind: "ok", value: "second" }))).toEqual(["ok", "warn", "ok"])
  expect(level(listing({ kind: "ok", value: "first" }))).toEqual(["ok", "fail", "ok"])
  expect(level(listing({ kind: "failed", why: "no set is whole" }))).toEqual(["fail", "warn", "ok"])
})

const status: PoolStatus = {
  state: "ready",
  reasons: [],
  engines: [{ pid: 1, provider: "cpu", state: "idle", busyForMs: 0, residentBytes: 0, runs: 0 }],
  restarts: 0,
  waiting: 0,
  waitingMax: 64,
  set: "first",
  placement: placedAnywhere,
  runtime: { name: "onnxruntime-node", version: "1.27.0", provider: "cpu", threads: 1 },
  models: [{ role: "embedder", name: "e", version: "1", loadMs: 10, warmMs: 20, goldenError: 1e-6, placement: onProcessor }],
}

test("engines: what runs is named; one that is missing fails", () => {
  const text = formatFindings(checkEngines({ kind: "ok", value: status }))
  expect(text).toContain("onnxruntime-node 1.27.0, provider cpu")
  expect(text).toContain("error 1.0e-6")
  const degraded = { ...status, state: "degraded" as const, reasons: ["1 of 2 engines are down"] }
  expect(checkEngines({ kind: "ok", value: degraded })[0]).toMatchObject({ level: "fail" })
  expect(checkEngines({ kind: "failed", why: "a file is missing" })[0]).toMatchObject({
    level: "fail",
    remedy: "a file is missing",
  })
})

test("faces of a space that nobody serves are warned of", () => {
  const [used, other, orphan] = [space("a@00000000/2"), space("b@00000000/2"), space("c@00000000/2")]
  const gallery = {
    counts: () => ({ subjects: 3, faces: 6, spaces: [used, other, orphan].map((of) => ({ space: of, faces: 2 })) }),
    indexStatus: () => [{ space: used, faces: 2, state: "ready" as const, progress: 1, variant: "avx2" }],
  } satisfies Pick<Gallery, "counts" | "indexStatus">
  const findings = checkGallery({ kind: "ok", value: gallery }, used, new Set<string>([used, other]))
  expect(findings.map(({ level, subject }) => `${level} ${subject}`)).toEqual([
    "ok gallery",
    "ok space",
    "warn space",
    "warn space",
    "ok index",
  ])
  expect(findings.find((finding) => finding.text.startsWith(orphan))?.remedy).toContain("bring that model back")
  expect(checkGallery({ kind: "failed", why: "disk" }, used, new Set())[0]?.level).toBe("fail")
})
