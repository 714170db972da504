import { expect, test } from "bun:test"
import { cpSync } from "node:fs"
import { randomFrom } from "../gallery/support.ts"
import { openPeopleBox, plant, tracesIn } from "../people/support.ts"
import { tempFolder } from "../support/shared.ts"

const kills = 12

test(`${kills} kills while people are erased: whoever was asked for is gone after the next start, and nobody else`, async () => {
  using whole = tempFolder()
  const first = await openPeopleBox({ folder: whole })
  const people = Array.from({ length: 12 }, (_, i) => plant(first, i))
  await first.close()
  const [leaving, staying] = [people.slice(0, 8), people.slice(8)]
  const ids = leaving.map(({ subjectId }) => subjectId)

  const random = randomFrom(5)
  let halfWay = 0
  for (let round = 0; round < kills; round++) {
    using folder = tempFolder()
    cpSync(whole.path, folder.path, { recursive: true })
    await killDuring(folder.path, ids, random() * 400)
    await using box = await openPeopleBox({ folder })
    const asked = new Set(box.people.erasures().map(({ subjectId }) => subjectId))
    for (const { subjectId } of leaving)
      if (asked.has(subjectId)) expect(await box.people.erase(subjectId, 20_000)).toMatchObject({ kind: "erased" })
    if (asked.size > 0 && asked.size < leaving.length) halfWay++
    expect(
      tracesIn(
        folder.path,
        leaving.filter(({ subjectId }) => asked.has(subjectId)),
      ),
    ).toEqual([])
    for (const { subjectId, name } of [...staying, ...leaving.filter((one) => !asked.has(one.subjectId))]) {
      expect(box.gallery.subject(subjectId)).toMatchObject({ name, faceCount: 2 })
      expect(box.sightings.list({ subjectId }, 10).items).toHaveLength(2)
    }
    expect(box.store.prepare("pragma integrity_check").get()).toEqual({ integrity_check: "ok" })
  }
  expect(halfWay).toBeGreaterThan(0)
}, 60_000)

async function killDuring(folder: string, ids: readonly string[], afterMs: number): Promise<void> {
  const child = Bun.spawn([process.execPath, require.resolve("./erasing-process.ts"), folder, ...ids], { stderr: "inherit" })
  for await (const bytes of child.stdout)
    if (Buffer.from(bytes).includes("begun")) setTimeout(() => child.kill("SIGKILL"), afterMs)
  await child.exited
}
