import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { createRandom } from "../../../app/base/random.ts"
import type { Row } from "../../../app/sync/box.ts"
import { idsOf } from "../../../app/sync/entity.ts"
import { createOpener } from "../../../app/sync/sealing.ts"
import { tempFolder } from "../../support/shared.ts"
import type { Given } from "./enrolling-process.ts"
import { boxNames, enrol, type GalleryBox, openGalleryBox, openSiteOf } from "./support.ts"

const rounds = Number(process.env.GATEHOUSE_SYNC_KILLS ?? 3)

test(`a box that is killed at ${rounds} random moments has a record of everything that was acknowledged, and of nothing else`, async () => {
  await using site = await openSiteOf(2)
  const other = site.boxes[1]!
  for (let i = 0; i < 300; i++) enrol(other, `Elsewhere ${i}`)
  other.side.recorder.drainAlone(Number.POSITIVE_INFINITY)
  using folder = tempFolder()
  using own = tempFolder()
  const givenFile = folder.file("given.json")
  const records = putsOf(other).map(({ record }) => record.bytes.toHex())
  const pairs = [...site.keys.pairs].map(([name, pair]) => [name, [pair.privateKey.toHex(), pair.publicKey.toHex()]] as const)
  writeFileSync(givenFile, JSON.stringify({ records, pairs: Object.fromEntries(pairs) } satisfies Given))
  const random = createRandom(3)
  const { open } = createOpener(site.keys.keysOf(boxNames[0]))
  const said: string[] = []
  for (let round = 0; round < rounds; round++) {
    said.push(...(await killedAfter(own.path, givenFile, random() * 400)))
    await using box = await openGalleryBox(boxNames[0], site.keys, site.line, { folder: own, isSealed: true })
    const told = (change: number) => putsOf(box).filter((row) => row.change > change).length
    expect(told(0)).toBeGreaterThan(0)
    box.side.recorder.drainAlone(Number.POSITIVE_INFINITY)
    const deleted = new Set(said.flatMap((line) => line.match(/^deleted (\S+)/)?.[1] ?? []))
    const acknowledged = said.flatMap((line) => line.match(/^enrolled \S+ (\S+)/)?.[1] ?? []).filter((id) => !deleted.has(id))
    const faces = new Set(putsOf(box).flatMap(({ record }) => idsOf(record.entity)[1] ?? []))
    expect(acknowledged.filter((id) => !faces.has(id))).toEqual([])
    expect(new Set([...faces].sort())).toEqual(new Set(facesOf(box)))
    for (const { record } of putsOf(box)) expect(open(record.bytes).kind).toBe("opened")
    expect(new Set(putsOf(box).map(({ record: { origin, sequence } }) => `${origin} ${sequence}`)).size).toBe(
      putsOf(box).length,
    )
  }
  expect(said.length).toBeGreaterThan(rounds)
}, 120_000)

/** What it said until then, whole lines. */
async function killedAfter(folder: string, givenFile: string, ms: number): Promise<readonly string[]> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "enrolling-process.ts"), folder, givenFile], {
    stdout: "pipe",
    stderr: "inherit",
  })
  const lines: string[] = []
  let rest = ""
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const parts = `${rest}${chunk}`.split("\n")
    rest = parts.pop() ?? ""
    lines.push(...parts)
    if (lines[0] === "begun" && lines.length > 5 && ms > 0) {
      await Bun.sleep(ms)
      ms = 0
      child.kill("SIGKILL")
    }
  }
  await child.exited
  return lines
}

const putsOf = (box: GalleryBox): readonly Row[] =>
  box.syncStore
    .ownTables({ afterCommit: () => undefined })
    .rowsAfter("records", 0, 1e6)
    .filter(({ record }) => record.kind === "put")

function facesOf({ gallery }: GalleryBox): readonly string[] {
  const ids: string[] = []
  for (let after = "", page = gallery.faceIdsAfter(after, 1000); page.length > 0; page = gallery.faceIdsAfter(after, 1000)) {
    ids.push(...page)
    after = page.at(-1)!
  }
  return ids
}
