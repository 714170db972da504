import { expect, test } from "bun:test"
import { join } from "node:path"
import sharp from "sharp"
import { projectRoot } from "../../app/base/paths.ts"
import { startBox } from "../support/box.ts"
import { tempFolder } from "../support/shared.ts"

// A woman in a group picture of the development package, so that every checkout has her.
const group = join(projectRoot, "node_modules/@vladmandic/face-api/demo/sample6.jpg")

interface Enrolled {
  readonly face: { readonly id: string; readonly hasImage: boolean }
  readonly lookAlikes: readonly { readonly name: string; readonly decision: string }[]
}

test("the picture kept of a face still stands for the person; the same face under a second name is told", async () => {
  using folder = tempFolder()
  await using box = await startBox(folder.path, { GATEHOUSE_ENGINES: "1", GATEHOUSE_MODEL_SET: "default" })
  const photo = await sharp(group).extract({ left: 1340, top: 80, width: 490, height: 650 }).jpeg({ quality: 90 }).toBuffer()
  const enrol = async (name: string): Promise<Enrolled> => {
    const json = { "content-type": "application/json" }
    const created = await box.ask("/v1/subjects", { method: "POST", body: JSON.stringify({ name }), headers: json })
    const { id } = (await created.json()) as { id: string }
    const headers = {
      "content-type": "image/jpeg",
      "x-deadline-ms": "30000",
      "idempotency-key": `face of ${name}`.replaceAll(" ", "-"),
    }
    const added = await box.ask(`/v1/subjects/${id}/faces`, { method: "POST", body: new Uint8Array(photo), headers })
    expect(added.status).toBe(201)
    return (await added.json()) as Enrolled
  }
  const first = await enrol("Vera")
  expect(first).toMatchObject({ face: { hasImage: true }, lookAlikes: [] })
  expect((await enrol("Vera again")).lookAlikes).toMatchObject([{ name: "Vera", decision: "match" }])

  const image = await box.ask(`/v1/faces/${first.face.id}/image.jpg`)
  expect([image.status, image.headers.get("content-type")]).toEqual([200, "image/jpeg"])
  const kept = await image.bytes()
  const { width, height, format } = await sharp(kept).metadata()
  expect([format, Math.max(width, height) <= 256, Math.min(width, height) > 100]).toEqual(["jpeg", true, true])
  const headers = { "content-type": "image/jpeg", "x-deadline-ms": "30000" }
  const asked = await box.ask("/v1/recognize", { method: "POST", body: kept, headers })
  expect(await asked.json()).toMatchObject({ faces: [{ decision: "match" }] })
})
