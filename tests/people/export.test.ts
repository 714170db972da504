import { expect, test } from "bun:test"
import { createHash } from "node:crypto"
import { unzipSync } from "fflate"
import sharp from "sharp"
import { coverFaces } from "../../app/events/pictures/cover.ts"
import { plainVaultOf, sealedVaultOf } from "../support/vault.ts"
import { faceBox, openPeopleBox, type PeopleBox, plant, space } from "./support.ts"

async function exported({ people }: PeopleBox, subjectId: string): Promise<Readonly<Record<string, Uint8Array>>> {
  const zip = people.export(subjectId)
  if (zip === undefined) throw new Error("no such person")
  return unzipSync(await new Response(zip).bytes())
}

const jsonIn = (files: Readonly<Record<string, Uint8Array>>, name: string) =>
  JSON.parse(Buffer.from(files[name] ?? new Uint8Array()).toString())

async function picture(width: number, height: number): Promise<Uint8Array<ArrayBuffer>> {
  const create = { width, height, channels: 3, background: { r: 250, g: 240, b: 30 } } as const
  return new Uint8Array(await sharp({ create }).jpeg().toBuffer())
}

test.each([
  ["plain", plainVaultOf],
  ["sealed", sealedVaultOf],
] as const)("everything held of a person, with a manifest, and nothing of anybody else (%s)", async (_kind, vaultOf) => {
  await using box = await openPeopleBox({ vaultOf: (store) => vaultOf(store) })
  const { gallery, sightings } = box
  const other = plant(box, 1)
  const asked = { ...plant(box, 2) }
  const frame = { width: 640, height: 480 }
  const seen = { box: faceBox, score: 0.9, qualityScore: 0.8, decision: "match" as const }
  const together = sightings.record({
    ...{ camera: "gate", requestId: crypto.randomUUID(), capturedAtMs: 1_700_000_000_000, image: frame },
    faces: [
      { ...seen, subjectId: asked.subjectId },
      { ...seen, box: { ...faceBox, x: 400 }, subjectId: other.subjectId },
    ],
    snapshot: await picture(640, 480),
  })
  if (together.kind !== "recorded") throw new Error(together.why)
  const files = await exported(box, asked.subjectId)
  const faceIds = gallery.facesOf(asked.subjectId, { limit: 10 })?.items.map(({ id }) => id) ?? []
  expect(jsonIn(files, "profile.json")).toMatchObject({
    id: asked.subjectId,
    name: asked.name,
    groups: ["staff"],
    faceCount: 2,
  })
  for (const [i, id] of faceIds.entries()) {
    const face = jsonIn(files, `faces/${id}.json`)
    expect(face).toMatchObject({ id, space, source: "picture", image: { width: 10, height: 10 } })
    expect(Buffer.from(Float32Array.from(face.vector).buffer).equals(asked.traces[`vector ${i}`] ?? Buffer.of())).toBe(true)
    expect(Buffer.from(files[`faces/${id}.jpg`] ?? []).equals(asked.traces[`chip ${i}`] ?? Buffer.of())).toBe(true)
  }
  const alone = Object.keys(files).filter((name) => /^sightings\/.*\.json$/.test(name))
  expect(alone).toHaveLength(3)
  // One that `plant` recorded with a stranger is no picture, and nobody can cover it; another shows the person alone.
  expect(alone.map((name) => jsonIn(files, name).picture).toSorted()).toEqual([
    expect.stringMatching(/jpg$/),
    expect.stringMatching(/jpg$/),
    "cannot be read, and so not covered",
  ])
  expect(jsonIn(files, `sightings/${together.sighting.id}.json`)).toMatchObject({
    camera: "gate",
    faces: [{ subjectId: asked.subjectId }],
    othersInTheFrame: 1,
  })

  const all = Object.values(files).map((bytes) => Buffer.from(bytes))
  for (const trace of [Buffer.from(other.name), Buffer.from(other.subjectId), ...Object.values(other.traces)])
    expect(all.some((bytes) => bytes.includes(trace))).toBe(false)

  const { files: told, ...about } = jsonIn(files, "manifest.json")
  expect(about).toMatchObject({ what: "everything held of one person", subjectId: asked.subjectId })
  expect(told.map(({ name }: { name: string }) => name)).toEqual(Object.keys(files).filter((name) => name !== "manifest.json"))
  for (const { name, bytes, sha256 } of told) {
    expect(files[name]?.length).toBe(bytes)
    expect(
      createHash("sha256")
        .update(files[name] ?? "")
        .digest("hex"),
    ).toBe(sha256)
  }
  expect(box.people.export(crypto.randomUUID())).toBeUndefined()
})

test("other faces are covered, not blurred, and the rest of the picture stays", async () => {
  const covered = await coverFaces(await picture(320, 240), { width: 640, height: 480 }, [{ ...faceBox, x: 400 }])
  const { data, info } = await sharp(covered).raw().toBuffer({ resolveWithObject: true })
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)]
  // The middle of the covered face and of the other one, in a picture of half the size.
  for (const part of at(230, 78)) expect(Math.abs(part - 128)).toBeLessThan(12)
  expect(at(80, 78)[0]).toBeGreaterThan(230)
  expect(await coverFaces(covered, { width: 640, height: 480 }, [])).toBe(covered)
})

test("whoever leaves in the middle stops it", async () => {
  await using box = await openPeopleBox()
  const { subjectId } = plant(box, 1)
  const reader = box.people.export(subjectId)?.getReader()
  expect((await reader?.read())?.done).toBe(false)
  await reader?.cancel()
  expect((await reader?.read())?.done).toBe(true)
})
