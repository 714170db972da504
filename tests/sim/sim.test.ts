import { describe, expect, test } from "bun:test"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { mutants, plant } from "./mutants.ts"
import { simulate } from "./simulate.ts"

const small = { boxes: 8, operations: 800, suite: "plain" } as const

describe("a site in which everything goes wrong", () => {
  // With other seeds, and larger: scripts/sim.ts.
  test.each([
    [12, { ...small, boxes: 12, operations: 1500 }],
    [4, { ...small, boxes: 20, operations: 3000 }],
    [1, { ...small, suite: "aes" }],
    [1, { boxes: 4, operations: 60, suite: "gm" }],
  ] as const)("%d seeds: no record is lost, none comes back, all boxes agree: %p", async (seeds, scenario) => {
    const violated: unknown[] = []
    let crashes = 0
    for (let seed = 1; seed <= seeds; seed++) {
      const { violations, figures } = await simulate({ ...scenario, seed })
      if (violations.length > 0) violated.push({ seed, violations: violations.slice(0, 3) })
      crashes += figures.crashes ?? 0
    }
    expect(violated).toEqual([])
    if (scenario.operations > 1000) expect(crashes).toBeGreaterThan(0)
  })

  test("a seed does the same again", async () => {
    const once = async () => {
      const { figures } = await simulate({ ...small, seed: 77 })
      const { ms, healMs, rssMb, ...rest } = figures
      return rest
    }
    expect(await once()).toEqual(await once())
  })
})

describe("mutants are caught", () => {
  test.each(mutants.map((mutant) => [mutant.name, mutant] as const))("%s", async (_name, mutant) => {
    const root = await plant(mutant)
    try {
      const size = ["--boxes", String(small.boxes), "--operations", String(small.operations)]
      const seeds = ["--seeds", String(mutant.seeds ?? 30), "--until-violation"]
      const command = [process.execPath, join(root, "scripts/sim.ts"), ...size, ...seeds]
      const child = Bun.spawn(command, { cwd: root, stdout: "pipe", stderr: "pipe" })
      const [said, complained] = await Promise.all([child.stdout.text(), child.stderr.text()])
      expect(complained).toBe("")
      expect(said).toMatch(/\n {2}.*I[1-6]: /)
      expect(await child.exited).toBe(1)
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })
})
