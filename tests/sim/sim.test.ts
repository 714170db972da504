import { describe, expect, test } from "bun:test"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { mutants, plant } from "./mutants.ts"
import { simulate } from "./simulate.ts"

/** A minute for the largest of them, and a machine that has other things to do. */
const runMsMax = 10 * 60_000
const small = { boxes: 8, operations: 800, suite: "plain" } as const

describe("a site in which everything goes wrong", () => {
  // With other seeds, and larger: scripts/sim.ts.
  test.each([
    [12, { ...small, boxes: 12, operations: 1500 }],
    [36, { ...small, boxes: 20, operations: 5000 }],
    [1, { ...small, suite: "aes" }],
    [1, { boxes: 4, operations: 60, suite: "gm" }],
  ] as const)(
    "%d seeds: no record is lost, none comes back, all boxes agree: %p",
    async (seeds, scenario) => {
      const violated: unknown[] = []
      let crashes = 0
      for (let seed = 1; seed <= seeds; seed++) {
        const { violations, figures } = await simulate({ ...scenario, seed })
        if (violations.length > 0) violated.push({ seed, violations: violations.slice(0, 3) })
        crashes += figures.crashes ?? 0
      }
      expect(violated).toEqual([])
      if (scenario.operations > 1000) expect(crashes).toBeGreaterThan(0)
    },
    runMsMax,
  )

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
      const said = await (mutant.by === "session" ? runSession(root) : runSeeds(root))
      expect(said.exitCode).toBe(1)
      expect(said.text).toMatch(mutant.by === "session" ? /\n \d+ fail\n/ : /\n {2}I[1-6]: /)
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })
})

function runSeeds(root: string) {
  const size = ["--boxes", String(small.boxes), "--operations", String(small.operations)]
  return run(root, [join(root, "scripts/sim.ts"), ...size, "--seeds", "30", "--until-violation"])
}

const runSession = (root: string) => run(root, ["test", join(root, "tests/sync/session.test.ts")])

async function run(cwd: string, command: readonly string[]) {
  const child = Bun.spawn([process.execPath, ...command], { cwd, stdout: "pipe", stderr: "pipe" })
  const [out, error] = await Promise.all([child.stdout.text(), child.stderr.text()])
  return { exitCode: await child.exited, text: `${out}\n${error}` }
}
