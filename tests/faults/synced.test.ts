import { expect, test } from "bun:test"
import { mkdirSync } from "node:fs"
import { askTraced } from "../../scripts/faults/storage/ask-traced.ts"
import { smallFrame } from "../../scripts/faults/storage/picture.ts"
import { parseTrace, straceRefusal } from "../../scripts/faults/storage/strace.ts"
import { checkSynced } from "../../scripts/faults/storage/synced.ts"
import { tempFolder } from "../support/shared.ts"

const refusal = await straceRefusal()

test.skipIf(refusal !== undefined)(
  "whatever is acknowledged was synced before, and a box that does not sync is found out",
  async () => {
    using folder = tempFolder()
    const picture = await smallFrame()
    for (const name of ["strict", "together", "relaxed"]) mkdirSync(folder.file(name))
    const strict = await askTraced(folder.file("strict"), 12, picture, false)
    expect(strict.answered).toBeGreaterThanOrEqual(12)
    expect(strict.early).toEqual([])
    // Sightings that wait for each other are answered when they are on the disk, too.
    const config = { sightings: { commitEveryMs: 1000 } }
    const together = await askTraced(folder.file("together"), 12, picture, false, config)
    expect(together.answered).toBeGreaterThanOrEqual(12)
    expect(together.early).toEqual([])
    const relaxed = await askTraced(folder.file("relaxed"), 12, picture, true)
    expect(relaxed.early).toHaveLength(relaxed.answered)
  },
  120_000,
)

const asked = `recvfrom(14<TCP:[a->b]>, "POST /v1/subjects HTTP/1.1\\r\\nHo"..., 524288, 0, NULL, NULL) = 52`
const wrote = `pwrite64(9</data/gatehouse.db-wal>, "\\0\\0"..., 4096, 32) = 4096`
const synced = "fsync(9</data/gatehouse.db-wal>) = 0"
const answered = `sendto(14<TCP:[a->b]>, "HTTP/1.1 201 Created\\r\\nETag"..., 470, 0, NULL, 0) = 470`

test.each([
  ["synced after the last write", [asked, wrote, wrote, synced, answered], 0],
  ["no sync at all", [asked, wrote, answered], 1],
  ["written again after the sync", [asked, wrote, synced, wrote, answered], 1],
  ["synced after the answer", [asked, wrote, answered, synced], 1],
  ["a sync of another file", [asked, wrote, "fsync(7</data/other>) = 0", answered], 1],
  ["a sync that failed", [asked, wrote, "fsync(9</data/gatehouse.db-wal>) = -1 EIO (Input/output error)", answered], 1],
  ["a sync that never reached the kernel", [asked, wrote, `${synced} (INJECTED)`, answered], 1],
  ["nothing written", [asked, answered], 1],
  ["a refusal may come without", [asked, wrote, answered.replace("201 Created", "503 Service")], 0],
])("of a trace: %s", (_what, lines, early) => {
  expect(checkSynced(parseTrace(lines.join("\n"))).early).toHaveLength(early)
})
