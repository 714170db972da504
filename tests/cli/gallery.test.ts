import { Database } from "bun:sqlite"
import { expect, setDefaultTimeout, test } from "bun:test"
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseSpace } from "../../app/face/embedding.ts"
import { openGallery } from "../../app/gallery/open.ts"
import { openStore } from "../../app/store/store.ts"
import { fillGallery } from "../../scripts/bench/search/fill.ts"
import { randomFrom, randomVector, spaceOf } from "../gallery/support.ts"
import { tempFolder } from "../support/shared.ts"
import { plainVaultOf } from "../support/vault.ts"

setDefaultTimeout(120_000)

const dimension = 16
const space = spaceOf(dimension)
const program = join(import.meta.dir, "../../app/main.ts")

/** The real command on a folder. */
async function run(work: string, data: string, ...more: readonly string[]) {
  const command = [process.execPath, program, "gallery", work, "--data", data, "--json", ...more]
  const child = Bun.spawn(command, { stderr: "inherit" })
  const text = await new Response(child.stdout).text()
  return { code: await child.exited, said: JSON.parse(text) as { spaces?: { snapshot?: object; snapshotBytes?: number }[] } }
}

test("stats, rebuild and check on a folder large enough for a graph, then with a damaged snapshot and a damaged vector", async () => {
  using folder = tempFolder()
  const database = folder.file("gatehouse.db")
  const opened = openStore(database)
  if (opened.kind === "failed") throw new Error(opened.why)
  const random = randomFrom(4)
  const vectors = (_: number, count: number) => {
    const all = new Float32Array(count * dimension)
    for (let i = 0; i < count; i++) all.set(randomVector(dimension, random), i * dimension)
    return all
  }
  fillGallery(opened.store, plainVaultOf(opened.store), { space, dimension, faces: 10_100, facesPerPerson: 1, vectors })
  opened.store.close()

  expect(await run("rebuild", folder.path)).toEqual({ code: 0, said: { faces: 10_100 } } as never)
  const [file = ""] = readdirSync(folder.file("index"))
  expect(file).toEndWith(".graph")
  expect(await run("check", folder.path)).toMatchObject({
    code: 0,
    said: { sound: true, spaces: [{ space, faces: 10_100, damaged: 0, missed: 0, snapshot: { kind: "taken_over" } }] },
  })
  const stats = await run("stats", folder.path)
  expect(stats).toMatchObject({ code: 0, said: { subjects: 10_100, faces: 10_100 } })
  expect(stats.said.spaces?.[0]?.snapshotBytes).toBeGreaterThan(1_000_000)

  writeFileSync(folder.file(join("index", file)), "no snapshot")
  expect(await run("check", folder.path)).toMatchObject({
    code: 1,
    said: { sound: false, spaces: [{ missed: 0, snapshot: { kind: "refused", why: expect.stringContaining("no snapshot") } }] },
  })

  const damaging = new Database(database)
  damaging.run("update faces set vector = zeroblob(64) where number = 7")
  damaging.close()
  expect(await run("check", folder.path)).toMatchObject({ code: 1, said: { spaces: [{ damaged: 1 }] } })
})

test("lookalikes names people who are there twice, by the threshold of the moment", async () => {
  using folder = tempFolder()
  const opened = openStore(folder.file("gatehouse.db"))
  if (opened.kind === "failed") throw new Error(opened.why)
  const gallery = await openGallery(opened.store, plainVaultOf(opened.store))
  const ofSet = parseSpace("mobilefacenet-dlib@778fd549/320")
  if (ofSet === undefined) throw new Error("not a space")
  const random = randomFrom(5)
  const vectors = Array.from({ length: 3 }, () => randomVector(320, random))
  for (const [i, vector] of [...vectors, vectors[0]!].entries()) {
    const { id } = gallery.createSubject(["Ada", "Grace", "Joan", "Ada L."][i]!)
    gallery.addFace({ subjectId: id, space: ofSet, vector, source: "vector" })
  }
  await gallery.close()
  opened.store.close()
  const { code, said } = await run("lookalikes", folder.path, "--set", "default")
  expect(code).toBe(1)
  expect(said as object).toMatchObject({
    faces: 4,
    cut: false,
    pairs: [{ similarity: expect.closeTo(1, 4), likely: "one_person", people: [{ name: "Ada" }, { name: "Ada L." }] }],
  })
  expect((said as { threshold?: number }).threshold).toBeCloseTo(0.8003, 2)
  expect((await run("lookalikes", folder.path, "--set", "default", "--threshold", "3")).code).toBe(3)
})
