import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../app/base/paths.ts"
import { migrations } from "../app/store/migrations/index.ts"
import { writeFixture } from "../tests/fixtures/fixture.ts"

/**
 * `bun scripts/fixture.ts`: writes tests/fixtures/data-<schema>, a small data folder as this program makes it. Run it once for
 * each schema, before the step after is added: boxes in the field hold such a folder, and every later program must open it.
 */
const folder = join(projectRoot, "tests/fixtures")
const target = join(folder, `data-${migrations.length}`)
if (existsSync(target)) {
  console.error(`${target} is there already: what an older program made is not made again by a newer one`)
  process.exit(1)
}
const draft = join(folder, `.draft-${process.pid}`)
mkdirSync(draft)
try {
  const expected = await writeFixture(draft)
  await Bun.write(join(draft, "expected.json"), `${JSON.stringify(expected)}\n`)
  renameSync(draft, target)
  console.log(`${target}: ${expected.subjects.length} people, ${expected.searches.length} searches`)
} finally {
  rmSync(draft, { recursive: true, force: true })
}
