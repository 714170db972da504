import { expect, test } from "bun:test"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { smallDiskRefusal } from "../../scripts/faults/storage/small-disk.ts"

test.skipIf((await smallDiskRefusal()) !== undefined)(
  "on a full disk recognition goes on, old sightings leave, and nobody is forgotten",
  async () => {
    const script = join(projectRoot, "scripts/faults/full-disk.ts")
    // Each promise of the script is judged by the script itself.
    const child = Bun.spawn([process.execPath, script, "--pictures", "60", "--megabytes", "24"], {
      stdout: "pipe",
      stderr: "pipe",
    })
    const [said, complained, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
    expect({ code, said, complained }).toMatchObject({ code: 0 })
    expect(said.match(/^held/gm)).toHaveLength(5)
  },
  240_000,
)
