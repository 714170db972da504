import { Database } from "bun:sqlite"
import { expect, setDefaultTimeout, test } from "bun:test"
import { openGallery } from "../../app/gallery/open.ts"
import { openStore } from "../../app/store/store.ts"
import { tempFolder } from "../support/shared.ts"
import { testVaultOf } from "../support/vault.ts"
import { randomFrom, randomVector, spaceOf } from "./support.ts"

setDefaultTimeout(120_000)

const space = spaceOf(128)
/** The promise asks for 50 in the long run; `GATEHOUSE_KILLS` sets it. */
const kills = Number(process.env.GATEHOUSE_KILLS ?? 20)

/** What the child said it had done, up to the moment it was killed. */
interface Acknowledged {
  readonly enrolled: Map<string, string>
  /** Announced. Killed before `deleted` was said, the person may be there or not. */
  readonly deleting: Set<string>
  readonly deleted: Set<string>
}

test(`nothing acknowledged is lost in ${kills} kills at random moments`, async () => {
  using folder = tempFolder()
  const path = folder.file("box.db")
  const random = randomFrom(7)
  const told: Acknowledged = { enrolled: new Map(), deleting: new Set(), deleted: new Set() }
  for (let round = 0; round < kills; round++) {
    const before = told.enrolled.size
    await runAndKill(path, told, random() * 40)
    expect(told.enrolled.size).toBeGreaterThan(before)

    const database = new Database(path)
    expect(database.query("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }])
    expect(database.query("pragma foreign_key_check").all()).toEqual([])
    // Log and table never part: what the log says was added and not deleted is there, and nothing else.
    const parted = database.query(`
      select entity_id as id from changes where entity = 'face' group by entity_id having max(kind = 'deleted') = 0
      except select id from faces`)
    expect(parted.all()).toEqual([])
    database.close()
  }

  const opened = openStore(path)
  if (opened.kind === "failed") throw new Error(opened.why)
  const gallery = await openGallery(opened.store, testVaultOf(opened.store))
  try {
    for (const [subjectId, faceId] of told.enrolled) {
      if (told.deleted.has(subjectId)) expect(gallery.subject(subjectId)).toBeUndefined()
      else if (!told.deleting.has(subjectId))
        expect(gallery.facesOf(subjectId, { limit: 10 })?.items.map(({ id }) => id)).toEqual([faceId])
    }
    expect(told.deleted.size).toBeGreaterThan(0)
    expect(gallery.indexStatus()[0]?.faces).toBe(gallery.counts().faces)
    expect(await gallery.search(space, randomVector(128, random), 3)).toHaveLength(3)
  } finally {
    await gallery.close()
    opened.store.close()
  }
})

/** Reads what the child acknowledges and kills it `afterMs` after its first word. */
async function runAndKill(path: string, told: Acknowledged, afterMs: number): Promise<void> {
  const child = Bun.spawn([process.execPath, require.resolve("./enrolling-process.ts"), path, space], { stderr: "inherit" })
  let text = ""
  let heard = false
  const decoder = new TextDecoder()
  for await (const bytes of child.stdout) {
    text += decoder.decode(bytes, { stream: true })
    if (!heard) setTimeout(() => child.kill("SIGKILL"), afterMs)
    heard = true
  }
  expect(await child.exited).toBe(137)
  // A line that was cut off was not heard.
  for (const line of text.split("\n").slice(0, -1)) {
    const [word, subjectId = "", faceId = ""] = line.split(" ")
    if (word === "enrolled") told.enrolled.set(subjectId, faceId)
    else if (word === "deleting") told.deleting.add(subjectId)
    else if (word === "deleted") told.deleted.add(subjectId)
  }
}
