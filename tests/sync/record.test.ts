import { describe, expect, test } from "bun:test"
import { createRandom } from "../../app/base/random.ts"
import { type Space, similarity, toUnit } from "../../app/face/embedding.ts"
import type { Quality } from "../../app/face/quality.ts"
import { encodeContent, type FaceContent, parseContent } from "../../app/sync/content.ts"
import { chipPart, entityOf } from "../../app/sync/entity.ts"
import { batchRecordsMax } from "../../app/sync/proof.ts"
import { parseRecord, recordBytesMax } from "../../app/sync/record.ts"
import { createOpener, type Draft, sealRecords } from "../../app/sync/sealing.ts"
import { stampAcceptedMax } from "../../app/sync/stamp.ts"
import { grow, shrink } from "../../app/sync/vector.ts"
import { flipped, testedSuites, utf8 } from "../vault/support.ts"
import { boxA, boxB, createSite, entity, originOf, version } from "./support.ts"

const random = createRandom(11)
const space = "mobilefacenet@0a1b2c3d/512" as Space
const vector = toUnit(Array.from({ length: 512 }, () => random() - 0.5))!
const quality: Quality = {
  score: 0.83,
  faceWidthPx: 212,
  eyeDistancePx: 91,
  brightness: 0.51,
  contrast: 0.2,
  sharpness: 0.7,
  yaw: -12,
  pitch: 4,
  roll: 1,
}
const person = { name: "Wang Xiaoming", externalId: "E10442", groups: ["staff"], metadata: { dept: "R&D", floor: 3 } }
const enrolment: FaceContent = { about: "face", space, source: "picture", vector: shrink(vector), quality, person }
const chip = {
  jpeg: Uint8Array.from(utf8("a jpeg")),
  size: { width: 256, height: 200 },
  landmarks: [
    [60, 80],
    [150, 82],
    [100, 120],
    [70, 160],
    [140, 161],
  ] as const,
}

describe.each(testedSuites)("$title", (suite) => {
  const site = createSite(suite, [boxA, boxB])
  const keys = site.keysOf(boxA)
  const { open } = createOpener(keys)
  const sealed = (drafts: readonly Draft[]) => sealRecords(keys, drafts)
  const one = (given: Partial<Draft> = {}) => sealed([{ version: version(), content: utf8("content"), ...given }])[0]!

  test("a record opens at each member of the site, with all that it said", () => {
    for (const kind of ["put", "del", "erase"] as const) {
      for (const path of [entity(1), entity(1, 2), entityOf(entity(1), entity(2), chipPart)!]) {
        const written = version({ kind, entity: path, sequence: 2 ** 40 })
        const content = kind === "put" ? utf8("who") : new Uint8Array()
        const record = one({ version: written, content })
        const opened = createOpener(site.keysOf(boxB)).open(record.bytes)
        expect(opened).toEqual({ kind: "opened", record: { ...written, bytes: record.bytes }, content: Buffer.from(content) })
      }
    }
  })

  test("an enrolment with name, number, group and labels takes at most 750 bytes", () => {
    const written = version({ sequence: 1_000_000 })
    const { bytes } = one({ version: written, content: encodeContent(enrolment) })
    expect(bytes.length).toBeLessThanOrEqual(750)
    expect(bytes.length).toBeGreaterThan(512)
  })

  test("of a batch each record is proved by itself, and by one signature", () => {
    for (const count of [2, 3, 5, 64, batchRecordsMax]) {
      const drafts = Array.from({ length: count }, (_, i) => ({
        version: version({ sequence: i + 1 }),
        content: utf8(`number ${i}`),
      }))
      const records = sealed(drafts)
      expect(new Set(records.map(({ bytes }) => bytes.subarray(-64).toHex())).size).toBe(1)
      const opened = [...records].reverse().map(({ bytes }) => open(bytes))
      expect(opened.map(({ kind }) => kind)).toEqual(records.map(() => "opened"))
      expect(records[0]!.bytes.length - one().bytes.length).toBeLessThanOrEqual(16 * Math.ceil(Math.log2(count)) + 16)
    }
    const more = sealed(
      Array.from({ length: batchRecordsMax + 1 }, (_, i) => ({ version: version({ sequence: i + 1 }), content: utf8("") })),
    )
    expect(new Set(more.map(({ bytes }) => bytes.subarray(-64).toHex())).size).toBe(2)
  })

  test("what is changed in any byte is refused, and says how", () => {
    const [first, second] = sealed([
      { version: version(), content: utf8("first") },
      { version: version({ sequence: 2 }), content: utf8("second") },
    ])
    const kinds = new Set<string>()
    for (const { bytes } of [first!.bytes, second!.bytes, one().bytes].flatMap((bytes) => [...flipped(bytes)])) {
      // Of whom it is and where it lies are parts of what is signed, so no change of a byte makes another true record.
      const opened = createOpener(keys).open(bytes)
      kinds.add(opened.kind)
      expect(opened.kind).not.toBe("opened")
    }
    expect(kinds).toContain("bad_signature")
    expect(kinds).toContain("unknown_box")
    expect(kinds).toContain("malformed")
  })

  test("a signature remembered of a batch proves no other record", () => {
    const [first, second] = sealed([
      { version: version(), content: utf8("first") },
      { version: version({ sequence: 2 }), content: utf8("second") },
    ])
    expect(open(first!.bytes).kind).toBe("opened")
    const proofBytes = 1 + 1 + 16 + 64
    const swapped = Buffer.concat([second!.bytes.subarray(0, -proofBytes), first!.bytes.subarray(-proofBytes)])
    expect(open(swapped).kind).toBe("bad_signature")
    const forged = sealRecords({ ...keys, pair: suite.signing.createKeyPair() }, [
      { version: version(), content: utf8("forged") },
    ])
    expect(open(forged[0]!.bytes).kind).toBe("bad_signature")
  })

  test("strangers, other sites, other suites and lost keys are told apart", () => {
    const stranger = sealRecords(keys, [{ version: version({ origin: originOf("0c0c0c0c") }), content: utf8("x") }])
    expect(open(stranger[0]!.bytes).kind).toBe("unknown_box")
    const asB = sealRecords(keys, [{ version: version({ origin: originOf(boxB) }), content: utf8("x") }])
    expect(open(asB[0]!.bytes).kind).toBe("bad_signature")
    const otherKey = sealRecords({ ...keys, siteKey: () => new Uint8Array(suite.keyBytes) }, [
      { version: version(), content: utf8("x") },
    ])
    expect(open(otherKey[0]!.bytes).kind).toBe("bad_seal")
    expect(createOpener({ ...keys, siteKey: () => undefined }).open(one().bytes)).toMatchObject({ kind: "no_key" })
    const others = testedSuites.find(({ name }) => name !== suite.name)!
    expect(createOpener({ ...keys, suite: others }).open(one().bytes).kind).toBe("other_suite")
  })

  test("nothing in a record is the content, and two of the same content are not alike", () => {
    const [a, b] = [one({ content: utf8("a name of some length") }), one({ content: utf8("a name of some length") })]
    expect(Buffer.from(a.bytes).includes("name")).toBe(false)
    expect(a.bytes.toHex()).not.toBe(b.bytes.toHex())
  })
})

describe("bytes of strangers", () => {
  const aes = testedSuites[0]!
  const keys = createSite(aes, [boxA]).keysOf(boxA)
  const good = sealRecords(keys, [{ version: version(), content: encodeContent(enrolment) }])[0]!.bytes

  test("each cut is refused, and so is each byte more", () => {
    for (let length = 0; length < good.length; length++) expect(parseRecord(good.subarray(0, length)).kind).toBe("malformed")
    expect(parseRecord(Buffer.concat([good, new Uint8Array(1)])).kind).toBe("malformed")
    expect(parseRecord(new Uint8Array(recordBytesMax + 1)).kind).toBe("malformed")
  })

  test("50,000 mutated records and contents are refused or read, and never an exception", () => {
    const { open } = createOpener(keys)
    const contents = [
      encodeContent(enrolment),
      encodeContent({ about: "person", person }),
      encodeContent({ about: "chip", chip }),
    ]
    const below = (count: number) => Math.floor(random() * count)
    let parsed = 0
    for (let i = 0; i < 25_000; i++) {
      const bytes = mutated(good, below)
      if (parseRecord(bytes).kind === "parsed") parsed++
      if (!Buffer.from(bytes).equals(good) && i % 20 === 0) expect(open(bytes).kind).not.toBe("opened")
      const content = parseContent(mutated(contents[i % 3]!, below))
      if (content?.about === "face") expect(content.vector.length).toBeLessThan(100_000)
    }
    // Mutants that nothing gets past would test nothing.
    expect(parsed).toBeGreaterThan(1000)
  })

  test("numbers beyond what a version can be are refused", () => {
    const refused = (given: Parameters<typeof version>[0], content: Uint8Array = new Uint8Array()) =>
      parseRecord(sealRecords(keys, [{ version: version(given), content }])[0]!.bytes)
    expect(refused({ stamp: stampAcceptedMax + 1 })).toMatchObject({ kind: "malformed", why: expect.stringContaining("stamp") })
    expect(refused({ sequence: 0 })).toMatchObject({ kind: "malformed", why: expect.stringContaining("sequence") })
    expect(refused({ kind: "erase" }, utf8("x"))).toMatchObject({ kind: "malformed", why: expect.stringContaining("erase") })
    expect(refused({ stamp: stampAcceptedMax })).toMatchObject({ kind: "parsed" })
  })
})

describe("contents", () => {
  test("come out as they went in", () => {
    const read = parseContent(encodeContent(enrolment))
    expect(read).toMatchObject({ about: "face", space, source: "picture", person })
    expect(read?.about === "face" && read.quality?.yaw).toBe(-12)
    expect(read?.about === "face" && read.quality?.score).toBeCloseTo(0.83, 2)
    const full = { ...person, validFromMs: 1, validUntilMs: 2 ** 42, consentNote: "signed\non paper", groups: [] }
    expect(parseContent(encodeContent({ about: "person", person: full }))).toEqual({ about: "person", person: full })
    for (const given of [chip, { ...chip, detected: chip.landmarks }]) {
      const read = parseContent(encodeContent({ about: "chip", chip: given }))
      expect(JSON.stringify(read)).toBe(JSON.stringify({ about: "chip", chip: given }))
    }
  })

  test("a vector keeps its direction to a thousandth", () => {
    expect(similarity(grow(shrink(vector))!, vector)).toBeGreaterThan(0.9995)
    expect(grow(shrink(new Float32Array(512)))).toBeUndefined()
  })

  test.each([
    ["a person without a name", { about: "person", person: { name: "" } }],
    ["a name that breaks a line", { about: "person", person: { name: "a\nb" } }],
    ["never valid", { about: "person", person: { name: "a", validFromMs: 2, validUntilMs: 1 } }],
    ["too deep", { about: "person", person: { name: "a", metadata: { a: { b: { c: { d: { e: { f: 1 } } } } } } } }],
    ["a space of no length", { ...enrolment, vector: new Int8Array() }],
    ["no space", { ...enrolment, space: "x" as Space }],
  ] as const)("%s is refused", (_what, content) => {
    expect(parseContent(encodeContent(content))).toBeUndefined()
  })
})

function mutated(bytes: Uint8Array, below: (count: number) => number): Uint8Array {
  const changed = Buffer.from(bytes)
  const kind = below(4)
  if (kind === 0) return changed.subarray(0, below(changed.length))
  if (kind === 1) return Buffer.concat([changed, new Uint8Array(below(9))])
  for (let i = 0; i < 1 + below(4); i++) changed[kind === 2 ? below(60) : below(changed.length)] = below(256)
  return changed
}
